"""`mstage predict`: the same numbers from options and from a store, reasons where there is none, faults in one line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.run import mstage


def test_options_and_store_agree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = str(tmp_path / "sweep")
    axes = ("--problem", "sin1d", "--alpha", "1,1.5", "--width", "20", "--learning-rate", "0.05")
    assert mstage(capsys, "train", *axes, "--steps", "3", "-o", store).code == 0
    before = json.loads(mstage(capsys, "predict", *axes, "--format", "json").out)
    after = json.loads(mstage(capsys, "predict", store, "--format", "json").out)
    assert before["runs"] == after["runs"]
    assert before["constants"] == after["constants"]
    assert after["source"] == store
    assert [one["run"]["alpha"] for one in after["runs"]] == [1.0, 1.5]
    report = json.loads(mstage(capsys, "report", store, "--format", "json").out)
    assert report["theory"][0]["name"] == "initial level"


def test_table_says_why_there_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "predict", "--activation", "relu")
    assert (outcome.code, outcome.err) == (0, "")
    assert "none" in outcome.out
    assert "[1] the activation has no derivative at 0" in outcome.out
    assert "lambda" in outcome.out


def test_csv_has_a_row_a_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    text = mstage(capsys, "predict", "--alpha", "1", "--width", "400,1600", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2 * 11
    levels = {row["width"]: float(row["value"]) for row in rows if row["name"] == "secondary level"}
    assert levels["1600"] > levels["400"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.toml"], 3, "nowhere.toml: cannot be read"),
        (["."], 3, "is not a sweep"),
        ([".", "--alpha", "1"], 3, ".: is not a sweep that `mstage train` has written"),
        (["."], 3, ".: is not a sweep that `mstage train` has written"),
        (["--alpha", "x"], 2, "alpha `x`"),
        (["--activation", "tan"], 2, "unknown activation `tan`"),
        (["--data", "none.csv", "--target", "y"], 3, "none.csv"),
        (["--format", "yaml"], 2, "unknown format `yaml`"),
        (["--until", "3"], 2, "no option `--until`"),
    ],
)
def test_refusals(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    outcome = mstage(capsys, "predict", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_two_initialization_scales_have_no_theory_and_one_has_that_of_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = json.loads(mstage(capsys, "predict", "--alpha", "1.5", "--format", "json").out)["runs"][0]
    two = json.loads(mstage(capsys, "predict", "--alpha", "1.5", "--alpha-output", "1.5,1", "--format", "json").out)
    equal, unequal = two["runs"]
    assert equal["run"] == plain["run"] | {"alpha_output": 1.5}
    assert equal["predictions"] == plain["predictions"]
    assert unequal["run"]["alpha_output"] == 1.0
    for one in unequal["predictions"].values():
        assert one["value"] is None
        assert one["why"] == "alpha_output differs from alpha, and theory is of weights that all start at one scale"
