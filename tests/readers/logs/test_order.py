"""Logs that are not in the order of their clock, and logs of a single column: what is made of them is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mstage.readers.logs.clocks import goes_back, is_newest_first
from mstage.workflows.detect_stages import detect_stages
from tests.cli.run import mstage

STEPS = np.arange(10, 2010, 10)
LOSS = np.where(STEPS < 300, 1.0, np.maximum(0.2, np.exp(-(STEPS - 300) / 200))) + 1e-4 * np.sin(STEPS)


def write(path: Path, steps: np.ndarray, loss: np.ndarray, head: str = "step,loss") -> Path:
    path.write_text("\n".join([head, *(f"{step},{value}" for step, value in zip(steps, loss, strict=True))]) + "\n")
    return path


def ends(path: Path) -> list[tuple[str, float]]:
    return [(stage.name, stage.end) for stage in detect_stages(str(path)).runs[0].stages]


@pytest.mark.parametrize("clock", ["step", "epoch", "wall_time"])
def test_a_log_written_newest_first_is_read_from_its_end(
    clock: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a clock other than steps that goes down, it would else be the number of the record that counts: a rise."""
    plain = write(tmp_path / "plain.csv", STEPS, LOSS, f"{clock},loss")
    newest = write(tmp_path / "newest.csv", STEPS[::-1], LOSS[::-1], f"{clock},loss")
    assert ends(newest) == ends(plain)
    assert "written newest first and read from its end" in mstage(capsys, "detect-stages", newest).err
    assert "newest first" not in mstage(capsys, "detect-stages", plain).err


def test_of_a_step_logged_twice_newest_first_the_upper_one_counts(tmp_path: Path) -> None:
    twice = write(tmp_path / "twice.csv", np.repeat(STEPS[::-1], 2), np.stack([LOSS[::-1], 9 + LOSS], 1).ravel())
    assert ends(twice) == ends(write(tmp_path / "plain.csv", STEPS, LOSS))


def test_steps_of_an_epoch_are_counted_on_newest_first_too(tmp_path: Path) -> None:
    """Each epoch begins anew at step 10."""
    lines = [f"{(k // 50)},{10 * (k % 50 + 1)},{value}" for k, value in enumerate(LOSS)]
    (tmp_path / "plain.csv").write_text("\n".join(["epoch,step,loss", *lines]))
    (tmp_path / "newest.csv").write_text("\n".join(["epoch,step,loss", *lines[::-1]]))
    assert ends(tmp_path / "newest.csv") == ends(tmp_path / "plain.csv")
    assert ends(tmp_path / "plain.csv")[-1][1] == 2000


def test_a_clock_that_goes_back_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps, loss = np.concatenate([STEPS[:120], STEPS[80:]]), np.concatenate([LOSS[:120], LOSS[80:]])
    err = mstage(capsys, "detect-stages", write(tmp_path / "back.csv", steps, loss)).err
    assert "step goes back once from 1200 to 810 at value 121: the values are put in the order of step" in err
    assert "40 at a step recorded before (the last counts)" in err
    again = np.concatenate([steps, STEPS[100:]])
    twice = write(tmp_path / "twice.csv", again, np.concatenate([loss, LOSS[100:]]))
    assert "step goes back 2 times, first from 1200 to 810" in mstage(capsys, "detect-stages", twice).err
    followed = mstage(capsys, "detect-stages", "--follow", "--until", "initial-plateau", twice).err
    assert followed.count("goes back") == 1


@pytest.mark.parametrize(
    ("places", "newest", "back"),
    [
        ([3, 2, 1], True, []), ([3, 2, 2, 1], True, []), ([1, 1, 1], False, []), ([1], False, []), ([], False, []),
        ([1, 2, 3], False, []), ([1, 3, 2], False, [2]), ([3, np.nan, 2, 1], True, []), ([3, 2, 4], False, [1]),
        ([1, 5, np.nan, 2, 9, 3], False, [3, 5]),
    ],
)  # fmt: skip
def test_order(places: list[float], newest: bool, back: list[int]) -> None:
    assert is_newest_first(np.array(places, float)) is newest
    assert goes_back(np.array(places, float)).tolist() == back


@pytest.mark.parametrize(
    ("head", "cell", "name"),
    [
        ("loss\n", "{}", "loss"), ("", "{}", "column 1"), ("train loss\n", "{}", "train loss"),
        ('"loss"\n', '"{}"', "loss"), ("# loss\n", "{}", "loss"), ("loss\r\n", "{}\r", "loss"),
    ],
)  # fmt: skip
def test_a_single_column_is_a_series(
    head: str, cell: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loss.csv").write_bytes((head + "".join(cell.format(value) + "\n" for value in LOSS)).encode())
    outcome = mstage(capsys, "detect-stages", tmp_path / "loss.csv")
    assert outcome.code == 0
    assert f"a single column of numbers, counted by its records; {name} against record, 200 values." in outcome.err
    by_step = ends(write(tmp_path / "steps.csv", STEPS // 10, LOSS))
    assert ends(tmp_path / "loss.csv") == by_step


def test_a_single_column_with_decimal_commas_and_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [f"{value}".replace(".", ",") for value in LOSS]
    (tmp_path / "loss.txt").write_text("\n".join(["loss", *cells[:50], "nan", "", *cells[50:]]))
    err = mstage(capsys, "detect-stages", tmp_path / "loss.txt").err
    assert "loss against record, 201 values, 1 not finite, left out" in err


@pytest.mark.parametrize("text", ["word\nword\n", "1\n", "loss\n", "step 1 loss 2\nstep 2 loss 1\n", "a\n1\nb\n2\n"])
def test_words_are_no_single_column(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text(text)
    assert "single column" not in mstage(capsys, "detect-stages", tmp_path / "log").err


def test_a_pattern_is_for_text_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "log.npz", step=STEPS, loss=LOSS)
    for source in (tmp_path / "log.npz", tmp_path):
        outcome = mstage(capsys, "detect-stages", source, "--pattern", "nanogpt")
        assert (outcome.code, outcome.out) == (3, "")
        assert "--pattern is for text logs, leave it out" in outcome.err
