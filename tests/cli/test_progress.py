"""The progress bar: what it shows at each moment, what it counts, and that a lost terminal stops nothing."""

from __future__ import annotations

import io
import re

import pytest

from mstage.cli import progress as module
from mstage.cli.console import Streams
from mstage.cli.interrupts import Interrupts
from mstage.cli.progress import Pace, TrainingProgress, stopped_at
from mstage.workflows.train import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class LostTerminal(Terminal):
    """One that has gone."""

    def write(self, text: str) -> int:  # noqa: ARG002
        raise OSError(5, "Input/output error")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the bar sees, to be set."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def at(share: float, run_steps: int = 0, width: int = 400, runs_done: int = 0) -> Progress:
    return Progress(f"width {width}", runs_done, 18, share, run_steps)


def drawn(stream: io.StringIO) -> list[str]:
    """The lines that were seen one after the other."""
    frames = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()))
    return [re.sub("[╺╸]", "━", frame).rstrip() for frame in frames if frame.strip()]


def test_bar(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    reports = [
        (0.0, at(0.0)), (2.0, at(0.0, 100)), (3.0, at(0.1, 12_100)), (3.05, at(0.11, 13_000)), (12.0, at(0.5, 120_100)),
        (12.1, at(0.5, 120_100, 1600, 9)), (15.0, at(0.5, 120_200, 1600, 9)), (25.0, at(0.55, 132_200, 1600, 9)),
    ]  # fmt: skip
    with TrainingProgress(Streams(stderr=stream), Interrupts()) as progress:
        for seconds, state in reports:
            clock[0] = seconds
            progress(state)
    assert list(dict.fromkeys(drawn(stream))) == [
        "width 400 ━━━━━━━━━━━━━━━━━━━━   0 % 0 of 18 runs compiling",
        "width 400 ━━━━━━━━━━━━━━━━━━━━   0 % 0 of 18 runs",
        "width 400 ━━━━━━━━━━━━━━━━━━━━  10 % 0 of 18 runs   12 k steps/s 9 s left",
        "width 400 ━━━━━━━━━━━━━━━━━━━━  50 % 0 of 18 runs   12 k steps/s 10 s left",
        "width 1600 ━━━━━━━━━━━━━━━━━━━  50 % 9 of 18 runs compiling",
        "width 1600 ━━━━━━━━━━━━━━━━━━━  50 % 9 of 18 runs",
        "width 1600 ━━━━━━━━━━━━━━━━━━━  55 % 9 of 18 runs  1.2 k steps/s 1 min 30 s left",
    ]
    assert stream.getvalue().endswith("\x1b[2K")  # nothing of it stays


def test_narrow_terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    with TrainingProgress(Streams(stderr=stream), Interrupts()) as progress:
        progress(at(0.25))
    assert "…" not in stream.getvalue()
    assert "25 %" in stream.getvalue()


def test_no_terminal_no_bar() -> None:
    stream = io.StringIO()
    with TrainingProgress(Streams(stderr=stream), Interrupts()) as progress:
        progress(at(0.5))
    assert stream.getvalue() == ""


def test_lost_terminal_stops_nothing() -> None:
    with TrainingProgress(Streams(stderr=LostTerminal()), Interrupts()) as progress:
        for share in (0.1, 0.2, 0.3):
            progress(at(share))
    assert progress.state == at(0.3)


def test_what_was_done_before_a_resume_makes_nothing_faster() -> None:
    pace = Pace()
    pace.add(0.0, at(0.8))
    pace.add(5.0, at(0.8, 1_000))  # compiled
    pace.add(15.0, at(0.9, 11_000))
    assert pace.seconds_left == pytest.approx(10.0)
    assert pace.run_steps_per_second == pytest.approx(1_000.0)


def test_rate_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    pace.add(0.0, at(0.0))
    for second in range(101):
        pace.add(float(second), at(second / 1000, 10 * second))
    for second in range(101, 131):  # something else slows the machine down
        pace.add(float(second), at(0.1 + (second - 100) / 10_000, 1000 + (second - 100)))
    assert pace.run_steps_per_second == pytest.approx(1.0)
    assert pace.seconds_left == pytest.approx((1 - 0.103) * 10_000)


def test_nothing_is_promised_too_early() -> None:
    pace = Pace()
    assert pace.seconds_left is None
    pace.add(0.0, at(0.0))
    assert (pace.is_compiling, pace.seconds_left) == (True, None)
    pace.add(1.0, at(0.0, 16))
    pace.add(1.1, at(0.001, 32))
    assert (pace.is_compiling, pace.seconds_left, pace.run_steps_per_second) == (False, None, None)
    pace.add(5.0, at(0.001, 32))
    assert pace.seconds_left is not None
    pace.add(6.0, at(0.001, 32, width=800))
    assert pace.is_compiling


def test_width_that_does_not_move_has_no_time_left() -> None:
    pace = Pace()
    for second in (0.0, 1.0, 5.0):
        pace.add(second, at(0.5, 100))
    assert pace.seconds_left is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (950.0, "950"), (999.7, "1 k"), (12_345.0, "12.3 k"), (1.234e6, "1.23 M"), (2e13, "2e+04 G")],
)
def test_rates_are_short(value: float, text: str) -> None:
    assert module._short(value) == text


def test_what_is_said_of_an_interruption() -> None:
    command = "mstage train --resume -o x"
    assert stopped_at(None, command) == f"interrupted before training began. Go on with: {command}"
    assert stopped_at(at(0.426, runs_done=6), command) == (
        f"interrupted at 43 %, 6 of 18 runs done. Go on with: {command}"
    )
