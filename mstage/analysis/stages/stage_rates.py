"""From where to where is the rate of a stage measured, and towards which level?

The rate is to say how fast the stage itself goes, and not how long the run was or how often it was logged. So a descent
(or a rise) to a plateau is measured from where it starts to where nine tenths of its way are gone on the scale of the
loss, where it matters little how exactly the level after it is known; its exponential leads to that level. One after
which no plateau comes has the floor that fits best, and is measured to nine tenths of its way on the scale of the
stages, since it may have a slow tail. All the time of the stage counts alike: a descent that is no pure exponential, as
that of a mode which has to grow first, then has one rate, whatever the records.

A power law has the clock's own origin. It is taken where it is clearly better over the whole of the stage; then each
record counts alike, and the floor is free, since a power law goes on falling beyond its last level.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.bins import MIN_SIGMA
from mstage.analysis.stages.boundaries import DESCENT_SHARE, crossed
from mstage.analysis.stages.rate_fits import MIN_POINTS, Level, Points
from mstage.analysis.stages.rates import Rate, fit_exponential, fit_limit, fit_rate
from mstage.analysis.stages.tuning import MIN_SPAN

if TYPE_CHECKING:
    from mstage.analysis.stages.bins import Bins
    from mstage.analysis.stages.boundaries import Boundary, Way
    from mstage.analysis.stages.drawn_curve import DrawnCurve

RATE_SHARE = 0.9  # of the way, on the scale of the loss
SURE = 4.0  # standard errors of the mean of the records there, by which a level may lie beyond that range
FROM_90_TO_95 = 1.19  # percent, the length of an interval of Gaussian noise
LATE = 0.9  # of a plateau, where the next stage has not begun
MOST_POINTS = 256  # that an exponential is fitted to


def stage_rate(curve: DrawnCurve, bins: Bins, index: int, way: Way, begins: Boundary, end: float) -> Rate | None:
    """Rate of a stage.

    Args:
        curve: The curve.
        bins: The same.
        index: The stage, a descent or a rise.
        way: From where to where it goes.
        begins: Where it starts.
        end: Where it ends on the clock.
    """
    records, kinds, start = curve.records, curve.kinds, begins.position
    first, last = np.searchsorted(records.clock, [start, np.nextafter(end, np.inf)]).tolist()
    if last - first < MIN_POINTS - 2:  # the ends of the stage are points too
        return None
    begin, goal = float(way.start.mean()), float(way.goal.mean())
    leads = index + 1 < len(kinds) and kinds[index + 1] == "plateau" and way.falls * (begin - goal) > 0
    if not leads:
        begin, goal = curve.line(curve.position(np.array([start, end]))).tolist()
        end = _passes(curve, first, last, begin + DESCENT_SHARE * (goal - begin), way.falls)
    positive = start if start > 0 else float(records.clock[np.searchsorted(records.clock[:-1], 0, side="right")])
    if end >= MIN_SPAN * positive > 0:
        whole = fit_rate(*_over(bins, curve, positive, end), logarithmic=records.scale.logarithmic, noise_known=True)
        if whole is not None and whole.model == "power law":
            return whole
    level, stage_end = None, end
    if leads:
        share = records.scale.share_of_the_way(RATE_SHARE, np.array(begin), np.array(goal))
        end = _passes(curve, first, last, float(share), way.falls)
        if way.falls > 0 or not records.scale.logarithmic:  # a loss that grows by factors is not led by where it ends
            level = _level_after(curve, index, (start, stage_end), Level(goal, float(way.goal.std())))
    if not end > start:
        return None
    rate = fit_exponential(_in_time(curve, start, end), level)
    ends = [at for at in (begins.low, begins.high) if records.clock[0] <= at < end and at != start]
    others = [fit_exponential(_in_time(curve, at, end), level) for at in ends] if rate else []
    return rate and _as_unsure_as_its_start(rate, [one.value for one in others if one])


def _as_unsure_as_its_start(rate: Rate, others: list[float]) -> Rate:
    """A rate whose interval has also what it would be by if its stage started elsewhere in the interval of that.

    A descent that is no pure exponential is faster or slower where it sets in.
    """
    below, above = (FROM_90_TO_95 * max([0.0, *(sign * (rate.value - one) for one in others)]) for sign in (1, -1))
    low = rate.value - float(np.hypot(rate.value - rate.low, below))
    return replace(rate, low=low, high=rate.value + float(np.hypot(rate.high - rate.value, above)))


def _passes(curve: DrawnCurve, first: int, last: int, height: float, falls: float) -> float:
    """Where on the clock the records from first up to last pass a height."""
    clock, values = curve.records.clock[first:last], curve.records.value[first:last]
    at = crossed(falls * (values - height)[None])[0]
    return float(np.interp(at, np.arange(clock.size), clock))


def _level_after(curve: DrawnCurve, index: int, stage: tuple[float, float], median: Level) -> Level:
    """The level to which a stage leads, from itself and as much of the plateau after it.

    That of an exponential is not the median of the plateau, which has its tail in its first part. It is sought from the
    median on to as far beyond where the plateau comes as that is from the median.
    """
    start, end = stage
    first, last = curve.edges[index + 1 : index + 3]
    until = min(2 * end - start, float(curve.clock(np.array(last))))
    limit = fit_limit(_in_time(curve, start, until)) if until > end else None
    if limit is None:
        return median
    late = float(curve.line(np.array(first + LATE * (last - first))))
    low, high = sorted((median.height, 2 * late - median.height))
    records = curve.records
    plateau = slice(*np.searchsorted(records.clock, [end, until]).tolist())
    sigma = float(records.sigma[plateau].mean()) if plateau.stop > plateau.start else 0.0
    allowed = SURE * sigma * float(np.sqrt(records.noise.inflation / max(plateau.stop - plateau.start, 1)))
    within = float(np.clip(limit.height, low - allowed, high + allowed))
    return limit if limit.height == within else replace(median, height=within)


def _over(bins: Bins, curve: DrawnCurve, start: float, end: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clock, heights and variances of the bins of a part of the curve, or of the records where these are few."""
    records = curve.records
    inside = (bins.clock >= start) & (bins.clock <= end)
    part = slice(*np.searchsorted(records.clock, [start, np.nextafter(end, np.inf)]).tolist())
    if records.clock[part].size <= 2 * np.count_nonzero(inside):
        variance = records.sigma[part] ** 2 * records.noise.inflation + MIN_SIGMA**2
        return records.clock[part], records.value[part], variance
    return bins.clock[inside], bins.value[inside], bins.variance[inside]


def _in_time(curve: DrawnCurve, start: float, end: float) -> Points:
    """Means of the records over equal lengths of a part of the clock, each as heavy as the time it stands for.

    The time between two records is halved between them; the ends of the part lie between records.
    """
    records = curve.records
    first, last = np.searchsorted(records.clock, [np.nextafter(start, np.inf), end]).tolist()
    clock = np.concatenate([[start], records.clock[first:last], [end]])
    value = np.interp(clock, records.clock, records.value)
    variance = np.interp(clock, records.clock, records.sigma) ** 2 * records.noise.inflation + MIN_SIGMA**2
    halves = np.diff(clock) / 2
    time = np.append(halves, 0.0) + np.append(0.0, halves)
    if clock.size > MOST_POINTS:
        group = ((clock - start) * (MOST_POINTS / (end - start))).astype(int).clip(0, MOST_POINTS - 1)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        sums = np.add.reduceat(time, starts)
        clock, value = (np.add.reduceat(time * one, starts) / sums for one in (clock, value))
        variance = np.add.reduceat(time**2 * variance, starts) / sums**2
        time = sums
    return Points(clock, value, time / time.mean(), variance, records.scale.logarithmic, errors_of="noise")
