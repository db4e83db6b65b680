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

from mstage.analysis.stages.tuning import COMMON_SHARE, MIN_INDEPENDENT, SMOOTH_RATIO, SMOOTH_RATIO_FAR

if TYPE_CHECKING:
    from jaxtyping import Float

LAGS = np.array([1, 2, 3, 4, 6, 8, 12, 16])
CORRELATIONS = np.array([0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97])
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
    spreads = np.array([_spread(values[2 * h :] - 2 * values[h:-h] + values[: -2 * h]) for h in lags])
    if spreads[0] == 0:
        return Noise(0.0, 0.0)
    third = spreads[min(3, lags.size - 1)]
    if lags.size > 1 and spreads[1] > SMOOTH_RATIO * spreads[0] and third > SMOOTH_RATIO_FAR * spreads[0]:
        return Noise(float(np.sqrt(spreads[0] / 24)), 0.0)  # an upper limit: most of the difference is shape
    inflation = (1 + CORRELATIONS) / (1 - CORRELATIONS)
    correlations = CORRELATIONS[inflation <= max(values.size / MIN_INDEPENDENT, 1.0)]
    powers = correlations[:, None] ** lags
    expected = 6 - 8 * powers + 2 * powers**2  # of unit AR(1) noise, shape (correlations, lags)
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
