"""The misfit of broken lines against sums bin by bin, and the table's laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mstage.analysis.stages.bins import Bins
from mstage.analysis.stages.broken_lines import BrokenLines
from mstage.analysis.stages.noise import Noise


def small_curve(seed: int) -> tuple[Bins, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0, 4, 9))
    y = -0.8 * np.maximum(x - 2, 0) + 0.2 * random.standard_normal(9)
    innovation_variance = random.uniform(0.02, 0.06, 9)
    ar_coefficient = np.append(0.0, random.uniform(0, 0.9, 8))
    knots = np.array([0, 3, 5, 8])
    bins = Bins(np.exp(x), x, y, 2 * innovation_variance, ar_coefficient, innovation_variance, 0.0, Noise(0.2, 0.0))
    return bins, knots, y[knots][:, None] + 0.2 * np.arange(-1, 2)


def misfit_of(bins: Bins, line: np.ndarray, first: int, last: int) -> float:
    """Whitened squares of the bins after the first up to the last, for a line from bin 0 on also of that one."""
    residual = bins.value - line
    new = residual - bins.ar_coefficient * np.append(0.0, residual[:-1])
    chosen = slice(first + 1 if first else 0, last + 1)
    return float((new[chosen] ** 2 / bins.innovation_variance[chosen]).sum())


@pytest.mark.parametrize("seed", range(3))
def test_misfit_is_the_sum_over_cells(seed: int) -> None:
    bins, knots, heights = small_curve(seed)
    table = BrokenLines(bins, knots, heights)
    for (a, b), i, j in product([(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)], range(3), range(3)):
        slope = (heights[b, j] - heights[a, i]) / (bins.position[knots[b]] - bins.position[knots[a]])
        line = heights[a, i] + slope * (bins.position - bins.position[knots[a]])
        assert table.misfit[a, b, i, j] == pytest.approx(misfit_of(bins, line, knots[a], knots[b]))


def test_lines_one_after_the_other_are_the_likelihood_of_the_curve() -> None:
    """Their misfits add up to r' Sigma^-1 r of the whole broken line, Sigma the covariance of the bins' noise."""
    bins, knots, heights = small_curve(0)
    table = BrokenLines(bins, knots, heights)
    line = np.interp(bins.position, bins.position[knots], heights[range(4), [0, 2, 1, 0]])
    chain = np.eye(9) - np.diag(bins.ar_coefficient[1:], -1)
    residual = bins.value - line
    whole = residual @ (chain.T @ np.diag(1 / bins.innovation_variance) @ chain) @ residual
    assert table.misfit[0, 1, 0, 2] + table.misfit[1, 2, 2, 1] + table.misfit[2, 3, 1, 0] == pytest.approx(whole)


def test_part_is_the_table_of_those_knots() -> None:
    bins, knots, heights = small_curve(1)
    part = BrokenLines(bins, knots, heights).part(1, 3)
    np.testing.assert_array_equal(part.knots, knots[1:])
    np.testing.assert_array_equal(part.at, bins.position[knots[1:]])
    np.testing.assert_array_equal(part.misfit, BrokenLines(bins, knots, heights).misfit[1:, 1:])
