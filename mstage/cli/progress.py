"""The progress of training: a bar on a terminal, and the message after an interruption.

Drawn by the training loop itself, between calls and a few times a second, so that no thread competes with it.
"""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from mstage.render.numbers import counted, duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.progress import Progress as Bar

    from mstage.cli.console import Streams
    from mstage.cli.interrupts import Interrupts
    from mstage.workflows.train import Progress

REDRAW_SECONDS = 0.25
WIDE_COLUMNS = 72  # of a terminal that has room for all there is to say
WINDOW_SECONDS = 20.0  # over which the rate is measured, at most
MIN_SECONDS = 0.5  # and at least: the first calls of the compiled program are short


class Pace:
    """How fast a sweep is trained, over the last seconds of the current program.

    What a resumed sweep had done before and the compilation of a program do not count.
    """

    def __init__(self) -> None:
        self._program: str | None = None
        self._seen: deque[tuple[float, Progress]] = deque()

    def add(self, now: float, state: Progress) -> None:
        """Take note of where training is at a time in seconds."""
        if state.program != self._program:  # it is about to be compiled
            self._program = state.program
            self._seen.clear()
            return
        self._seen.append((now, state))
        while self._seen[-1][0] - self._seen[0][0] > WINDOW_SECONDS and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def is_compiling(self) -> bool:
        """Whether a program has been announced and has made no step yet."""
        return not self._seen

    @property
    def run_steps_per_second(self) -> float | None:
        """Updates a second, summed over the runs; None if it is too early to say."""
        return self._slope(lambda state: state.run_steps)

    @property
    def seconds_left(self) -> float | None:
        """Time that the rest will take at this speed; None if it is too early to say."""
        speed = self._slope(lambda state: state.share)
        return (1 - self._seen[-1][1].share) / speed if speed else None

    def _slope(self, quantity: Callable[[Progress], float]) -> float | None:
        if not self._seen:
            return None
        (begun, first), (now, last) = self._seen[0], self._seen[-1]
        if now - begun < MIN_SECONDS:
            return None
        return (quantity(last) - quantity(first)) / (now - begun)


class TrainingProgress:
    """What `train` reports to: draws a bar where stderr is a terminal, and lets an interruption through.

    Attributes:
        state: What was reported last, None before training has begun.
    """

    def __init__(self, streams: Streams, interrupts: Interrupts) -> None:
        self.state: Progress | None = None
        self._interrupts = interrupts
        self._streams = streams
        self._pace = Pace()
        self._drawing = streams.talks_to_a_terminal
        self._bar: Bar | None = None
        self._next_drawing = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.stop()

    def __call__(self, state: Progress) -> None:
        """Take note of where training is.

        Raises:
            KeyboardInterrupt: The user wants it to end here.
        """
        is_new_program = self.state is None or state.program != self.state.program
        self.state = state
        self._interrupts.check()
        now = time.monotonic()
        self._pace.add(now, state)
        if self._drawing and (is_new_program or now >= self._next_drawing):
            self._next_drawing = now + REDRAW_SECONDS
            try:
                self._draw(state)
            except OSError:  # the terminal has gone; training goes on without it
                self._drawing = False

    def _draw(self, state: Progress) -> None:
        fields = _fields(state, self._pace)
        if self._bar is None:
            self._bar = _bar(self._streams, fields)
        self._bar.update(self._bar.task_ids[0], completed=state.share, refresh=True, **fields)


def stopped_at(state: Progress | None, resume_command: str) -> str:
    """The message after an interruption."""
    if state is None:
        return f"interrupted before training began. Go on with: {resume_command}"
    done = f"{state.runs_done:,} of {counted(state.runs, 'run')} done"
    return f"interrupted at {100 * state.share:.0f} %, {done}. Go on with: {resume_command}"


def _fields(state: Progress, pace: Pace) -> dict[str, Any]:
    """The texts around the bar, padded to constant width."""
    rate, left = pace.run_steps_per_second, pace.seconds_left
    speed = f"{_short(rate):>6} steps/s" if rate else "compiling" if pace.is_compiling else ""
    return {
        "width": state.program,
        "percent": f"{int(100 * state.share):>3} %",
        "runs": f"{state.runs_done:,} of {counted(state.runs, 'run')}",
        "speed": f"{speed:<14}",
        "left": f"{'' if left is None else _remaining(left):<15}",
    }


def _bar(streams: Streams, fields: dict[str, Any]) -> Bar:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    console = streams.talking_console()
    names = ("percent", "runs", "speed", "left") if console.width >= WIDE_COLUMNS else ("percent", "left")
    width, *others = (TextColumn(f"{{task.fields[{name}]}}") for name in ("width", *names))
    bar = RichProgress(
        width, BarColumn(bar_width=None), *others,
        console=console, auto_refresh=False, transient=True, expand=True, redirect_stdout=False,
    )  # fmt: skip
    bar.add_task("", total=1.0, **fields)
    bar.start()
    return bar


def _remaining(seconds: float) -> str:
    """Time left in whole seconds: a tenth of one would be a guess."""
    return f"{math.ceil(seconds)} s left" if seconds < 59 else f"{duration(seconds)} left"


def _short(value: float) -> str:
    """A count a second in four characters or so: 950, 12.3 k, 1.23 M."""
    for unit in ("", " k", " M", " G"):
        if value < 999.5 or unit == " G":
            break
        value /= 1000
    return f"{value:.3g}{unit}"
