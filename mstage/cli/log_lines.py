"""What is said of a log on stderr: what it was read as, what was taken of it, and what else there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.errors import listed
from mstage.render.numbers import counted, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.readers.selection import Choice, ChosenSeries

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
        _order(curves),
        f"{curves[0].clock.name} begins anew {counted_on:,} times and is counted on" if counted_on else "",
        *choice.log.remarks,
    ]
    text = ", ".join(part for part in parts if part)
    if choice.others and not choice.was_asked_for:
        text += f". Other series (--loss): {_listed(choice.others)}"
    if choice.other_clocks:
        text += f". Other clocks (--x): {_listed(choice.other_clocks)}"
    return f"{text}."


def _order(curves: Sequence[ChosenSeries]) -> str:
    """What was made of a clock that goes back."""
    turned = [(curve, curve.turns) for curve in curves if curve.turns.size]
    if not turned:
        return ""
    curve, turns = turned[0]
    name, places = curve.clock.name, curve.clock.values[curve.kept]
    if all(turns.size == one.kept.sum() - 1 for one, turns in turned) and len(turned) == len(curves):
        return f"{name} falls from first to last: read from the last to the first (--x record if that is wrong)"
    where = f"first from {number(places[turns[0]])} to {number(places[turns[0] + 1])}"
    count = sum(turns.size for _, turns in turned)
    return f"{name} goes back {counted(count, 'time')} ({where}): put into its order (--x record for that of the log)"


def _listed(names: Sequence[str]) -> str:
    return listed(names[:NAMES_LISTED], len(names))
