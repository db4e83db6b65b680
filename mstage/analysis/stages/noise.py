"""How noisy are the records of a loss curve, and for how long does the noise remember itself?

The noise is taken to be AR(1) in log loss. Its scale and its correlation are read off the second differences of the
records at several lags, which remove what is straight in the curve, by medians, which ignore the few records where it
bends or has a spike. White noise has the same second differences at every lag, AR(1) noise ones that rise to a
ceiling, and a smooth curve without noise ones that grow with the fourth power of the lag: so noise and shape are told
apart without a fit to the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter1d

from mstage.analysis.stages.tuning import (
    BLOCK_RECORDS,
    CLEAR_CHANGE,
    COMMON_SHARE,
    FAR_HEAVIER,
    FAR_LESS,
    HEAVIER,
    LIGHTER,
    MIN_INDEPENDENT,
    MIN_TELLING,
    MOST_BLOCKS,
    MOST_CHANGE,
    NEAR_HEAVY,
    SHAPED,
    SMOOTH_RATIO,
    SMOOTH_RATIO_FAR,
    STEPS_ADD,
    TIED_SHARE,
)

if TYPE_CHECKING:
    from jaxtyping import Float

LAGS = np.array([1, 2, 3, 4, 6, 8, 12, 16])
CORRELATIONS = np.array([0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97])
NEAR_LAGS = 3  # the first lags, on which a curve of steps has little effect
MAD_TO_SIGMA = 0.6745


@dataclass(frozen=True)
class Noise:
    """AR(1) noise of the records of a curve, in natural-log loss.

    Attributes:
        sigma: Its standard deviation; 0 for a curve without noise.
        correlation: Of one record with the next, 0 to 0.97.
    """

    sigma: float
    correlation: float

    @property
    def inflation(self) -> float:
        """Variance of a long mean, as a multiple of what independent records would have: (1 + rho) / (1 - rho)."""
        return (1 + self.correlation) / (1 - self.correlation)


def noise_of_records(values: Float[np.ndarray, " records"]) -> tuple[Noise, Float[np.ndarray, " records"]]:
    """Noise of a curve, and its standard deviation at each record.

    Where a loss mostly stays the same from record to record, as at a floor of zeros, or where it is written to digits
    that are too few for its noise, it says nothing of the noise of the rest.

    Args:
        values: Log losses in the order of the clock, shape (records,), finite.
    """
    same = np.append(values[1:] == values[:-1], False).astype(float)
    telling = uniform_filter1d(same, BLOCK_RECORDS, mode="nearest") < TIED_SHARE
    if telling.all() or np.count_nonzero(telling) < MIN_TELLING:
        noise = estimate_noise(values)
        return noise, noise.sigma * (local_scale(values) if telling.all() else np.ones(values.size))
    noise = estimate_noise(values[telling])
    scale = np.interp(np.arange(values.size), np.flatnonzero(telling), local_scale(values[telling]))
    return noise, np.hypot(noise.sigma * scale, _half_steps(values, telling))


def _half_steps(values: np.ndarray, telling: np.ndarray) -> np.ndarray:
    """By how much records may be off because they are written to few digits, which those that are telling are not.

    It is half of what a stretch of records moves by when it moves, if it does so too often for those to be jumps.
    """
    out = np.zeros(values.size)
    edges = np.flatnonzero(np.diff(telling, prepend=True, append=True))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        sizes = np.abs(np.diff(values[first : last + 1]))
        moved = sizes[sizes > 0]
        if moved.size > COMMON_SHARE / 2 * sizes.size:
            out[first:last] = np.median(moved) / 2
    return out


def estimate_noise(values: Float[np.ndarray, " records"]) -> Noise:
    """Noise of a series of log losses.

    Args:
        values: Log losses in the order of the clock, shape (records,), finite.

    Returns:
        The noise, taken for uncorrelated where the records are too few to tell.
    """
    lags = LAGS[values.size > 8 * LAGS + 8]
    if not lags.size:
        return _from_differences_alone(values)
    spreads = np.array([_spread(_second_differences(values, h)) for h in lags])
    if spreads[0] == 0:
        return Noise(0.0, 0.0)
    third = spreads[min(3, lags.size - 1)]
    if lags.size > 1 and spreads[1] > SMOOTH_RATIO * spreads[0] and third > SMOOTH_RATIO_FAR * spreads[0]:
        return Noise(float(np.sqrt(spreads[0] / 24)), 0.0)  # an upper limit: most of the difference is shape
    tails = np.array([_tail(_second_differences(values, h)) for h in lags])
    heavy = tails > HEAVIER * np.minimum.accumulate(tails)
    first = int(heavy.argmax()) if heavy.any() else lags.size
    has_steps = (LIGHTER * tails < np.maximum.accumulate(tails)).any()  # that come back, as often as at such a lag
    has_steps |= first <= NEAR_HEAVY and tails.max() > FAR_HEAVIER * tails.min()
    if has_steps and lags.size > NEAR_LAGS:
        return _beside_steps(spreads)
    lags, spreads = lags[: max(first, 2)], spreads[: max(first, 2)]
    inflation = (1 + CORRELATIONS) / (1 - CORRELATIONS)
    correlations = CORRELATIONS[inflation <= max(values.size / MIN_INDEPENDENT, 1.0)]
    whole, near = (_best_fit(spreads[:count], lags[:count], correlations) for count in (lags.size, NEAR_LAGS))
    return near if near.correlation < FAR_LESS * whole.correlation else whole  # else steps look like slow noise


def _beside_steps(spreads: np.ndarray) -> Noise:
    """The least correlated noise that the first two lags allow, where steps have added to the second of them."""
    expected = _expected(CORRELATIONS, LAGS[:2])
    allowed = spreads[1] <= STEPS_ADD * spreads[0] * expected[:, 1] / expected[:, 0]
    place = int(allowed.argmax()) if allowed.any() else CORRELATIONS.size - 1
    return Noise(float(np.sqrt(spreads[0] / expected[place, 0])), float(CORRELATIONS[place]))


def _second_differences(values: np.ndarray, lag: np.integer) -> np.ndarray:
    return np.asarray(values[2 * lag :] - 2 * values[lag:-lag] + values[: -2 * lag])


def _expected(correlations: np.ndarray, lags: np.ndarray) -> Float[np.ndarray, "correlations lags"]:
    """Variance of the second differences of unit AR(1) noise at some lags."""
    powers = correlations[:, None] ** lags
    return np.asarray(6 - 8 * powers + 2 * powers**2)


def _tail(differences: np.ndarray) -> float:
    """By what factor the large ones are larger than the small ones: more so where there are steps among them."""
    small, large = np.quantile(np.abs(differences), [0.25, 0.85])
    return float(large / small) if small > 0 else 1.0


def _best_fit(spreads: np.ndarray, lags: np.ndarray, correlations: np.ndarray) -> Noise:
    """The AR(1) noise whose second differences have such variances at such lags."""
    expected = _expected(correlations, lags)
    weights = 1 / np.sqrt(lags)
    offsets = np.log(np.maximum(spreads, np.finfo(float).tiny)) - np.log(expected)
    means = offsets @ weights / weights.sum()
    misfit = (offsets - means[:, None]) ** 2 @ weights
    best = int(misfit.argmin())
    return Noise(float(np.exp(means[best] / 2)), float(correlations[best]))


def _from_differences_alone(values: np.ndarray) -> Noise:
    """White noise, for series too short to tell its correlation."""
    if values.size < 5:
        return Noise(0.0, 0.0)
    return Noise(float(np.sqrt(_spread(np.diff(values, 2)) / 6)), 0.0)


def _spread(differences: np.ndarray) -> float:
    """Their variance, by the median of their size.

    Differences of exactly 0 are left out where they are most but others are common: a loss written to few digits, or
    one that has come to a floor, repeats itself, which says nothing of its noise.
    """
    sizes = np.abs(differences)
    median = float(np.median(sizes))
    if median == 0:
        moved = sizes[sizes > 0]
        median = float(np.median(moved)) if moved.size >= max(COMMON_SHARE * sizes.size, 1) else 0.0
    return (median / MAD_TO_SIGMA) ** 2


def local_scale(values: Float[np.ndarray, " records"]) -> Float[np.ndarray, " records"]:
    """How large the noise is around each record, as a multiple of what it is over the whole curve.

    From the second differences in blocks, each with its neighbours, or from the fourth ones where they say far less:
    then the shape of the curve has added to the second ones. 1 throughout where the blocks differ by less than chance
    and the shape of a curve can do.
    """
    size = values.size - 4
    block = max(BLOCK_RECORDS, size // MOST_BLOCKS)
    count = size // block
    if count < 3:
        return np.ones(values.size)
    second, fourth = (_in_blocks(np.abs(np.diff(values, order)), block, count) for order in (2, 4))
    blocks = np.where(second > SHAPED * fourth, fourth, second)
    blocks = np.median(np.stack([np.append(blocks[0], blocks[:-1]), blocks, np.append(blocks[1:], blocks[-1])]), axis=0)
    if not np.isfinite(blocks).all() or blocks.max() <= CLEAR_CHANGE**2 * blocks.min():
        return np.ones(values.size)
    scale = np.sqrt(blocks).clip(1 / MOST_CHANGE, MOST_CHANGE)
    place = (np.arange(values.size) - 1) / block - 0.5  # in blocks, 0 amid the first
    before, after = (np.clip(one(place), 0, count - 1).astype(int) for one in (np.floor, np.ceil))
    return np.asarray(np.maximum(scale[before], scale[after]))


def _in_blocks(sizes: np.ndarray, block: int, count: int) -> np.ndarray:
    """Variance of differences in each block, as a multiple of what it is over all; infinite where that is 0."""
    parts = sizes[: count * block].reshape(count, block)
    spreads = (np.median(parts, axis=1) / MAD_TO_SIGMA) ** 2
    for tied in np.flatnonzero(spreads == 0).tolist():
        spreads[tied] = _spread(parts[tied])
    whole = _spread(sizes)
    return spreads / whole if whole > 0 else np.full(count, np.inf)
