"""What is said of a log on stderr: what it was read as, what was taken of it, and what else there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import listed
from mstage.readers.clocks import goes_back
from mstage.render.numbers import counted, given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.readers.selection import Choice

NAMES_LISTED = 6


def read_line(choice: Choice) -> str:
    """One line: format, series, clock, number of values, what was left out, and the others on offer."""
    curves = choice.curves
    points = sum(curve.series.points for curve in curves)
    not_finite = sum(curve.not_finite for curve in curves)
    off_clock = sum(int((~curve.kept).sum()) for curve in curves)
    repeated = sum(curve.repeated for curve in curves)
    counted_on = max(curve.clock.counted_on for curve in curves)
    runs = len({curve.series.run for curve in curves})
    taken = _listed(list(dict.fromkeys(curve.series.name for curve in curves)))
    of_runs = f" of {counted(runs, 'run')}" if runs > 1 else ""
    parts = [
        f"{choice.log.source}: {choice.log.format}; {taken}{of_runs} against {curves[0].clock.name}, "
        f"{counted(points, 'value')}",
        f"{not_finite:,} not finite, left out" if not_finite else "",
        f"{off_clock:,} without a place on the clock, left out" if off_clock else "",
        f"{repeated:,} at a {curves[0].clock.name} recorded before (the last counts)" if repeated else "",
        f"{curves[0].clock.name} begins anew {counted_on:,} times and is counted on" if counted_on else "",
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
    newest = [curve for curve in choice.curves if curve.newest_first]
    if newest:
        which = f" ({counted(len(newest), 'series')})" if len(newest) < len(choice.curves) else ""
        remarks.append(f"written newest first and read from its end{which}")
    for curve in choice.curves:
        back = goes_back(curve.clock.values)
        if back.size:
            known = curve.clock.values[: back[0]]
            before, after = known[np.isfinite(known)][-1], curve.clock.values[back[0]]
            times = "once" if back.size == 1 else f"{back.size:,} times, first"
            of_run = f" in {curve.series.run}" if curve.series.run and len(choice.curves) > 1 else ""
            remarks.append(
                f"{curve.clock.name} goes back {times} from {given(float(before))} to {given(float(after))} at value "
                f"{back[0] + 1:,}{of_run}: the values are put in the order of {curve.clock.name}"
            )
            break  # of several runs the first that does so; the others are counted among the values
    return remarks


def _listed(names: Sequence[str]) -> str:
    return listed(names[:NAMES_LISTED], len(names))
