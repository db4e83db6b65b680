"""How are many records made few, without losing where the curve turns?

The records are put into at most some hundred bins of equal length on the scale of the clock, the median of each, so
that a spike within a bin counts for nothing and a million records cost no more than three hundred. Where the curve
bends within a bin, more than the noise tells, the bin is halved, down to single records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.tuning import LATE_SHARE, MOST_BINS, OFF_LINE, OFF_SHAPE, OFF_STEP, SPIKE_SIGMAS

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from mstage.analysis.stages.noise import Noise
    from mstage.analysis.stages.records import Records

TREND_SHARE = 0.85  # of the pairs of six values: of such without a trend, one in a hundred has so many by chance
MIN_SIGMA = 1e-9  # of log loss in a bin, so that a curve without any noise has finite weights
MANY = 100  # records a bin, from which each is sorted by itself
MIN_APART = 1e-12  # of the length of the curve, between two bins
ROUNDING = 1e-9  # of a bin, so that records on its edge stay in it when the clock is rescaled


@dataclass(frozen=True)
class Bins:
    """A loss curve on the scale on which stages are seen.

    Attributes:
        clock: Mean clock of each bin, shape (bins,).
        position: The same on the scale of the segmentation: natural log of the clock, or the clock stretched to 0..10.
        records: How many are in each.
        value: Median height of each bin, single outlying bins replaced by the median around them.
        variance: Of `value`, with what the correlation of the noise adds; never 0.
        ar_coefficient: The noise of bin k is ar_coefficient[k] times that of bin k - 1 plus an innovation;
            ar_coefficient[0] is 0.
        innovation_variance: Variance of the innovation in each bin.
    """

    clock: Float[np.ndarray, " bins"]
    position: Float[np.ndarray, " bins"]
    records: Int[np.ndarray, " bins"]
    value: Float[np.ndarray, " bins"]
    variance: Float[np.ndarray, " bins"]
    ar_coefficient: Float[np.ndarray, " bins"]
    innovation_variance: Float[np.ndarray, " bins"]


def make_bins(records: Records, count: int) -> Bins:
    """Put records into bins.

    Args:
        records: The curve.
        count: Bins at most on the scale of the clock, before those in which the curve bends are halved.
    """
    position, values, sigma, noise = records.position, records.value, records.sigma, records.noise
    starts = _refined(_even_starts(records, count), position, values, sigma**2 * noise.inflation, MOST_BINS * count)
    starts = _apart(starts, position)
    sizes = np.diff(np.append(starts, position.size))
    medians = _medians(values, starts, sizes)
    variance = np.add.reduceat(sigma**2, starts) / sizes  # of a record
    white = variance / sizes * (1 + (np.pi / 2 - 1) * (1 - 1 / sizes))  # of a mean for one record, of a median
    ar_coefficient, innovation_variance = _autoregression(noise, sizes, np.sqrt(variance))
    return Bins(
        clock=np.add.reduceat(records.clock, starts) / sizes,
        position=np.add.reduceat(position, starts) / sizes,
        records=sizes,
        value=_without_spikes(medians, np.sqrt(white)),
        variance=white * noise.inflation + MIN_SIGMA**2,
        ar_coefficient=ar_coefficient,
        innovation_variance=innovation_variance + MIN_SIGMA**2,
    )


def _medians(values: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Median of each bin."""
    low, high = (sizes - 1) // 2, sizes // 2
    if values.size < MANY * starts.size:
        ordered = values[np.lexsort((values, np.repeat(np.arange(starts.size), sizes)))]
        return np.asarray((ordered[starts + low] + ordered[starts + high]) / 2)
    out = np.empty(starts.size)  # of many records in each, one bin after the other is many times as fast
    for place, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        middle = [int(low[place]), int(high[place])]
        out[place] = np.partition(values[start : start + size], middle)[middle].sum() / 2
    return out


def _even_starts(records: Records, count: int) -> np.ndarray:
    """First record of each bin: even on the scale of the clock, and on the clock itself where these would be long.

    Lengths are powers of two, on the clock itself times what lies between the first two records, and are counted from
    the first, so that a curve that grows keeps the bins that it has until its length has doubled.
    """
    step = float(records.clock[1] - records.clock[0])
    on_log_clock = [(records.position, count, 1.0), (records.clock, LATE_SHARE * count, step)]
    first = np.zeros(records.clock.size, bool)
    for scale, most, unit in on_log_clock if records.clock_scale == "log" else [(records.clock, float(count), step)]:
        away = scale - scale[0]
        length = np.ldexp(unit, int(np.ceil(np.log2(away[-1] / most) - np.log2(unit) - ROUNDING)))
        first |= np.diff(np.floor(away / length + ROUNDING), prepend=-1.0) > 0
    return np.flatnonzero(first)


def _refined(
    starts: np.ndarray, position: np.ndarray, values: np.ndarray, variance: np.ndarray, most: int
) -> np.ndarray:
    """Bins halved until their halves lie on the line through their neighbours, within the noise.

    Args:
        starts: First record of each bin.
        position: Of the records, shape (records,).
        values: Log losses of the records, shape (records,).
        variance: Of a record, as it counts in a mean, shape (records,).
        most: Bins at which to stop.
    """
    sums = [np.append(0.0, np.cumsum(one)) for one in (position, values - values.mean(), variance)]
    while starts.size < most:
        ends = np.append(starts[1:], position.size)
        halves = (starts + ends) // 2
        large = ends - starts > 1

        def mean(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            size = np.maximum(last - first, 1)
            x, y, v = ((one[last] - one[first]) / size for one in sums)
            return x, y, v / size

        x, y, v = mean(starts, ends)
        before, after = (
            np.maximum(np.arange(starts.size) - 1, 0),
            np.minimum(np.arange(starts.size) + 1, starts.size - 1),
        )
        gap = x[after] - x[before]
        gap = np.where(gap > 0, gap, np.inf)  # places too close for float64 to tell apart
        wanted = np.zeros(starts.size, bool)
        for first, last in ((starts, halves), (halves, ends)):
            at, height, error = mean(first, last)
            share = (at - x[before]) / gap
            line = y[before] + share * (y[after] - y[before])
            total = error + (1 - share) ** 2 * v[before] + share**2 * v[after]
            allowed = OFF_LINE * np.sqrt(total) + OFF_SHAPE + OFF_STEP * np.abs(y[after] - y[before])
            wanted |= np.abs(height - line) > allowed
        wanted &= large
        if not wanted.any():
            break
        starts = np.sort(np.concatenate([starts, halves[wanted]]))
    return starts


def _apart(starts: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Bins without those that are no further from the one before than rounding: a slope between them has no meaning."""
    middles = np.add.reduceat(position, starts) / np.diff(np.append(starts, position.size))
    least = MIN_APART * (position[-1] - position[0])
    if (np.diff(middles) >= least).all():
        return starts
    kept = [0]
    for place in range(1, starts.size):
        if middles[place] - middles[kept[-1]] >= least:
            kept.append(place)
    return np.asarray(starts[kept])


def _autoregression(noise: Noise, sizes: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AR coefficients and innovation variances of bins of AR(1) noise (see `Bins`), taken as a Markov chain of bins.

    The variance of a mean of m records and its covariance with that of the next n are sums of powers of rho. A median
    of independent records has up to pi/2 times the variance of their mean, one of records that hardly differ the same.
    """
    rho = noise.correlation
    left = 1 - rho**sizes
    mean = (sizes * (1 + rho) / (1 - rho) - 2 * rho * left / (1 - rho) ** 2) / sizes**2
    variance = sigma**2 * mean * (1 + (np.pi / 2 - 1) * (1 - 1 / sizes) * (1 - rho))
    shared = sigma[1:] * sigma[:-1] * rho * left[1:] * left[:-1] / ((1 - rho) ** 2 * sizes[1:] * sizes[:-1])
    ar_coefficient = np.append(0.0, shared / np.maximum(variance[:-1], np.finfo(float).tiny))
    innovation_variance = variance - np.append(0.0, ar_coefficient[1:] * shared)
    return ar_coefficient, innovation_variance


def _without_spikes(values: np.ndarray, sigma: np.ndarray, half: int = 3) -> np.ndarray:
    """The values, those far from the median of their neighbours replaced by it.

    The first and the last few are left alone, for a fall within the first records is what many logs begin with; only
    one at the very end that is far from several which agree, and do not lead to it, is a spike.
    """
    if values.size < 2 * half + 1:
        return values
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1)
    middle = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - middle[:, None]), axis=1)
    inner = values[half:-half]
    far = np.abs(inner - middle) > SPIKE_SIGMAS * np.maximum(spread, sigma[half:-half])
    out = np.concatenate([values[:half], np.where(far, middle, inner), values[-half:]])
    for end, near in ((0, out[1 : 2 * half + 1]), (-1, out[-2 * half - 1 : -1][::-1])):
        level = np.median(near)
        allowed = SPIKE_SIGMAS * max(1.4826 * np.median(np.abs(near - level)), sigma[end])
        is_far = abs(out[end] - level) > allowed and (np.abs(near - level) < allowed).all()
        if is_far and not _leads_to(near, out[end] - level):
            out[end] = level
    return out


def _leads_to(near: np.ndarray, height: float) -> bool:
    """Whether values, the nearest to an end first, rise or fall towards it as far as nearly all pairs of them tell."""
    first, second = np.triu_indices(near.size, 1)
    towards = (near[first] - near[second]) * height > 0
    return bool(np.count_nonzero(towards) >= TREND_SHARE * towards.size)
