"""Where exactly does a stage end, and how sure is that?

The segmentation says which stages there are; where they end is read off the records, by a definition that is alike on
every curve. A plateau ends where the loss has come a tenth of the way to the next level, which for the initial plateau
is the exit time T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10}; a descent ends where the log loss has come nine tenths of
its way. So a boundary is where the records pass a level: where the monotone curve nearest to them does. Of that curve
only the crossing is needed, which is where the running sum of the records' heights above the level is largest.

Its interval comes from a parametric bootstrap: the same is read off the mean of the lines drawn from the posterior,
with noise as the records have it and the level that each of them has. What it is off by there, it is taken to be off by
on the records (the basic bootstrap).

References:
    Barlow, Bartholomew, Bremner, Brunk 1972, "Statistical inference under order restrictions" (level sets of the
        isotonic regression).
    Davison, Hinkley 1997, "Bootstrap methods and their application", section 5.2 (the basic bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.drawn_curve import DrawnCurve, Trend
from mstage.analysis.stages.tuning import BREAK, MIN_RECORDS_OFF, TREND_SHARES, WIDEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

PLATEAU_SHARE = 0.1  # of the way, on the scale of the loss, that ends a plateau
DESCENT_SHARE = 0.9  # of the way, on the scale on which stages are seen, that ends a descent
SURE = 5.0  # standard deviations from the level, at which a record alone is surely on its side
BESIDE = 12  # records that are looked at besides
WINDOW = 300  # records or means of records in which a crossing is sought
CLOSER = 0.7  # of a window, that one has to be at most to be worth another look
QUANTILES = (0.05, 0.5, 0.95)
NO_TREND = Trend(0.0, 0.0, on_clock=False)


@dataclass(frozen=True)
class Boundary:
    """End of a stage and start of the next, with its 90 % interval, in units of the clock.

    Attributes:
        position: Where it is.
        low: Where it is at the earliest.
        high: Where it is at the latest.
        height: Of the curve without its noise there: the level that is passed, where the stage ends at one.
    """

    position: float
    low: float
    high: float
    height: float

    @classmethod
    def known(cls, curve: DrawnCurve, clock: float) -> Boundary:
        """One that is at some clock, known as well as that."""
        return cls(clock, clock, clock, float(curve.height(float(curve.position(np.array(clock)))).mean()))


@dataclass(frozen=True)
class Way:
    """A descent or a rise, for each line drawn.

    Attributes:
        start: Height from which it starts, shape (draws,).
        goal: Height to which it leads, shape (draws,).
        trend: Of the start.
        falls: 1 for a descent, -1 for a rise.
    """

    start: Float[np.ndarray, " draws"]
    goal: Float[np.ndarray, " draws"]
    trend: Trend
    falls: float


def locate_boundaries(curve: DrawnCurve, ways: Sequence[Way | None]) -> list[Boundary]:
    """The boundaries between the segments of a curve, one fewer than there are segments, ascending.

    Args:
        curve: The curve.
        ways: Of each segment, as `ways_of` has them.
    """
    if len(curve.kinds) == 1:
        return []
    noise = _ar_noise(curve.records.noise.correlation, (len(curve.lines), WINDOW), np.random.default_rng(0))
    out: list[Boundary] = []
    for index in range(len(curve.kinds) - 1):
        boundary = _boundary(curve, index, ways, noise)
        if out and boundary.position <= out[-1].position:  # noise can turn two round: the later is at its edge
            position = max(out[-1].position, _at_edge(curve, index).position)
            boundary = replace(
                boundary, position=position, low=min(boundary.low, position), high=max(boundary.high, position)
            )
        out.append(boundary)
    return out


def _boundary(
    curve: DrawnCurve, index: int, ways: Sequence[Way | None], noise: tuple[np.ndarray, np.ndarray]
) -> Boundary:
    """The end of a stage."""
    early = curve.kinds[index] == "plateau"
    if not early and curve.kinds[index + 1] != "plateau":
        return _turn(curve, index)
    way = ways[index + 1 if early else index]
    if (
        way is None or way.falls * float(np.median(way.start - way.goal)) <= 0
    ):  # the plateau before or after it goes against it
        return _at_edge(curve, index)
    if early:
        level = curve.records.scale.share_of_the_way(PLATEAU_SHARE, way.start, way.goal)
    else:
        level = way.start + DESCENT_SHARE * (way.goal - way.start)
    first, last = _window(curve, index, way, float(level.mean()), early)
    found = _passed(curve, first, last, way, level, noise)
    while last - first > WINDOW:  # found among means of records: look closer
        low, high = np.searchsorted(curve.records.clock, [found.low, found.high]).tolist()
        beside = max(high - low, WINDOW // 4)
        closer = max(first, low - beside), min(last, high + beside)
        if closer[1] - closer[0] > CLOSER * (last - first):
            break
        first, last = closer
        found = _passed(curve, first, last, way, level, noise)
    return found


def ways_of(curve: DrawnCurve) -> list[Way | None]:
    """The way of each descent and rise of a curve; None for a plateau."""
    return [None if kind == "plateau" else _way(curve, index) for index, kind in enumerate(curve.kinds)]


def _way(curve: DrawnCurve, index: int) -> Way:
    """From where to where a descent or a rise goes.

    From where the curve begins, from where the plateau before it is flattest, or from its trend; to the median of the
    plateau after it, or to where its trend begins.
    """
    edges, kinds = curve.edges, curve.kinds
    if index == 0 or kinds[index - 1] != "plateau":
        start = curve.height(edges[index])
    elif index == 1:
        start = curve.beginning(edges[1])
    else:
        start = curve.flattest(edges[index - 1], edges[index])
    if index + 1 == len(kinds) or kinds[index + 1] != "plateau":
        goal = curve.height(edges[index + 1])
    else:
        goal = curve.level(edges[index + 1], edges[index + 2])
    length, trend = abs(float(np.median(goal - start))), NO_TREND
    if index > 0 and (leaving := _trend(curve, index - 1, index, length)):
        start, trend = leaving
    if index + 1 < len(kinds) and (arriving := _trend(curve, index + 1, index, length)) and arriving[1].on_clock:
        begin = np.array(edges[index + 1 : index + 2])
        goal = arriving[0] + arriving[1].rise(begin, curve.clock(begin))
    return Way(start, goal, trend, 1.0 if kinds[index] == "descent" else -1.0)


def _trend(
    curve: DrawnCurve, plateau: int, way: int, length: float
) -> tuple[Float[np.ndarray, " draws"], Trend] | None:
    """The trend of a plateau before or after a way of some length, where that is left or reached at its trend.

    It has to be a share of the way that counts and is not all of it, and the way has to be many times as steep.
    """
    if curve.kinds[plateau] != "plateau" or (found := curve.trend(*curve.edges[plateau : plateau + 2])) is None:
        return None
    trend = found[1]
    ends, sides = (np.array(curve.edges[one : one + 2]) for one in (plateau, way))
    rise = float(np.ptp(trend.rise(ends, curve.clock(ends))))
    span = float(np.ptp(curve.clock(sides) if trend.on_clock else sides))
    counts = TREND_SHARES[0] * length <= rise <= TREND_SHARES[1] * length
    return found if counts and length > BREAK * abs(trend.slope) * span else None


def _window(curve: DrawnCurve, index: int, way: Way, level: float, early: bool) -> tuple[int, int]:
    """Records among which the end of a stage lies: those that are not surely on one side of its level.

    Args:
        curve: The curve.
        index: The stage that ends there.
        way: The descent or rise beside it.
        level: What is passed.
        early: Whether a plateau ends there, which happens before half of the way.
    """
    records = curve.records
    a, b = (curve.first(curve.edges[one]) for one in (index, index + 2))
    b = min(b + 1, records.position.size)
    position = records.position[a:b]
    height = way.falls * (curve.line(position) - way.trend.rise(position, records.clock[a:b]) - level)
    half = way.falls * (float((way.start + way.goal).mean()) / 2 - level)
    reached = height <= half if early else height < half
    turn = int(reached.argmax()) if reached.any() else position.size
    inside = slice(0, min(turn + BESIDE, position.size)) if early else slice(max(turn - BESIDE, 0), position.size)
    unsure = np.flatnonzero(np.abs(height[inside]) <= SURE * records.sigma[a:b][inside]) + inside.start
    passed = int(np.argmax(height[inside] <= 0)) + inside.start
    first = max(min(unsure.min(initial=passed), passed) - BESIDE, inside.start)
    last = min(max(unsure.max(initial=passed), passed) + BESIDE + 1, inside.stop)
    return a + int(first), a + int(last)


def _passed(
    curve: DrawnCurve,
    a: int,
    b: int,
    way: Way,
    level: Float[np.ndarray, " draws"],
    noise: tuple[np.ndarray, np.ndarray],
) -> Boundary:
    """Where the records from a up to b pass a level, which each line drawn has somewhere else."""
    records, position, times = curve.records, curve.records.position[a:b], curve.records.clock[a:b]
    size = -(-(b - a) // WINDOW)
    starts = np.arange(0, b - a, size)
    sizes = np.diff(np.append(starts, b - a))

    def means(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(values, starts) / sizes)

    middle = float(level.mean())
    reference = way.trend.rise(position, times) + middle
    height = means(way.falls * (records.value[a:b] - reference))
    line = means(way.falls * (curve.line(position) - reference))
    clock, sigma = means(times), np.sqrt(means(records.sigma[a:b] ** 2))
    if size > 1:
        sigma = sigma * np.sqrt(records.noise.inflation / sizes)
    drawn = line + noise[0 if size == 1 else 1][:, : sigma.size] * sigma - way.falls * (level - middle)[:, None]
    low, middle, high = np.quantile(crossed(drawn) - crossed(line[None])[0], QUANTILES)
    at = crossed(height[None])[0] - middle
    off = MIN_RECORDS_OFF / size
    below, above = WIDEN * (high - middle) + off, WIDEN * (middle - low) + off  # what it was too late by, it may be now
    places = np.interp([at, at - below, at + above], np.arange(clock.size), clock)
    position, low, high = places.tolist()
    return Boundary(position, low, high, float(np.interp(at, np.arange(clock.size), means(reference))))


def _turn(curve: DrawnCurve, index: int) -> Boundary:
    """Where a descent and a rise meet: the lowest (highest) record near where the lines turn."""
    records, falls = curve.records, 1.0 if curve.kinds[index] == "descent" else -1.0
    inside = np.flatnonzero((curve.at >= curve.edges[index]) & (curve.at <= curve.edges[index + 2]))
    turns = inside[(falls * curve.lines[:, inside]).argmin(axis=1)]
    low, middle, high = np.quantile(turns, QUANTILES, method="nearest").tolist()
    around = np.array([middle - 1, middle + 1, low - 1, high + 1]).clip(0, curve.at.size - 1)
    a, b, first, last = (curve.first(position) for position in curve.at[around].tolist())
    at = a + int(np.argmin(falls * records.value[a : b + 1]))
    clock = records.clock[[at, min(first, at), max(min(last, records.clock.size - 1), at)]].tolist()
    return replace(Boundary.known(curve, clock[0]), low=clock[1], high=clock[2])


def _at_edge(curve: DrawnCurve, index: int) -> Boundary:
    """The end of a stage where the segmentation has it."""
    return Boundary.known(curve, float(curve.clock(np.array(curve.edges[index + 1]))))


def _ar_noise(rho: float, size: tuple[int, int], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """AR(1) noise and white noise of unit variance, each of shape (draws, records)."""
    white = random.standard_normal(size)
    if rho == 0:
        return white, white
    out = white.copy()
    for k in range(1, size[1]):
        out[:, k] = rho * out[:, k - 1] + np.sqrt(1 - rho * rho) * white[:, k]
    return out, white


def crossed(heights: Float[np.ndarray, "curves records"]) -> Float[np.ndarray, " curves"]:
    """At which record the isotonic regression of falling curves passes 0, between records by a straight line."""
    sums = np.pad(np.cumsum(heights, axis=1), ((0, 0), (1, 0)))
    after = sums.argmax(axis=1)  # the first record that counts as below
    rows, last = np.arange(len(heights)), heights.shape[1] - 1
    above, below = heights[rows, (after - 1).clip(0, last)], heights[rows, after.clip(0, last)]
    step = above - below
    share = np.where(step > 0, above / np.where(step > 0, step, 1.0), 0.0).clip(0, 1)
    return np.asarray(np.where(after == 0, 0.0, np.where(after > last, last, after - 1 + share)), dtype=float)
