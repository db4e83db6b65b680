"""Where exactly does a stage end, and how sure is that?

The segmentation says which stages there are; its knots are coarse. A border means the same on every curve: a plateau
ends where the loss has gone a tenth of the way of the descent (or rise) after it, on the scale of the loss, which for
the initial plateau is the exit time T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10}; a descent ends where it has come nine
tenths of its way on the scale of log loss. Both are read off each of the lines drawn, put right where the cells show
that a straight line misses the curve: the border is the median, its interval what most of them agree on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mstage.analysis.stages.bins import Cells
    from mstage.analysis.stages.segmentation import Segmentation

PLATEAU_SHARE = 0.1  # of the way, on the scale of the loss, that ends a plateau
DESCENT_SHARE = 0.9  # of the way, on the scale of log loss, that ends a descent
LEAST_TREND = 0.03  # slope of log loss, from which on a plateau can have a trend
FASTER = 1.2  # times as steep as before: what goes down so is on its way, and not on a trend
AGREED = 0.5  # share of the lines drawn from which on they have one
LARGEST_LOG = 700.0  # of losses that are computed with as they are
GRID = 400  # places at which a line is looked at
AVERAGED = 5  # cells, over which a miss of the lines is averaged
CLEAR = 2.0  # standard errors by which it has to stand out
NO_MISS = 1e-280  # square of a miss: more than nothing, and less than stands out of any noise
QUANTILES = (0.05, 0.5, 0.95)
WIDEN = 1.5  # of the spread of the borders of the lines drawn
LEAST_WIDTH = 0.12  # of the distance of two knots, to each side


@dataclass(frozen=True)
class Border:
    """End of a stage and start of the next, on the scale of the segmentation, with its 90 % interval."""

    position: float
    low: float
    high: float


def locate_borders(cells: Cells, segmentation: Segmentation) -> list[Border]:
    """The borders between the stretches of a curve, one fewer than there are stretches, ascending."""
    stretches = segmentation.stretches
    if len(stretches) == 1:
        return []
    places = np.linspace(cells.position[0], cells.position[-1], GRID)
    curves = _curves(cells, segmentation, places)
    edges = [0, *np.searchsorted(places, [cells.position[one.first] for one in stretches[1:]]).tolist(), GRID - 1]
    borders: list[Border] = []
    for index in range(len(stretches) - 1):
        at = _crossings(places, curves, [one.kind for one in stretches], edges, index)
        low, middle, high = _interval(at, cells.position[segmentation.knots])
        if borders and middle <= borders[-1].position:  # noise can turn two borders round: the later is at its knot
            middle = max(borders[-1].position, float(places[edges[index + 1]]))
        borders.append(Border(middle, min(low, middle), max(high, middle)))
    return borders


def without_noise(cells: Cells, segmentation: Segmentation) -> np.ndarray:
    """The curve without its noise in each cell: the mean of the lines drawn, put right as for the borders, (cells,)."""
    return np.asarray(_curves(cells, segmentation, cells.position).mean(axis=0))


def _curves(cells: Cells, segmentation: Segmentation, places: np.ndarray) -> np.ndarray:
    """The lines drawn at some places, put right by what the cells show clearly, shape (draws, places)."""
    at = cells.position[segmentation.knots]
    left = (np.searchsorted(at, places, side="right") - 1).clip(0, at.size - 2)
    share = (places - at[left]) / (at[left + 1] - at[left])
    lines = segmentation.lines[:, left] * (1 - share) + segmentation.lines[:, left + 1] * share
    weight, kernel = 1 / cells.variance, np.ones(min(AVERAGED, (cells.value.size - 1) // 2 * 2 + 1))
    total = np.convolve(weight, kernel, "same")
    miss = np.convolve((cells.value - segmentation.line(cells)) * weight, kernel, "same") / total
    clear = CLEAR**2 / total / np.maximum(miss**2, NO_MISS)
    return np.asarray(lines + np.interp(places, cells.position, miss * (1 - clear).clip(min=0.0)))


def _crossings(places: np.ndarray, curves: np.ndarray, kinds: list[str], edges: list[int], index: int) -> np.ndarray:
    """Where each curve ends a stage, shape (draws,)."""
    early = kinds[index] == "plateau"
    if not early and kinds[index + 1] != "plateau":
        return places[[edges[index + 1]]]  # a descent and a rise meet at a knot
    way = index + 1 if early else index
    start = curves[:, [edges[way]]]
    if way > 0 and kinds[way - 1] == "plateau":
        start = _level_before(places, curves, edges[way - 1], edges[way])
    goal = curves[:, [edges[way + 1]]]
    if way + 1 < len(kinds) and kinds[way + 1] == "plateau":
        goal = np.median(curves[:, edges[way + 1] : edges[way + 2] + 1], axis=1)[:, None]
    start = np.broadcast_to(start, curves.shape)
    begun = start[:, [edges[way]]]
    if (float(np.median(goal - begun)) < 0) != (kinds[way] == "descent"):
        return places[[edges[index + 1]]]  # the plateau before or after it goes against it: only the knot is left
    if early:
        level = _share_of_the_way(start, goal)
    else:
        level = np.broadcast_to(begun + DESCENT_SHARE * (goal - begun), curves.shape)
    falls = np.where(goal < begun, 1.0, -1.0)
    chosen = slice(edges[index], edges[index + 2] + 1)
    above = (falls * (curves - level))[:, chosen]
    middle = (falls * ((begun + goal) / 2 - level))[:, chosen]
    return _crossed(places[chosen], above, middle, early)


def _share_of_the_way(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Log loss where the loss has come `PLATEAU_SHARE` of its way from one log loss to another."""
    most = np.maximum(start, goal)
    unit = np.where(np.abs(most) > LARGEST_LOG, most, 0.0)  # exp of more is not finite, exp of less is 0
    share = (1 - PLATEAU_SHARE) * np.exp(start - unit) + PLATEAU_SHARE * np.exp(goal - unit)
    return np.asarray(unit + np.log(share))


def _level_before(places: np.ndarray, curves: np.ndarray, first: int, last: int) -> np.ndarray:
    """Log loss of a plateau that what comes after it goes from, shape (draws, 1), or (draws, places) if it has a trend.

    The median of its first half: the second is where the escape from a plateau sets in, which is not to move the level
    that it escapes from. A later plateau that clearly goes down all the while, and not ever faster, has a trend
    instead, that of its third quarter: the slow end of a descent, which waits for a smaller learning rate.
    """
    quarter = (last - first) // 4
    level = np.median(curves[:, first : first + max(2 * quarter, 1) + 1], axis=1)[:, None]
    if quarter < 2 or first == 0:
        return np.asarray(level)
    marks = [first, first + 2 * quarter, first + 3 * quarter]
    before, after = np.diff(curves[:, marks], axis=1).T / np.diff(places[marks])[:, None]
    steady = (before * after > 0) & (np.abs(after) > LEAST_TREND) & (np.abs(after) < FASTER * np.abs(before))
    kept = max(steady.mean() - AGREED, 0.0) / (1 - AGREED)
    trend = curves[:, [marks[2]]] + after[:, None] * (places - places[marks[2]])
    return np.asarray((1 - kept) * level + kept * trend)


def _crossed(places: np.ndarray, above: np.ndarray, middle: np.ndarray, early: bool) -> np.ndarray:
    """Where curves, given as their heights above a level, fall through it.

    Args:
        places: Shape (places,).
        above: Heights of the curves above the level, shape (draws, places).
        middle: Height of the middle of the way above the level, shape (draws, places).
        early: Take the last crossing before a curve first reaches the middle, else the first one after it.
    """
    rows, last = np.arange(len(above)), places.size - 1
    reached = above <= (np.minimum(middle, 0.0) if early else np.maximum(middle, 0.0))
    turn = np.where(reached.any(axis=1), reached.argmax(axis=1), last)[:, None]
    if early:
        before = (above > 0) & (np.arange(places.size) <= turn)
        left = np.where(before.any(axis=1), last - before[:, ::-1].argmax(axis=1), 0)
    else:
        after = (above <= 0) & (np.arange(places.size) >= turn)
        left = np.where(after.any(axis=1), (after.argmax(axis=1) - 1).clip(min=0), last)
    right = np.minimum(left + 1, last)
    step = above[rows, left] - above[rows, right]
    share = np.where(step > 0, above[rows, left] / np.where(step > 0, step, 1.0), 0.0).clip(0, 1)
    return np.asarray(places[left] + share * (places[right] - places[left]))


def _interval(at: np.ndarray, knots: np.ndarray) -> tuple[float, float, float]:
    """Median of a border and its 90 % interval.

    The lines drawn agree too well: they bend at knots only, and share what was taken for noise. What they leave out
    was measured on curves whose borders are known.
    """
    low, middle, high = (float(one) for one in np.quantile(at, QUANTILES))
    after = int(np.searchsorted(knots, middle).clip(1, knots.size - 1))
    least = LEAST_WIDTH * (knots[after] - knots[after - 1])
    below, above = np.hypot(WIDEN * np.array([middle - low, high - middle]), least)
    ends = knots[0], knots[-1]
    return max(middle - below, ends[0]), middle, min(middle + above, ends[1])
