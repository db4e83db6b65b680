"""Where a number is missing, every output says why: theory, early warning, scaling, what was not reached, the data."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mstage.__main__ import main
from mstage.store.commits import commit_file, read_commit
from mstage.store.reader import StoredSweep, open_sweep
from tests.cli.run import assert_refused, mstage

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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_what_needs_a_time_says_that_there_is_none(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "report", folder / name)
    assert re.search(r"exit time +none +\d.*\[1\]", outcome.out)  # measured by definition, on the clock that there is
    assert "[1] theory is of gradient flow and plain gradient descent" in outcome.out
    assert "Scaling: none, because" in outcome.out + outcome.err
    outcome = mstage(capsys, "drift", folder / name)
    assert "Early warning: none, because" in outcome.out + outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["short", "flow"])
def test_what_was_not_reached_has_its_horizon(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not by 8" in mstage(capsys, "report", folder / name).out
    assert "not by 8" in mstage(capsys, "drift", folder / name).out
    theory = json.loads(mstage(capsys, "report", folder / name, "--format", "json").out)["theory"]
    (escape,) = (one for one in theory if one["name"] == "escape time")
    assert escape["measured"]["spread"] is None
    assert escape["measured"]["absent"] == [{"why": "not escaped", "runs": 1, "not_by": pytest.approx(8)}]
    (warning,) = json.loads(mstage(capsys, "drift", folder / name, "--format", "json").out)["warnings"]
    assert warning["escape"] == escape["measured"]


@pytest.mark.slow
def test_what_theory_does_not_know_is_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of ReLU theory gives no T2; by its definition it is where the loss has first fallen below 0.9 R_lin."""
    theory = json.loads(mstage(capsys, "report", folder / "relu", "--format", "json").out)["theory"]
    found = {one["name"]: one for one in theory}
    loss = open_sweep(folder / "relu").loss.squeeze()
    below = int((loss.values < 0.9 * 0.1068141863489327).argmax())
    time = loss.time.values.ravel()
    escape = found["escape time"]
    assert escape["value"] is None
    assert time[below - 1] <= escape["measured"]["spread"]["median"] <= time[below]
    assert found["secondary level"]["measured"]["absent"][0]["why"] == "escaped before the loss came to rest"


@pytest.mark.slow
def test_a_run_without_stages_says_so_everywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "too short" in mstage(capsys, "report", folder / "tiny").out
    for one in json.loads(mstage(capsys, "report", folder / "tiny", "--format", "json").out)["theory"]:
        measured, detected = one["measured"], one["detected"]
        assert (measured["runs"], measured["of"]) == (int(measured["spread"] is not None), 1)
        assert bool(measured["absent"]) == (measured["spread"] is None) == (one["name"] != "initial level")
        assert detected is None or detected["absent"] == [{"why": "not detected", "runs": 1, "not_by": None}]


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


@pytest.mark.slow
def test_a_diverged_group_has_no_stages_of_theory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its plateau at 1e147 is no exit time that is off by 58,000 %."""
    sweep = ("train", "--learning-rate", "50", "--width", "20", "--steps", "60", "-o", tmp_path / "wild")
    assert mstage(capsys, *sweep).code == 4
    found = json.loads(mstage(capsys, "report", tmp_path / "wild", "--format", "json").out)["theory"]
    assert len(found) == 11
    for one in found:
        assert (one["measured"]["spread"] is None) == (one["name"] != "initial level")
        assert one["detected"] is None or one["detected"]["absent"][0]["why"] == "diverged"
    assert "[2] diverged before" in mstage(capsys, "report", tmp_path / "wild").out


def test_a_target_without_trend_has_rows_and_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "even.csv").write_text("x,y\n" + "".join(f"{k},{k * k}\n" for k in range(-9, 10)))
    table = ("--data", tmp_path / "even.csv", "--target", "y", "--width", "20", "--until", "2", "-o", tmp_path / "even")
    trained = mstage(capsys, "train", *table)
    assert "Data: 19 samples of 1 input; columns and target standardised" in trained.err
    assert "not defined: v = 0, so that R_lin is R0" in mstage(capsys, "report", tmp_path / "even").out
    out = mstage(capsys, "condensation", tmp_path / "even").out
    assert "none: the targets have no linear trend (v = 0)" in out
    assert len(out.splitlines()) > 8


def test_weights_that_were_not_kept_name_the_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "bare"
    assert mstage(capsys, "train", "--width", "20", "--steps", "9", "--snapshots", "0", "-o", place).code == 0
    for command in ("drift", "condensation"):
        assert f"{place}: has no snapshots of weights" in mstage(capsys, command, place).err


def test_batches_are_said_to_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert "the noise of batches of 8 is left out" in mstage(capsys, "predict", "--batch-size", "8").out
    assert "noise" not in mstage(capsys, "predict", "--batch-size", "40").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--optimizer adm", "unknown optimizer `adm`; .* Did you mean `adam`"),
        ("--batch-size 999", "batch-size 999: cub1d has 40 samples"),
        ("--optimizer adam --dynamics flow", "optimizer `adam`: belongs to --dynamics descent"),
    ],
)
def test_predict_refuses_what_train_refuses(options: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(mstage(capsys, "predict", *options.split()), 2, said)


def test_weights_that_are_not_small_have_no_plateaus_in_theory(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(mstage(capsys, "predict", "--alpha", "0.5", "--format", "json").out)["runs"][0]["predictions"]
    assert all(one["value"] is None and "at most 1/2" in one["why"] for one in found.values())


@pytest.mark.slow
def test_sweeps_that_have_not_ended_say_so_everywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = folder / "short"
    layout = StoredSweep(store).layout
    file = commit_file(store, layout.shards[0])
    whole = file.read_bytes()
    try:
        records = layout.sizes["step"] - 1  # the losses of these are in the commit, where nothing fills a chunk
        commit = read_commit(store, layout, layout.shards[0])
        tree, counts = open_sweep(store).load(), layout.counts(layout.shards[0], records)
        arrays = {"loss": tree.loss, **tree["width_20"].data_vars}
        rest = {
            name: one.values.reshape(1, *one.shape[one.dims.index(layout.grows_along(name)) :])[:, : counts[name]]
            for name, one in arrays.items()
        }
        file.write_bytes(b"".join(replace(commit, records=records, rest=rest).to_parts()))
        for command in ("report", "detect-stages", "drift"):
            assert "1 run has not ended. Go on with: mstage train --resume" in mstage(capsys, command, store).err
    finally:
        file.write_bytes(whole)
