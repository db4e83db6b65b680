"""Messages about a log on stderr: its format, the series and clock that were chosen, and the alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import listed
from mstage.readers.logs.clocks import goes_back
from mstage.render.numbers import counted, given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.readers.logs.selection import Choice

NAMES_LISTED = 6


def read_line(choice: Choice) -> str:
    """One line: format, series, clock, number of values, what was left out, and the others on offer."""
    chosen = choice.chosen
    points = sum(one.series.points for one in chosen)
    not_finite = sum(one.not_finite for one in chosen)
    off_clock = sum(int((~one.kept).sum()) for one in chosen)
    repeated = sum(one.repeated for one in chosen)
    counted_on = max(one.clock.counted_on for one in chosen)
    runs = len({one.series.run for one in chosen})
    taken = _listed(list(dict.fromkeys(one.series.name for one in chosen)))
    of_runs = f" of {counted(runs, 'run')}" if runs > 1 else ""
    parts = [
        f"{choice.log.source}: {choice.log.format}; {taken}{of_runs} against {chosen[0].clock.name}, "
        f"{counted(points, 'value')}",
        f"{not_finite:,} not finite, left out" if not_finite else "",
        f"{off_clock:,} without a place on the clock, left out" if off_clock else "",
        f"{repeated:,} at a {chosen[0].clock.name} recorded before (the last counts)" if repeated else "",
        f"{chosen[0].clock.name} begins anew {counted_on:,} times and is counted on" if counted_on else "",
        *order_remarks(choice),
        *choice.log.remarks,
    ]
    text = ", ".join(part for part in parts if part)
    if choice.others and not choice.was_asked_for:
        text += f". Other series (--loss): {_listed(choice.others)}"
    if choice.other_clocks:
        text += f". Other clocks (--x): {_listed(choice.other_clocks)}"
    return f"{text}."


def order_remarks(choice: Choice) -> list[str]:
    """What is said of a log that is not in the order of its clock: what was made of it."""
    remarks = []
    newest = [one for one in choice.chosen if one.newest_first]
    if newest:
        which = f" ({counted(len(newest), 'series')})" if len(newest) < len(choice.chosen) else ""
        remarks.append(f"written newest first and read from its end{which}")
    for one in choice.chosen:
        back = goes_back(one.clock.values)
        if back.size:
            known = one.clock.values[: back[0]]
            before, after = known[np.isfinite(known)][-1], one.clock.values[back[0]]
            times = "once" if back.size == 1 else f"{back.size:,} times, first"
            of_run = f" in {one.series.run}" if one.series.run and len(choice.chosen) > 1 else ""
            remarks.append(
                f"{one.clock.name} goes back {times} from {given(float(before))} to {given(float(after))} at value "
                f"{back[0] + 1:,}{of_run}: the values are put in the order of {one.clock.name}"
            )
            break  # of several runs the first that does so; the others are counted among the values
    return remarks


def _listed(names: Sequence[str]) -> str:
    return listed(names[:NAMES_LISTED], len(names))
