"""On which scale are the stages of a loss curve seen?

Stages are seen on a logarithmic clock and a logarithmic loss: a plateau is as long as what came before it, a drop is as
large as its factor. The records are put into at most some hundred bins of equal length on that clock, the median of
each, so that a spike within a bin counts for nothing and a million records cost no more than three hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import median_filter

from mstage.analysis.stages.noise import Noise, estimate_noise
from mstage.analysis.stages.tuning import FLOOR_SHARE, SPIKE_SIGMAS

if TYPE_CHECKING:
    from jaxtyping import Float

LINEAR_CLOCK_SPAN = 10.0  # length of a linear clock, in the units in which a logarithmic one has 2.3 a decade
TREND_SHARE = 0.85  # of the pairs of six values: of such without a trend, one in a hundred has so many by chance
MIN_SIGMA = 1e-9  # of log loss in a bin, so that a curve without any noise has finite weights
ROUNDING = 1e-9  # of a bin, so that records on its edge stay in it when the clock is rescaled
ROUNDED = 2.0**-46  # of the size of losses, that their range is at least if it is no rounding
MIN_LENGTH = 1e-6  # of a log clock, below which the logarithms of its values would have too few digits

ClockScale = Literal["log", "linear"]


@dataclass(frozen=True)
class Bins:
    """A loss curve on the scale on which stages are seen.

    Attributes:
        clock: Mean clock of each bin, shape (bins,).
        position: The same on the scale of the segmentation: natural log of the clock, or the clock stretched to 0..10.
        value: Median log(loss - floor) of each bin, single outlying bins replaced by the median around them.
        variance: Of `value`, with what the correlation of the noise adds; never 0.
        ar_coefficient: The noise of bin k is ar_coefficient[k] times that of bin k - 1 plus an innovation;
            ar_coefficient[0] is 0.
        innovation_variance: Variance of the innovation in each bin.
        floor: What was taken off the losses before the logarithm; 0 for positive losses.
        noise: Of the records.
    """

    clock: Float[np.ndarray, " bins"]
    position: Float[np.ndarray, " bins"]
    value: Float[np.ndarray, " bins"]
    variance: Float[np.ndarray, " bins"]
    ar_coefficient: Float[np.ndarray, " bins"]
    innovation_variance: Float[np.ndarray, " bins"]
    floor: float
    noise: Noise


def clean(
    clock: Float[np.ndarray, " records"], loss: Float[np.ndarray, " records"]
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, " kept"]]:
    """The finite records in the order of the clock, of several with the same clock the one that was recorded last."""
    finite = np.isfinite(clock) & np.isfinite(loss)
    clock, loss = clock[finite], loss[finite]
    if clock.size and (clock[1:] <= clock[:-1]).any():
        order = np.argsort(clock, kind="stable")
        clock, loss = clock[order], loss[order]
        last = np.append(clock[1:] > clock[:-1], True)
        clock, loss = clock[last], loss[last]
    return clock, loss


def loss_floor(loss: np.ndarray) -> float:
    """What to take off the losses so that their logarithm exists: 0 where they are positive.

    Some zeros among positive losses are losses below what the log could write, and are left to `log_loss`. Where there
    are negative losses, the floor lies a little below the least of them (spikes apart); so it moves with the losses
    when a constant is added or multiplied.
    """
    if loss.size == 0 or (loss >= 0).all():
        return 0.0
    low, high = np.quantile(loss, [0.001, 0.999])
    size = max(abs(low), abs(high))
    span = high - low if high - low > ROUNDED * size else size  # a range of some roundings is that of a constant
    return float(low - FLOOR_SHARE * (span or 1.0))


def log_loss(loss: np.ndarray, floor: float) -> np.ndarray:
    """log(loss - floor); what is not above the floor counts as the least that is."""
    above = loss - floor
    positive = above[above > 0]
    least = positive.min() if positive.size else 1.0
    return np.log(np.maximum(above, least))


def make_bins(clock: np.ndarray, loss: np.ndarray, count: int, scale: ClockScale = "log") -> Bins:
    """Put clean records into bins.

    Args:
        clock: Ascending, shape (records,), at least two different values, on a log clock at least two of them positive.
        loss: Shape (records,).
        count: Bins at most.
        scale: Scale of the clock.
    """
    floor = loss_floor(loss)
    values = log_loss(loss, floor)
    noise = estimate_noise(values)
    values = _without_lone_spikes(values, noise.sigma)
    position = positions(clock, scale)
    share = (position - position[0]) / (position[-1] - position[0])
    index = np.minimum((share * count + ROUNDING).astype(int), count - 1)
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    sizes = np.diff(np.append(starts, index.size))
    ordered = values[np.lexsort((values, index))]
    medians = (ordered[starts + (sizes - 1) // 2] + ordered[starts + sizes // 2]) / 2
    white = noise.sigma**2 / sizes * (1 + (np.pi / 2 - 1) * (1 - 1 / sizes))  # of a mean for one record, of a median
    ar_coefficient, innovation_variance = _autoregression(noise, sizes)
    return Bins(
        clock=np.add.reduceat(clock, starts) / sizes,
        position=np.add.reduceat(position, starts) / sizes,
        value=_without_spikes(medians, np.sqrt(white)),
        variance=white * noise.inflation + MIN_SIGMA**2,
        ar_coefficient=ar_coefficient,
        innovation_variance=innovation_variance + MIN_SIGMA**2,
        floor=floor,
        noise=noise,
    )


def _autoregression(noise: Noise, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AR coefficients and innovation variances of bins of AR(1) noise (see `Bins`), taken as a Markov chain of bins.

    The variance of a mean of m records and its covariance with that of the next n are sums of powers of rho. A median
    of independent records has up to pi/2 times the variance of their mean, one of records that hardly differ the same.
    """
    rho = noise.correlation
    left = 1 - rho**sizes
    mean = (sizes * (1 + rho) / (1 - rho) - 2 * rho * left / (1 - rho) ** 2) / sizes**2
    variance = noise.sigma**2 * mean * (1 + (np.pi / 2 - 1) * (1 - 1 / sizes) * (1 - rho))
    shared = noise.sigma**2 * rho * left[1:] * left[:-1] / ((1 - rho) ** 2 * sizes[1:] * sizes[:-1])
    ar_coefficient = np.append(0.0, shared / np.maximum(variance[:-1], np.finfo(float).tiny))
    innovation_variance = variance - np.append(0.0, ar_coefficient[1:] * shared)
    return ar_coefficient, innovation_variance


def positions(clock: np.ndarray, scale: ClockScale) -> np.ndarray:
    """Clock values on the scale of the segmentation.

    A clock that starts at 0 or below has no logarithm there: such records stand at half the first positive one.
    """
    if scale == "linear":
        return np.asarray(LINEAR_CLOCK_SPAN * (clock - clock[0]) / (clock[-1] - clock[0]))
    positive = clock[clock > 0]
    if positive.size == clock.size and np.log(clock[-1]) - np.log(clock[0]) < MIN_LENGTH:
        return np.asarray(np.log1p((clock - clock[0]) / clock[0]))
    return np.asarray(np.log(np.maximum(clock, positive[0] / 2 or positive[0])))


def _without_lone_spikes(values: np.ndarray, sigma: float) -> np.ndarray:
    """The values, single ones far from the median of the five around them replaced by it.

    Where a curve goes one way, however steeply, that median is the value itself.
    """
    middle = median_filter(values, 5, mode="nearest")
    return np.where(np.abs(values - middle) > SPIKE_SIGMAS * sigma, middle, values)


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
