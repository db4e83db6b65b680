"""Find the stages of logs again and again while they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mstage.analysis.stages.results import StageMethod, Stages
from mstage.errors import InputError
from mstage.readers.growing import growing_log
from mstage.readers.log import Log
from mstage.readers.selection import Choice
from mstage.workflows.logs import Reading, choose_curves, stages_of_choices


@dataclass(frozen=True)
class Sight:
    """What logs show at one moment.

    Attributes:
        choices: What was taken of them; nothing as long as there is no loss to take.
        stages: Of what was taken; None as long as there is nothing.
        waiting: What is waited for, where there is nothing yet.
    """

    choices: tuple[Choice, ...] = ()
    stages: Stages | None = None
    waiting: str = ""


def follow(
    sources: Sequence[str], reading: Reading, *, wait: Callable[[], None], method: StageMethod | None = None
) -> Iterator[Sight]:
    """Look at logs whenever something was written to them, until nothing can come any more.

    Args:
        sources: Files, which need not be there yet; folders of TensorBoard; `-` for standard input.
        reading: How they are read.
        wait: Called between two looks; it sleeps, and raises what is to end the loop.
        method: Settings of the segmentation.

    Yields:
        A sight for each look that found something new.

    Raises:
        InputError: A log cannot be read.
    """
    growing = [growing_log(source, reading.reader, reading.pattern) for source in sources]
    first = True
    while True:
        grown = [one.grow() for one in growing]
        if any(grown) or first:
            logs = [one.log() for one in growing]
            yield _sight(sources, logs, reading, method)
            first = False
        if all(one.ended for one in growing):
            return
        wait()


def _sight(sources: Sequence[str], logs: Sequence[Log | None], reading: Reading, method: StageMethod | None) -> Sight:
    missing = [source for source, log in zip(sources, logs, strict=True) if log is None or not log.series]
    found = [log for log in logs if log is not None and log.series]
    if not found:
        return Sight(waiting=f"{', '.join(missing)}: nothing to read yet")
    try:
        choices = tuple(choose_curves(found, reading))
    except InputError as error:  # a loss may come yet: many programs write something else first
        return Sight(waiting=str(error))
    return Sight(choices, stages_of_choices(choices, method))
