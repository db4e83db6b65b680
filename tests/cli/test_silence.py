"""Where a number is missing, every output says why: theory, early warning, scaling, what was not reached, the data."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from mstage.__main__ import main
from tests.cli.run import mstage

SETTINGS = {
    "adam": "--optimizer adam --steps 200",
    "momentum": "--optimizer sgd:momentum=0.9 --steps 200",
    "short": "--until 8",
    "relu": "--activation relu --until 8",
    "flow": "--dynamics flow --until 8",
    "tiny": "--until 0.3",
}
TIMES = ("exit time", "10-90 % rise along z", "escape time")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep of each kind."""
    path = tmp_path_factory.mktemp("kinds")
    for name, options in SETTINGS.items():
        assert main(["train", "--width", "20", *options.split(), "-o", str(path / name)]) == 0
    return path


@pytest.mark.parametrize("source", ["adam", "momentum", "--optimizer adam", "--optimizer sgd:momentum=0.9"])
def test_theory_is_of_plain_descent(source: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = source.split() if source.startswith("-") else [str(folder / source)]
    predictions = json.loads(mstage(capsys, "predict", *arguments, "--format", "json").out)["runs"][0]["predictions"]
    for name in TIMES:
        assert predictions[name]["value"] is None
        assert "plain gradient descent" in predictions[name]["why"]
    assert "plain gradient descent" in mstage(capsys, "predict", *arguments).out
    plain = json.loads(mstage(capsys, "predict", "--optimizer", "sgd:momentum=0", "--format", "json").out)
    assert plain["runs"][0]["predictions"]["exit time"]["value"] > 0


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_what_needs_a_time_says_that_there_is_none(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "report", folder / name)
    assert "Theory: none, because" in outcome.out + outcome.err
    assert "Scaling: none, because" in outcome.out + outcome.err
    outcome = mstage(capsys, "drift", folder / name)
    assert "Early warning: none, because" in outcome.out + outcome.err


@pytest.mark.parametrize("name", ["short", "relu", "flow"])
def test_what_was_not_reached_has_its_horizon(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not by 8" in mstage(capsys, "report", folder / name).out
    assert "not by 8" in mstage(capsys, "drift", folder / name).out
    theory = json.loads(mstage(capsys, "report", folder / name, "--format", "json").out)["theory"]
    (escape,) = (one for one in theory if one["name"] == "escape time")
    assert escape["measured"] is None
    assert escape["missing"]["not_by"] == pytest.approx(8)
    (warning,) = json.loads(mstage(capsys, "drift", folder / name, "--format", "json").out)["warnings"]
    assert warning["escape"] is None
    assert warning["missing"]["not_by"] == pytest.approx(8)


def test_a_run_without_stages_says_so_everywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "too short" in mstage(capsys, "report", folder / "tiny").out
    for one in json.loads(mstage(capsys, "report", folder / "tiny", "--format", "json").out)["theory"]:
        assert one["measured"] is None
        assert one["missing"]["why"]


@pytest.mark.parametrize("output_format", ["table", "json", "csv"])
def test_what_was_done_to_a_table(
    output_format: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(k, (k * 7) % 11, k**2 % 13) for k in range(12)]
    text = io.StringIO()
    csv.writer(text).writerows([("a", "b", "y"), *rows, (1, "", 3)])
    (tmp_path / "t.csv").write_text(text.getvalue())
    monkeypatch.chdir(tmp_path)
    table = ("--data", "t.csv", "--target", "y", "--drop-missing", "--format", output_format)
    outcome = mstage(capsys, "predict", *table)
    said = outcome.out + outcome.err
    assert outcome.code == 0
    for part in ("12 samples", "2 inputs", "standardised", "ones", "1 row"):
        assert part in said, part
    assert (
        "as they are" in (raw := mstage(capsys, "predict", *table, "--no-standardise", "--no-intercept")).out + raw.err
    )
