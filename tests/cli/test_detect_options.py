"""`mstage detect-stages`: the options that say how stages are found, and logs at the edge of what can be told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.run import assert_refused, mstage
from tests.type_checks import unchecked

STEP = np.arange(1, 1001)
ACCURACY = 0.95 - 0.85 * np.exp(-np.maximum(STEP - 200, 0) / 120)


def write(name: str, step: np.ndarray, **series: np.ndarray) -> None:
    rows = (",".join(f"{value:.6g}" for value in row) for row in zip(step, *series.values(), strict=True))
    Path(name).write_text("\n".join([",".join(["step", *series]), *rows]) + "\n")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    noise = 0.003 * random.standard_normal(STEP.size)
    write("log.csv", STEP, train_loss=1.05 - ACCURACY, accuracy=ACCURACY + noise, gap=1 - ACCURACY)
    return tmp_path


def stages(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    done = mstage(capsys, "detect-stages", *arguments, "--format", "json")
    assert done.code == 0
    return json.loads(done.out)


def test_an_accuracy_is_seen_on_its_own_scale(capsys: pytest.CaptureFixture[str]) -> None:
    done = mstage(capsys, "detect-stages", "log.csv", "--loss", "accuracy")
    assert "initial rise" in done.out
    assert "On a straight scale and not a logarithmic one (--goal): `accuracy`." in done.err
    (run,) = stages(capsys, "log.csv", "--loss", "accuracy")["runs"]
    assert run["value_scale"] == "linear"
    assert [stage["kind"] for stage in run["stages"]] == ["plateau", "rise", "plateau"]
    assert run["stages"][1]["rate_low"] < 1 / 120 < run["stages"][1]["rate_high"]
    quiet = mstage(capsys, "detect-stages", "log.csv")
    assert "straight" not in quiet.err


def test_goal_goes_before_name_and_curve(capsys: pytest.CaptureFixture[str]) -> None:
    for goal, scale in (("max", "linear"), ("min", "log")):
        found = stages(capsys, "log.csv", "--loss", "*", "--goal", goal)
        assert {run["value_scale"] for run in found["runs"]} == {scale}
        assert found["method"]["goal"] == goal
    told = stages(capsys, "log.csv", "--loss", "*")
    assert {run["run"]["series"]: run["value_scale"] for run in told["runs"]} == {
        "train_loss": "log", "accuracy": "linear", "gap": "log",
    }  # fmt: skip


def test_a_loss_that_rises_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    """By its name: the same numbers under a name that says nothing rise to a ceiling."""
    write("rising.csv", STEP, loss=ACCURACY, value=ACCURACY)
    found = stages(capsys, "rising.csv", "--loss", "*")
    assert [run["value_scale"] for run in found["runs"]] == ["log", "linear"]


def test_settings_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("--clock-scale", "linear", "--steepness", "0.4", "--least-drop", "0.1")
    method = stages(capsys, "log.csv", *settings)["method"]
    assert method["clock_scale"] == "linear"
    assert (method["segmentation"]["steepness"], method["segmentation"]["least_drop"]) == (0.4, 0.1)
    (run,) = stages(capsys, "log.csv", "--least-drop", "30")["runs"]
    assert [stage["kind"] for stage in run["stages"]] == ["plateau"]
    (run,) = stages(capsys, "log.csv", "--loss", "accuracy", "--least-drop", "1.1")["runs"]
    assert [stage["kind"] for stage in run["stages"]] == ["plateau"]  # more than the whole range


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--goal up", "goal `up`: expected min or max"),
        ("--clock-scale cubic", "clock scale `cubic`: expected log or linear"),
        ("--steepness 0", "steepness 0.0: has to be a number above 0"),
        ("--least-drop nan", "least drop nan: has to be a number above 0"),
    ],
)
def test_settings_that_make_no_sense(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with unchecked():
        assert_refused(mstage(capsys, "detect-stages", "log.csv", *arguments.split()), 2, message)


def test_eight_records_are_enough(capsys: pytest.CaptureFixture[str]) -> None:
    write("eight.csv", np.arange(8), loss=np.array([2.3, 2.29, 2.28, 1.2, 0.6, 0.4, 0.39, 0.39]))
    (run,) = stages(capsys, "eight.csv")["runs"]
    assert "descent" in [stage["kind"] for stage in run["stages"]]
    assert (run["stages"][0]["start"], run["stages"][-1]["end"]) == (0, 7)


@pytest.mark.parametrize("records", [10, 20])
def test_a_blow_up_at_the_very_end_fails(records: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Within the last per cent, or the last ten of 1,000 records."""
    count = 100 * records
    step = np.arange(1, count + 1)
    loss = (2 + np.exp(-step / 100)) * np.exp(0.01 * np.random.default_rng(1).standard_normal(count))
    write("calm.csv", step, loss=loss)
    loss[-records:] *= np.geomspace(1.3, 40, records)
    write("blown.csv", step, loss=loss)
    assert mstage(capsys, "detect-stages", "calm.csv", "--fail-on", "rise").code == 0
    done = mstage(capsys, "detect-stages", "blown.csv", "--fail-on", "rise")
    assert done.code == 5
    assert "ends in its" in done.err
