"""Where exactly does a stage end, and how sure is that?

The segmentation says which stages there are, but its knots are coarse. A boundary is defined alike on every curve: a
plateau ends where the loss has come a tenth of the way to the next level, which for the initial plateau is the exit
time T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10}; a descent ends where the log loss has come nine tenths of its way. Both
are read off every line drawn, corrected where the bins clearly lie off it: the boundary is the median over the lines,
and its interval comes from their quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.tuning import AGREED_SHARE, AVERAGED_BINS, CLEAR_MISS, FASTER, MIN_TREND, MIN_WIDTH, WIDEN

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.analysis.stages.bins import Bins
    from mstage.analysis.stages.segmentation import Segmentation

PLATEAU_SHARE = 0.1  # of the way, on the scale of the loss, that ends a plateau
DESCENT_SHARE = 0.9  # of the way, on the scale of log loss, that ends a descent
LARGEST_LOG = 700.0  # of losses that are computed with as they are
GRID = 400  # places at which a line is looked at
NO_MISS = 1e-280  # square of a miss: more than nothing, and less than stands out of any noise
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Boundary:
    """End of a stage and start of the next, with its 90 % interval, on the segmentation's scale or on the clock."""

    position: float
    low: float
    high: float


def locate_boundaries(bins: Bins, segmentation: Segmentation) -> list[Boundary]:
    """The boundaries between the segments of a curve, one fewer than there are segments, ascending."""
    segments = segmentation.segments
    if len(segments) == 1:
        return []
    places = np.linspace(bins.position[0], bins.position[-1], GRID)
    curves = _curves(bins, segmentation, places)
    edges = [0, *np.searchsorted(places, [bins.position[one.first] for one in segments[1:]]).tolist(), GRID - 1]
    boundaries: list[Boundary] = []
    for index in range(len(segments) - 1):
        at = _crossings(places, curves, [one.kind for one in segments], edges, index)
        low, middle, high = _interval(at, bins.position[segmentation.knots])
        if (
            boundaries and middle <= boundaries[-1].position
        ):  # noise can turn two boundaries round: the later is at its knot
            middle = max(boundaries[-1].position, float(places[edges[index + 1]]))
        boundaries.append(Boundary(middle, min(low, middle), max(high, middle)))
    return boundaries


def denoised(bins: Bins, segmentation: Segmentation) -> Float[np.ndarray, " bins"]:
    """The curve without its noise: the mean of the lines drawn, corrected as for the boundaries, shape (bins,)."""
    return np.asarray(_curves(bins, segmentation, bins.position).mean(axis=0))


def _curves(bins: Bins, segmentation: Segmentation, places: np.ndarray) -> np.ndarray:
    """The lines drawn at some places, corrected where the bins clearly lie off them, shape (draws, places)."""
    at = bins.position[segmentation.knots]
    left = (np.searchsorted(at, places, side="right") - 1).clip(0, at.size - 2)
    share = (places - at[left]) / (at[left + 1] - at[left])
    lines = segmentation.lines[:, left] * (1 - share) + segmentation.lines[:, left + 1] * share
    weight, kernel = 1 / bins.variance, np.ones(min(AVERAGED_BINS, (bins.value.size - 1) // 2 * 2 + 1))
    total = np.convolve(weight, kernel, "same")
    miss = np.convolve((bins.value - segmentation.line(bins)) * weight, kernel, "same") / total
    clear = CLEAR_MISS**2 / total / np.maximum(miss**2, NO_MISS)
    return np.asarray(lines + np.interp(places, bins.position, miss * (1 - clear).clip(min=0.0)))


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
    """Log loss from which the stage after a plateau starts, shape (draws, 1), or (draws, places) if it has a trend.

    The median of the plateau's first half, since the escape sets in during the second. A later plateau that goes down
    steadily, and not ever faster, has the trend of its third quarter instead: the slow end of a descent.
    """
    quarter = (last - first) // 4
    level = np.median(curves[:, first : first + max(2 * quarter, 1) + 1], axis=1)[:, None]
    if quarter < 2 or first == 0:
        return np.asarray(level)
    marks = [first, first + 2 * quarter, first + 3 * quarter]
    before, after = np.diff(curves[:, marks], axis=1).T / np.diff(places[marks])[:, None]
    steady = (before * after > 0) & (np.abs(after) > MIN_TREND) & (np.abs(after) < FASTER * np.abs(before))
    kept = max(steady.mean() - AGREED_SHARE, 0.0) / (1 - AGREED_SHARE)
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
    """Median of a boundary and its 90 % interval.

    The lines drawn agree too well, since they bend at knots only and share one estimate of the noise. So the interval
    is widened as curves with known boundaries ask for.
    """
    low, middle, high = (float(one) for one in np.quantile(at, QUANTILES))
    after = int(np.searchsorted(knots, middle).clip(1, knots.size - 1))
    least = MIN_WIDTH * (knots[after] - knots[after - 1])
    below, above = np.hypot(WIDEN * np.array([middle - low, high - middle]), least)
    ends = knots[0], knots[-1]
    return max(middle - below, ends[0]), middle, min(middle + above, ends[1])
