"""`mstage detect-stages --follow`: the stages of a log drawn anew as it grows, until something ends it.

On a terminal the table is drawn in place. Elsewhere the result is printed once, at the end, and each stage that a run
enters is told on stderr as it comes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mstage.cli.interrupts import Interrupts
from mstage.cli.log_lines import order_remarks, read_line
from mstage.cli.scale_line import say_scale
from mstage.errors import InputError
from mstage.render.formats import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mstage.analysis.stages.results import StageMethod, Stages
    from mstage.cli.console import Streams
    from mstage.workflows.follow_stages import Update
    from mstage.workflows.logs import LogOptions

SECONDS_BETWEEN_LOOKS = 0.5
CLEAR = "\x1b[H\x1b[2J"


class Watch:
    """Shows the stages, and remembers which were announced.

    Args:
        streams: Where to.
        chosen: The format of the result.
        show: Prints stages on stdout.
    """

    def __init__(self, streams: Streams, chosen: Format, show: Callable[[Stages], None]) -> None:
        self._streams = streams
        self._draws = chosen is Format.TABLE and streams.stdout.isatty()
        self._show = show
        self._said: set[str] = set()
        self._told: dict[str, list[str]] = {}
        self.last: Update | None = None

    def see(self, update: Update) -> None:
        """Show what is new."""
        self.last = update
        if update.stages is None:
            self._say_once(update.waiting, f"Waiting. {update.waiting}")
            return
        if self._draws:
            self._streams.write(CLEAR)
            self._show(update.stages)
            for choice in update.choices:
                self._streams.say(read_line(choice))
            self._streams.stdout.flush()
            return
        for choice in update.choices:
            if not self._said.intersection({choice.log.source}):
                self._said.add(choice.log.source)
                self._streams.say(read_line(choice))
                self._said.update(order_remarks(choice))
            for remark in order_remarks(choice):
                self._say_once(remark, f"{choice.log.source}: {remark}.")
        self._tell_entered(update.stages)

    def end(self) -> None:
        """Print the result where it has not been drawn."""
        if self.last is not None and self.last.stages is not None and not self._draws:
            self._show(self.last.stages)
            say_scale(self._streams, self.last.stages)

    def _tell_entered(self, stages: Stages) -> None:
        """Announce the stages that are new since the last update."""
        from mstage.render.numbers import on_clock
        from mstage.workflows.conditions import name_of

        for one in stages.runs:
            run, names = name_of(one), [stage.name for stage in one.stages]
            if one.stages and self._told.get(run, [])[-1:] != names[-1:]:
                last = one.stages[-1]
                self._streams.say(f"{run}: {last.name} since {stages.clock} {on_clock(last.start, stages.clock)}")
            self._told[run] = names

    def _say_once(self, what: str, text: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._streams.say(text)


def follow_logs(
    watch: Watch,
    sources: Sequence[str],
    options: LogOptions,
    method: StageMethod,
    until: str | None,
    conditions: tuple[str, ...],
) -> tuple[Stages, bool]:
    """Watch logs until a run enters the stage `until`, a condition holds, or the logs have ended.

    Returns:
        The stages at the end, and whether a run has entered the stage.

    Raises:
        InputError: A log cannot be read, or has ended and there was nothing in it.
        KeyboardInterrupt: The user has ended it; the result is printed before.
    """
    from mstage.workflows.conditions import has_entered, what_fails
    from mstage.workflows.follow_stages import follow_stages

    with Interrupts() as interrupts:
        interrupts.hold()

        def wait() -> None:
            interrupts.check()
            time.sleep(SECONDS_BETWEEN_LOOKS)
            interrupts.check()

        try:
            for update in follow_stages(sources, options, wait=wait, method=method):
                watch.see(update)
                if update.stages is None:
                    continue
                entered = until is not None and has_entered(update.stages, until)
                if entered or what_fails(update.stages, conditions):
                    watch.end()
                    return update.stages, entered
        except KeyboardInterrupt:
            watch.end()
            raise
    watch.end()
    if watch.last is None or watch.last.stages is None:
        waited = f": {watch.last.waiting}" if watch.last else ""
        raise InputError(f"{', '.join(sources)} has ended, and there was no loss in it{waited}")
    return watch.last.stages, False
