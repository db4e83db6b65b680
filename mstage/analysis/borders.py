"""Where exactly does a stage end?

The segmentation says which stages there are; its knots are coarse and depend on the noise. A border means the same
on every curve: a plateau ends where the loss has gone a tenth of the way of the descent (or rise) after it, on the
scale of the loss, which for the initial plateau is the exit time T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10}; a descent
ends where it has come nine tenths of its way on the scale of log loss. Both are read off the cells, averaged no more
than the noise makes necessary, and their intervals are where the curve moved up and down by its error crosses the
same level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import theilslopes

if TYPE_CHECKING:
    from mstage.analysis.cells import Cells
    from mstage.analysis.segmentation import Segmentation, Stretch

PLATEAU_SHARE = 0.1  # of the way, on the scale of the loss, that ends a plateau
DESCENT_SHARE = 0.9  # of the way, on the scale of log loss, that ends a descent
SCATTER_SHARE = 0.3  # of the distance from the level to the crossing: the error that averaging has to reach
FEWEST_FOR_TREND = 6  # cells
LEAST_TREND = 0.1  # slope of log loss; an escape that begins slowly is no trend of the plateau
HALF = 0.5 * (1 - 1e-9)  # so that rounding does not choose between two cells that share the middle
QUANTILE = 1.645  # of the normal distribution: 90 % lie within


@dataclass(frozen=True)
class Border:
    """End of a stage and start of the next, on the scale of the segmentation, with its 90 % interval."""

    position: float
    low: float
    high: float


@dataclass(frozen=True)
class _Level:
    """Log loss of a stage next to a descent or a rise: what it is at one place, and its trend.

    Attributes:
        place: Position.
        value: Log loss there.
        slope: By which it goes on from there.
        error: Standard error of `value`.
        slope_error: Standard error of `slope`; 0 where there is no trend to follow.
    """

    place: float
    value: float
    slope: float
    error: float
    slope_error: float

    def at(self, position: np.ndarray) -> np.ndarray:
        """The value at other places."""
        return self.value + self.slope * (position - self.place)

    def error_at(self, position: np.ndarray) -> np.ndarray:
        """Its standard error there."""
        return np.hypot(self.error, self.slope_error * (position - self.place))


@dataclass(frozen=True)
class _Crossing:
    """What marks a border: the curve crosses `level` on its way from one stage to the next.

    Attributes:
        cells: The cells to look at.
        level: Log loss to cross, for each of them.
        error: Its standard error, for each of them.
        away: How far the level is from the plateau next to it.
        falling: Whether the curve crosses it downwards.
        early: Whether the crossing is the last before the middle of the way (else the first after it).
        middle: The middle of the way.
    """

    cells: slice
    level: np.ndarray
    error: np.ndarray
    away: float
    falling: bool
    early: bool
    middle: float


def locate_borders(cells: Cells, segmentation: Segmentation) -> list[Border]:
    """The borders between the stretches of a curve, one fewer than there are stretches, ascending."""
    stretches = segmentation.stretches
    borders: list[Border] = []
    for index in range(len(stretches) - 1):
        crossing = _crossing(cells, stretches, index)
        border = _knot(cells, stretches[index]) if crossing is None else _locate(cells, segmentation.line, crossing)
        if borders and border.position < borders[-1].position:  # noise can turn two borders round: they meet
            at = borders[-1].position
            border = Border(at, min(border.low, at), max(border.high, at))
        borders.append(border)
    return borders


def _crossing(cells: Cells, stretches: tuple[Stretch, ...], index: int) -> _Crossing | None:
    """What to look for at the end of a stretch; None between a descent and a rise, which meet at a knot."""
    here, after = stretches[index], stretches[index + 1]
    early = here.kind == "plateau"
    if not early and after.kind != "plateau":
        return None
    way = index + 1 if early else index
    start = _trend(cells, stretches[way - 1]) if way else _end(cells, stretches[way].first)
    goal = _level(cells, stretches[way + 1]) if way + 1 < len(stretches) else _end(cells, stretches[way].last)
    chosen = slice(here.first, after.last + 1)
    position = cells.position[chosen]
    if early:
        top, bottom = np.exp(start.at(position)), np.exp(goal.value)
        level, error = np.log(top + PLATEAU_SHARE * (bottom - top)), start.error_at(position)
        away = abs(np.log1p(PLATEAU_SHARE * np.expm1(goal.value - start.value)))
    else:
        level = np.full(position.shape, start.value + DESCENT_SHARE * (goal.value - start.value))
        error = np.full(position.shape, goal.error)
        away = (1 - DESCENT_SHARE) * abs(goal.value - start.value)
    middle = (float(start.at(np.array(cells.position[here.last]))) + goal.value) / 2
    return _Crossing(chosen, level, error, float(away), goal.value < start.value, early, middle)


def _level(cells: Cells, stretch: Stretch) -> _Level:
    """Median log loss of a plateau; of anything else, where it begins.

    The median is over the scale of the clock and not over cells, which lie apart where records are sparse.
    """
    if stretch.kind != "plateau":
        return _end(cells, stretch.first)
    chosen = slice(stretch.first, stretch.last + 1)
    value, length = cells.value[chosen], np.gradient(cells.position[chosen])
    order = np.argsort(value)
    share = np.cumsum(length[order])
    median = float(value[order][np.searchsorted(share, share[-1] * HALF)])
    error = float(np.sqrt((length**2 * cells.variance[chosen]).sum()) / share[-1])
    return _Level(float(cells.position[stretch.first]), median, 0.0, error, 0.0)


def _trend(cells: Cells, stretch: Stretch) -> _Level:
    """Level of a plateau's first half, and its slope there as far as it matters; of anything else, its end.

    The second half is where the escape from a plateau sets in, which is not to move the level that it escapes from.
    """
    if stretch.kind != "plateau":
        return _end(cells, stretch.last)
    middle = (cells.position[stretch.first] + cells.position[stretch.last]) / 2
    last = max(int(np.searchsorted(cells.position, middle)), stretch.first + 1)
    level = _level(cells, replace(stretch, last=last))
    x, y = cells.position[stretch.first : last + 1], cells.value[stretch.first : last + 1]
    if x.size < FEWEST_FOR_TREND:
        return replace(level, place=float(x.mean()))
    slope = float(theilslopes(y, x).slope)
    slope_error = float(np.sqrt(cells.variance[stretch.first : last + 1].mean() / ((x - x.mean()) ** 2).sum()))
    ignored = max(2 * slope_error, LEAST_TREND)
    kept = max(0.0, 1 - (ignored / slope) ** 2) if slope else 0.0
    return _Level(float(x.mean()), level.value, kept * slope, level.error, kept * slope_error)


def _end(cells: Cells, cell: int) -> _Level:
    """Log loss at one cell, by the median of it and its neighbours."""
    near = cells.value[max(cell - 1, 0) : cell + 2]
    error = float(np.sqrt(cells.variance[cell] / near.size))
    return _Level(float(cells.position[cell]), float(np.median(near)), 0.0, error, 0.0)


def _knot(cells: Cells, stretch: Stretch) -> Border:
    """The border at a stretch's last cell, uncertain by the neighbouring cells."""
    near = cells.position[[max(stretch.last - 1, 0), min(stretch.last + 1, cells.position.size - 1)]]
    return Border(float(cells.position[stretch.last]), float(near[0]), float(near[1]))


def _locate(cells: Cells, line: np.ndarray, crossing: _Crossing) -> Border:
    """Find a crossing and its interval."""
    part = crossing.cells
    position, variance = cells.position[part], cells.variance[part]
    typical = float(np.median(variance))
    needed = typical / max(SCATTER_SHARE * crossing.away, np.finfo(float).eps) ** 2
    width = int(min(max(needed, 1), max(position.size // 6, 1))) | 1
    curve = line[part] + _average((cells.value - line)[part], 1 / variance, width)
    error = QUANTILE * np.hypot(np.sqrt(typical / width), crossing.error)
    sign = 1.0 if crossing.falling else -1.0
    above, middle = sign * (curve - crossing.level), sign * (crossing.middle - crossing.level)
    place, low, high = (_crossed(position, above + shift, middle, crossing.early) for shift in (0.0, -error, error))
    return Border(place, min(low, place), max(high, place))


def _average(values: np.ndarray, weights: np.ndarray, width: int) -> np.ndarray:
    """Weighted mean of each value with those around it, `width` of them, fewer at the ends."""
    if width == 1:
        return values
    kernel = np.ones(width)
    return np.convolve(values * weights, kernel, "same") / np.convolve(weights, kernel, "same")


def _crossed(position: np.ndarray, above: np.ndarray, middle: np.ndarray, early: bool) -> float:
    """Where a curve, given as its height above a level, falls through it.

    Args:
        position: Of the cells, shape (cells,).
        above: Height of the curve above the level in each cell.
        middle: Height of the middle of the way above the level.
        early: Take the last crossing before the curve first reaches the middle, else the first one after it.
    """
    below = np.flatnonzero(above <= np.minimum(middle, 0.0) if early else above <= np.maximum(middle, 0.0))
    turn = int(below[0]) if below.size else above.size - 1
    if early:
        higher = np.flatnonzero(above[: turn + 1] > 0)
        left = int(higher[-1]) if higher.size else -1
    else:
        reached = np.flatnonzero(above[turn:] <= 0)
        left = turn + int(reached[0]) - 1 if reached.size else above.size - 1
    if left < 0 or left + 1 >= above.size:
        return float(position[min(max(left, 0), above.size - 1)])
    step = above[left] - above[left + 1]
    share = above[left] / step if step > 0 else 0.0
    return float(position[left] + min(max(share, 0.0), 1.0) * (position[left + 1] - position[left]))
