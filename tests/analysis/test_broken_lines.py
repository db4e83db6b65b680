"""The broken lines' dynamic program against every broken line and label there is, on curves small enough for that."""

from __future__ import annotations

from itertools import combinations, pairwise, product

import numpy as np
import pytest

from mstage.analysis.broken_lines import BrokenLines, best_path, label_probabilities
from mstage.analysis.cells import Cells
from mstage.analysis.noise import Noise

STEEPNESS, CHANGE, LINE = 0.3, 2.0, 1.0


def small_curve(seed: int) -> tuple[Cells, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0, 4, 9))
    y = -0.8 * np.maximum(x - 2, 0) + 0.2 * random.standard_normal(9)
    variance = random.uniform(0.02, 0.06, 9)
    knots = np.array([0, 3, 5, 8])
    return Cells(np.exp(x), x, y, variance, 0.0, Noise(0.2, 0.0)), knots, y[knots][:, None] + 0.2 * np.arange(-1, 2)


def every_line(cells: Cells, knots: np.ndarray, heights: np.ndarray):
    """Each broken line with its cost, its knots, heights and labels, summed cell by cell."""
    last = knots.size - 1
    for count in range(last):
        for inner in combinations(range(1, last), count):
            along = [0, *inner, last]
            for chosen in product(range(heights.shape[1]), repeat=len(along)):
                cost, kinds = 0.0, []
                for (a, i), (b, j) in pairwise(zip(along, chosen, strict=True)):
                    x0, x1 = cells.position[knots[[a, b]]]
                    slope = (heights[b, j] - heights[a, i]) / (x1 - x0)
                    for k in range(knots[a], knots[b] + (b == last)):
                        line = heights[a, i] + slope * (cells.position[k] - x0)
                        cost += (cells.value[k] - line) ** 2 / cells.variance[k]
                    cost += LINE
                    kinds.append(1 if slope < -STEEPNESS else 2 if slope > STEEPNESS else 0)
                cost += CHANGE * sum(one != other for one, other in pairwise(kinds))
                yield cost, along, [heights[k, h] for k, h in zip(along, chosen, strict=True)], kinds


@pytest.mark.parametrize("seed", range(6))
def test_best_path_and_probabilities_against_all_lines(seed: int) -> None:
    cells, knots, heights = small_curve(seed)
    lines = BrokenLines(cells, knots, heights, LINE)
    path = best_path(lines, STEEPNESS, CHANGE)
    probability = label_probabilities(lines, path, STEEPNESS, CHANGE)

    everything = list(every_line(cells, knots, heights))
    cost, along, expected_heights, kinds = min(everything, key=lambda entry: entry[0])
    assert path.knots.tolist() == along
    assert path.kinds.tolist() == kinds
    np.testing.assert_allclose(path.heights, expected_heights)
    assert path.reach[-1].min() == pytest.approx(cost)
    mass = np.zeros((3, knots.size - 1))
    for cost, along, _, kinds in everything:
        for kind, first, last in zip(kinds, along, along[1:], strict=False):
            mass[kind, first:last] += np.exp(-cost / 2)
    np.testing.assert_allclose(probability, mass / mass.sum(axis=0), atol=1e-10)


def test_part_is_the_table_of_those_knots() -> None:
    cells, knots, heights = small_curve(1)
    part = BrokenLines(cells, knots, heights, LINE).part(1, 3)
    cut = Cells(*(getattr(cells, name)[3:] for name in ("clock", "position", "value", "variance")), 0.0, cells.noise)
    alone = BrokenLines(cut, knots[1:] - 3, heights[1:], LINE)
    upper = np.triu_indices(3, 1)
    np.testing.assert_allclose(part.cost[upper], alone.cost[upper])
    np.testing.assert_array_equal(part.labels(STEEPNESS)[upper], alone.labels(STEEPNESS)[upper])
