"""The misfit of broken lines against sums cell by cell, and the table's laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mstage.analysis.stages.bins import Cells
from mstage.analysis.stages.broken_lines import BrokenLines
from mstage.analysis.stages.noise import Noise


def small_curve(seed: int) -> tuple[Cells, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0, 4, 9))
    y = -0.8 * np.maximum(x - 2, 0) + 0.2 * random.standard_normal(9)
    fresh = random.uniform(0.02, 0.06, 9)
    memory = np.append(0.0, random.uniform(0, 0.9, 8))
    knots = np.array([0, 3, 5, 8])
    cells = Cells(np.exp(x), x, y, 2 * fresh, memory, fresh, 0.0, Noise(0.2, 0.0))
    return cells, knots, y[knots][:, None] + 0.2 * np.arange(-1, 2)


def misfit_of(cells: Cells, line: np.ndarray, first: int, last: int) -> float:
    """Whitened squares of the cells after the first up to the last, for a line from cell 0 on also of that one."""
    residual = cells.value - line
    new = residual - cells.memory * np.append(0.0, residual[:-1])
    chosen = slice(first + 1 if first else 0, last + 1)
    return float((new[chosen] ** 2 / cells.fresh[chosen]).sum())


@pytest.mark.parametrize("seed", range(3))
def test_misfit_is_the_sum_over_cells(seed: int) -> None:
    cells, knots, heights = small_curve(seed)
    table = BrokenLines(cells, knots, heights)
    for (a, b), i, j in product([(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)], range(3), range(3)):
        slope = (heights[b, j] - heights[a, i]) / (cells.position[knots[b]] - cells.position[knots[a]])
        line = heights[a, i] + slope * (cells.position - cells.position[knots[a]])
        assert table.misfit[a, b, i, j] == pytest.approx(misfit_of(cells, line, knots[a], knots[b]))


def test_lines_one_after_the_other_are_the_likelihood_of_the_curve() -> None:
    """Their misfits add up to r' Sigma^-1 r of the whole broken line, Sigma the covariance of the cells' noise."""
    cells, knots, heights = small_curve(0)
    table = BrokenLines(cells, knots, heights)
    line = np.interp(cells.position, cells.position[knots], heights[range(4), [0, 2, 1, 0]])
    chain = np.eye(9) - np.diag(cells.memory[1:], -1)
    residual = cells.value - line
    whole = residual @ (chain.T @ np.diag(1 / cells.fresh) @ chain) @ residual
    assert table.misfit[0, 1, 0, 2] + table.misfit[1, 2, 2, 1] + table.misfit[2, 3, 1, 0] == pytest.approx(whole)


def test_part_is_the_table_of_those_knots() -> None:
    cells, knots, heights = small_curve(1)
    part = BrokenLines(cells, knots, heights).part(1, 3)
    np.testing.assert_array_equal(part.knots, knots[1:])
    np.testing.assert_array_equal(part.at, cells.position[knots[1:]])
    np.testing.assert_array_equal(part.misfit, BrokenLines(cells, knots, heights).misfit[1:, 1:])
