"""Update the stages of logs while they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mstage.analysis.stages.results import StageMethod, Stages
from mstage.errors import InputError
from mstage.readers.logs.follow import follow_log
from mstage.readers.logs.log import Log
from mstage.readers.logs.selection import Choice
from mstage.workflows.logs import LogOptions, choose_series, stages_of_choices


@dataclass(frozen=True)
class Update:
    """What logs show at one moment.

    Attributes:
        choices: What was taken of them; nothing as long as there is no loss to take.
        stages: Of what was taken; None as long as there is nothing.
        waiting: What is waited for, where there is nothing yet.
    """

    choices: tuple[Choice, ...] = ()
    stages: Stages | None = None
    waiting: str = ""


def follow_stages(
    sources: Sequence[str], options: LogOptions, *, wait: Callable[[], None], method: StageMethod | None = None
) -> Iterator[Update]:
    """Read logs whenever they have grown, until nothing more can be written to them.

    Args:
        sources: Files, which need not be there yet; folders of TensorBoard; `-` for standard input.
        options: How they are read.
        wait: Called between two looks; it sleeps, and raises what is to end the loop.
        method: Settings of the segmentation.

    Yields:
        An update for each look that found something new.

    Raises:
        InputError: A log cannot be read.
    """
    followed = [follow_log(source, options.reader, options.pattern) for source in sources]
    first = True
    while True:
        new = [one.read_new() for one in followed]
        if any(new) or first:
            logs = [one.log() for one in followed]
            yield _update(sources, logs, options, method)
            first = False
        if all(one.ended for one in followed):
            return
        wait()


def _update(
    sources: Sequence[str], logs: Sequence[Log | None], options: LogOptions, method: StageMethod | None
) -> Update:
    missing = [source for source, log in zip(sources, logs, strict=True) if log is None or not log.series]
    found = [log for log in logs if log is not None and log.series]
    if not found:
        return Update(waiting=f"{', '.join(missing)}: nothing to read yet")
    try:
        choices = tuple(choose_series(found, options))
    except InputError as error:  # a loss may come yet: many programs write something else first
        return Update(waiting=str(error))
    return Update(choices, stages_of_choices(choices, method))
