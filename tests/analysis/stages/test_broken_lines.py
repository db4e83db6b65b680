"""The misfit of broken lines against sums bin by bin, and the table's laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mstage.analysis.stages.bins import Bins
from mstage.analysis.stages.broken_lines import LONGEST, BrokenLines


def small_curve(seed: int) -> tuple[Bins, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0, 4, 9))
    y = -0.8 * np.maximum(x - 2, 0) + 0.2 * random.standard_normal(9)
    innovation_variance = random.uniform(0.02, 0.06, 9)
    ar_coefficient = np.append(0.0, random.uniform(0, 0.9, 8))
    knots = np.array([0, 3, 5, 8])
    ones = np.ones(9, int)
    bins = Bins(np.exp(x), x, ones, y, 2 * innovation_variance, ar_coefficient, innovation_variance)
    return bins, knots, y[knots][:, None] + 0.2 * np.arange(-1, 2)


def misfit(table: BrokenLines, begin: int, end: int, i: int, j: int) -> float:
    """Of the line from one knot at height i to another at height j."""
    (pair,) = np.flatnonzero((table.begins == begin) & (table.ends == end))
    return float(table.misfits[pair, i, j])


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
        assert misfit(table, a, b, i, j) == pytest.approx(misfit_of(bins, line, knots[a], knots[b]))


def test_lines_one_after_the_other_are_the_likelihood_of_the_curve() -> None:
    """Their misfits add up to r' Sigma^-1 r of the whole broken line, Sigma the covariance of the bins' noise."""
    bins, knots, heights = small_curve(0)
    table = BrokenLines(bins, knots, heights)
    line = np.interp(bins.position, bins.position[knots], heights[range(4), [0, 2, 1, 0]])
    chain = np.eye(9) - np.diag(bins.ar_coefficient[1:], -1)
    residual = bins.value - line
    whole = residual @ (chain.T @ np.diag(1 / bins.innovation_variance) @ chain) @ residual
    assert sum(misfit(table, *line) for line in ((0, 1, 0, 2), (1, 2, 2, 1), (2, 3, 1, 0))) == pytest.approx(whole)


def test_part_is_the_table_of_those_knots() -> None:
    bins, knots, heights = small_curve(1)
    table = BrokenLines(bins, knots, heights)
    part = table.part(1, 3)
    np.testing.assert_array_equal(part.knots, knots[1:])
    np.testing.assert_array_equal(part.at, bins.position[knots[1:]])
    np.testing.assert_array_equal(part.records, table.records[1:])
    for end in (1, 2):
        np.testing.assert_array_equal(part.misfits[part.lines_to(end)], table.misfits[table.lines_to(end + 1)][1:])


def test_a_line_goes_over_so_many_knots_at_most() -> None:
    size = LONGEST + 12
    x, ones = np.linspace(0, 5, size), np.ones(size)
    bins = Bins(np.exp(x), x, ones.astype(int), -x, ones, 0 * x, ones)
    table = BrokenLines(bins, np.arange(size), -x[:, None] + 0.1 * np.arange(-1, 2))
    for end in (1, LONGEST, LONGEST + 5):
        assert table.begins[table.lines_to(end)].tolist() == list(range(max(end - LONGEST, 0), end))
    assert misfit(table, 5, LONGEST + 5, 0, 2) == pytest.approx(misfit_of(
        bins, np.interp(x, x[[5, LONGEST + 5]], [-x[5] - 0.1, -x[LONGEST + 5] + 0.1]), 5, LONGEST + 5))  # fmt: skip
