"""A log whose clock goes back, and one of a single column: read, and said."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.run import mstage

STEPS = np.arange(1, 201)
LOSSES = 0.1 + 1 / (1 + STEPS / 20)


def write(path: Path, steps: np.ndarray) -> Path:
    """A log whose records stand in the order of `steps`, each with the loss of its step."""
    path.write_text("step,loss\n" + "".join(f"{step},{LOSSES[step - 1]}\n" for step in steps))
    return path


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (STEPS, None),
        (STEPS[::-1], "written newest first and read from its end"),
        (
            np.r_[STEPS[:150], STEPS[100:]],
            "50 at a step .*step goes back once from 150 to 101 at value 151",
        ),
        (
            np.r_[STEPS[100:], STEPS[:100]],
            "step goes back once from 200 to 1 at value 101: the values are put",
        ),
    ],
)
def test_a_clock_that_goes_back_is_said(
    steps: np.ndarray, words: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was once put into order without a word."""
    expected = mstage(capsys, "detect-stages", write(tmp_path / "log.csv", STEPS))
    found = mstage(capsys, "detect-stages", write(tmp_path / "log.csv", steps))
    assert found.out == expected.out
    assert bool(re.search("newest|goes back", found.err)) is (words is not None)
    assert re.search(words or "200 values", found.err)


@pytest.mark.parametrize(("head", "name"), [("", "column 1"), ("loss\n", "loss"), ("train_loss\n", "train_loss")])
@pytest.mark.parametrize("form", [".6f", ".2e", ".17g"])
def test_a_single_column_is_a_curve(
    head: str, name: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was once a text log that holds no series."""
    path = tmp_path / "loss.csv"
    path.write_text(head + "".join(f"{loss:{form}}\n" for loss in LOSSES))
    found = mstage(capsys, "detect-stages", path)
    assert found.code == 0
    assert f"a single column of numbers, counted by its records; {name} against record, 200 values" in found.err


@pytest.mark.parametrize("text", ["0.5\n", "0.5\n0.4\nthe end\n", "a b\nc d\ne f\n"])
def test_a_few_numbers_are_no_column(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loss.csv"
    path.write_text(text)
    found = mstage(capsys, "detect-stages", path)
    assert (found.code, found.out) == (3, "")
