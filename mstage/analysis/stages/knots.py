"""Where may the slope of a curve change, and around which heights is it to be sought there?

Knots lie where there is something to see: evenly over the bins, evenly along the clock, and more densely where the
curve bends. Around each the curve is smoothed by a straight line through the bins next to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.tuning import (
    BENT_SHARE,
    CLEAR_BEND,
    MAX_DENSITY,
    REACH,
    SHAPE_SHARE,
    SHAPE_SIGMA,
    SMOOTHING_HALF,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from mstage.analysis.stages.bins import Bins

ROUNDING = 1e-9  # of the curve's length, so that a rescaled clock has the same knots


def choose_knots(bins: Bins, count: int) -> Int[np.ndarray, " knots"]:
    """Bins for the knots: some evenly over the bins, some evenly along the clock, and more where the curve bends.

    A line between knots h apart misses a curve by its second derivative times h^2/8, so that knots as dense as the root
    of it share the miss; of the bends only what stands out of the noise counts.
    """
    size = bins.position.size
    x = bins.position - bins.position[0]
    even = (np.linspace(0, 1, size) + x / x[-1]) / 2
    first = np.unique(
        np.append(np.searchsorted(even, np.linspace(0, 1, 2 * count) - ROUNDING).clip(0, size - 1), size - 1)
    )
    middle, error, _ = smooth(bins, first)
    at = x[first]
    slope, slope_error = np.diff(middle) / np.diff(at), np.hypot(error[1:], error[:-1]) / np.diff(at)
    bend = np.abs(np.diff(slope)) - CLEAR_BEND * np.hypot(slope_error[1:], slope_error[:-1])
    bend = np.concatenate([[0.0], bend.clip(min=0.0) / (at[2:] - at[:-2]), [0.0]])
    density = (np.sqrt(bend[1:]) + np.sqrt(bend[:-1])) / 2
    total = max(float(density @ np.diff(at)), np.finfo(float).tiny)
    share = np.append(0.0, np.cumsum(np.minimum(density / total, MAX_DENSITY / x[-1]) * np.diff(at)))
    place = (1 - BENT_SHARE * share[-1]) * even + BENT_SHARE * np.interp(x, at, share)
    knots = np.searchsorted(place, np.linspace(0, 1, count) - ROUNDING).clip(0, size - 1)
    return np.unique(np.append(knots, [0, size - 1]))


def shape_sigma(bins: Bins, knots: Int[np.ndarray, " knots"]) -> Float[np.ndarray, " bins"]:
    """How far a line between two knots may be off because the curve is bent and the knots are sparse, for each bin."""
    _, _, slope = smooth(bins, knots)
    step = np.abs(slope) * np.gradient(bins.position[knots])
    return np.asarray(SHAPE_SIGMA + SHAPE_SHARE * np.interp(bins.position, bins.position[knots], step))


def smooth(
    bins: Bins, knots: Int[np.ndarray, " knots"]
) -> tuple[Float[np.ndarray, " knots"], Float[np.ndarray, " knots"], Float[np.ndarray, " knots"]]:
    """Height of the curve at the knots by a straight line through the bins around each, its error, and the slope.

    Where bins are sparse, each stands for itself.
    """
    size = bins.position.size
    offsets = np.arange(-SMOOTHING_HALF, SMOOTHING_HALF + 1)
    around = knots[:, None] + offsets
    inside = (around >= 0) & (around < size)
    around = around.clip(0, size - 1)
    x = bins.position[around] - bins.position[knots][:, None]
    reach = REACH * (bins.position[-1] - bins.position[0])
    inside &= np.abs(x) <= reach
    weight = np.where(inside, 1 / bins.variance[around], 0.0)
    total = weight.sum(axis=1)
    mean_x = (weight * x).sum(axis=1) / total
    mean_y = (weight * bins.value[around]).sum(axis=1) / total
    spread = np.maximum((weight * (x - mean_x[:, None]) ** 2).sum(axis=1), np.finfo(float).tiny)
    slope = (weight * (x - mean_x[:, None]) * bins.value[around]).sum(axis=1) / spread
    return mean_y - slope * mean_x, np.sqrt(1 / total + mean_x**2 / spread), slope
