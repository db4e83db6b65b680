"""`mstage train --dynamics flow`, and every other command on what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import Outcome, assert_refused, files_of, mstage

FLOW = ["train", "--dynamics", "flow", "--width", "30", "--seeds", "2", "--until", "40"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow, trained by the command."""
    from mstage.__main__ import main

    path = tmp_path_factory.mktemp("trained") / "flow"
    assert main([*FLOW, "-o", str(path)]) == 0
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_command_takes_it(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("detect-stages", "report", "drift", "condensation", "predict"):
        for form in ("table", "json", "csv"):
            outcome = mstage(capsys, command, trained, "--format", form)
            assert outcome.code == 0, outcome
            assert outcome.out
            assert command == "predict" or "learning" not in outcome.out
    resumed = mstage(capsys, "train", "--resume", "-o", trained)
    assert resumed == Outcome(0, "", f"{trained}: 2 runs had been trained already. Next: mstage report {trained}\n")


@pytest.mark.slow
def test_what_diverged_is_told_in_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The steps of a flow are ticks, which mean nothing to a reader."""
    flow = ["--dynamics", "flow", "--until", "5", "--width", "100", "--activation", "gelu", "--dtype", "float32"]
    (folder / "huge.csv").write_text("x,y\n-1e19,-1e-19\n1e19,3e-19\n5e18,-2e-19\n")  # whose square is no float32
    table = ["--data", "huge.csv", "--target", "y", "--no-standardise", "--no-intercept"]
    assert mstage(capsys, "train", *flow, *table, "--alpha", "0,12", "-o", "wild").code == 4
    told = mstage(capsys, "report", "wild")
    assert "diverged at time" in told.out
    (one,) = json.loads(mstage(capsys, "report", "wild", "--format", "json").out)["diverged"]
    assert (one["run"]["alpha"], one["step"], one["time"]) == (0, 0, 0)


@pytest.mark.slow
def test_report_tells_what_integration_took(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(mstage(capsys, "report", trained, "--format", "json").out)["integration"]
    assert 10 < found["steps"]["least"] <= found["steps"]["greatest"] < 60
    assert 2 * found["steps"]["least"] <= found["factorisations"] < 120
    assert f"{found['factorisations']} factorisations" in mstage(capsys, "report", trained).out


@pytest.mark.slow
def test_theory_of_a_flow_has_no_learning_rate(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = json.loads(mstage(capsys, "predict", trained, "--format", "json").out)["runs"]
    given = mstage(capsys, "predict", "--width", "30", "--dynamics", "flow", "--format", "json")
    assert asked == json.loads(given.out)["runs"]
    descent = json.loads(mstage(capsys, "predict", "--width", "30", "--format", "json").out)["runs"]
    exits = [run[0]["predictions"]["exit time"]["value"] for run in (asked, descent)]
    assert exits[0] < 0.99 * exits[1]  # lambda > log(1 + lr lambda) / lr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--learning-rate", "0.1"],
            r"learning-rate `0.1`: belongs to --dynamics descent; leave it out",
        ),
        (["--optimizer", "adam"], "optimizer `adam`: belongs to --dynamics descent"),
        (["--batch-size", "8"], "batch-size `8`: belongs to --dynamics descent"),
        (["--tolerance", "0"], r"tolerance 0\.0: has to be from 1e-12 to 0\.1 in float64"),
        (["--tolerance", "1e-8", "--dtype", "float32"], r"from 1e-06 to 0\.1 in float32"),
        (["--dynamics", "descent", "--tolerance", "1e-3"], r"belongs to --dynamics flow"),
        (["--dynamics", "flwo"], r"unknown dynamics `flwo`; known: descent, flow\. Did you mean `flow`\?"),
    ],
)
def test_what_does_not_go_with_a_flow(
    options: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = ["train", *FLOW[3:]] if "--dynamics" in options else FLOW
    assert_refused(mstage(capsys, *flow, *options, "-o", "x"), 2, message)
    assert files_of(folder) == []


def test_a_flow_ends_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    flow = ["train", "--dynamics", "flow", "-o", "x"]
    assert_refused(mstage(capsys, *flow), 2, "say how long to train, with --until TIME; --until 800 shows")
    assert_refused(mstage(capsys, *flow, "--steps", "9"), 2, "steps: a gradient flow chooses its own steps; .* --until")


@pytest.mark.slow
def test_dry_run_of_a_flow(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(mstage(capsys, *FLOW, "--dry-run", "--format", "json").out)
    assert 20 < found["programs"][0]["steps"] < 200
    assert found["total"]["seconds"] > 0
    assert files_of(folder) == []


@pytest.mark.slow
def test_runs_that_stop_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, *FLOW, "--stop-at", "0.2", "--snapshots", "2", "-o", "x")
    said = "x: 2 runs trained in T, 2 of them as far as --stop-at. Next: mstage report x\n"
    assert outcome == Outcome(0, "", said)
