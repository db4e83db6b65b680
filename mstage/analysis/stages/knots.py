"""Where may the slope of a curve change, and around which heights is it to be sought there?

Knots lie where there is something to see: evenly over the cells, evenly along the clock, and more densely where the
curve bends. Around each the curve is smoothed by a straight line through the cells next to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mstage.analysis.stages.bins import Cells

SMOOTHING_HALF = 5  # cells to each side that the smoothed curve takes
REACH = 0.02  # of the curve's length to each side, where cells are sparse
SHAPE_SIGMA = 0.002  # of log loss, that a straight line may be off where the curve is flat, noise or no noise
SHAPE_SHARE = 0.02  # of the change of the curve from knot to knot, that it may be off where the curve is steep
BENT = 0.4  # share of the knots that go to where the curve bends
MOST = 4.0  # times as dense as the mean, there
CLEAR = 2.0  # standard errors by which a bend has to stand out for that
ROUNDING = 1e-9  # of the curve's length, so that a rescaled clock has the same knots


def choose_knots(cells: Cells, count: int) -> np.ndarray:
    """Cells for the knots: some evenly over the cells, some evenly along the clock, and more where the curve bends.

    A line between knots h apart misses a curve by its second derivative times h^2/8, so that knots as dense as the root
    of it share the miss; of the bends only what stands out of the noise counts.
    """
    size = cells.position.size
    x = cells.position - cells.position[0]
    even = (np.linspace(0, 1, size) + x / x[-1]) / 2
    first = np.unique(
        np.append(np.searchsorted(even, np.linspace(0, 1, 2 * count) - ROUNDING).clip(0, size - 1), size - 1)
    )
    middle, error, _ = smooth(cells, first)
    at = x[first]
    slope, slope_error = np.diff(middle) / np.diff(at), np.hypot(error[1:], error[:-1]) / np.diff(at)
    bend = np.abs(np.diff(slope)) - CLEAR * np.hypot(slope_error[1:], slope_error[:-1])
    bend = np.concatenate([[0.0], bend.clip(min=0.0) / (at[2:] - at[:-2]), [0.0]])
    density = (np.sqrt(bend[1:]) + np.sqrt(bend[:-1])) / 2
    total = max(float(density @ np.diff(at)), np.finfo(float).tiny)
    share = np.append(0.0, np.cumsum(np.minimum(density / total, MOST / x[-1]) * np.diff(at)))
    place = (1 - BENT * share[-1]) * even + BENT * np.interp(x, at, share)
    knots = np.searchsorted(place, np.linspace(0, 1, count) - ROUNDING).clip(0, size - 1)
    return np.unique(np.append(knots, [0, size - 1]))


def shape_sigma(cells: Cells, knots: np.ndarray) -> np.ndarray:
    """How far a line between two knots may be off because the curve is bent and the knots are sparse, for each cell."""
    _, _, slope = smooth(cells, knots)
    step = np.abs(slope) * np.gradient(cells.position[knots])
    return np.asarray(SHAPE_SIGMA + SHAPE_SHARE * np.interp(cells.position, cells.position[knots], step))


def smooth(cells: Cells, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height of the curve at the knots by a straight line through the cells around each, its error, and the slope.

    Where cells are sparse, each stands for itself.
    """
    size = cells.position.size
    offsets = np.arange(-SMOOTHING_HALF, SMOOTHING_HALF + 1)
    around = knots[:, None] + offsets
    inside = (around >= 0) & (around < size)
    around = around.clip(0, size - 1)
    x = cells.position[around] - cells.position[knots][:, None]
    reach = REACH * (cells.position[-1] - cells.position[0])
    inside &= np.abs(x) <= reach
    weight = np.where(inside, 1 / cells.variance[around], 0.0)
    total = weight.sum(axis=1)
    mean_x = (weight * x).sum(axis=1) / total
    mean_y = (weight * cells.value[around]).sum(axis=1) / total
    spread = np.maximum((weight * (x - mean_x[:, None]) ** 2).sum(axis=1), np.finfo(float).tiny)
    slope = (weight * (x - mean_x[:, None]) * cells.value[around]).sum(axis=1) / spread
    return mean_y - slope * mean_x, np.sqrt(1 / total + mean_x**2 / spread), slope
