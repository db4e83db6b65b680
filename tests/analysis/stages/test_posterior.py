"""The two passes over the knots against every broken line there is, on curves small enough for that."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from mstage.analysis.stages.broken_lines import BrokenLines
from mstage.analysis.stages.posterior import Posterior, Prior
from tests.analysis.stages.test_broken_lines import misfit, small_curve

PRIOR = Prior(
    steepness=0.3,
    least_change=0.06,
    initial=np.log([0.6, 0.3, 0.1]),
    final=np.log([0.5, 0.3, 0.2]),
    transition=np.log([[0.3, 0.2, 0.1], [0.25, 0.3, 0.05], [0.1, 0.2, 0.4]]),
)


def every_line(table: BrokenLines, prior: Prior) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Each broken line: log of its probability up to a constant, its heights at all knots, its labels between them."""
    last = table.knots.size - 1
    for count in range(last):
        for inner in combinations(range(1, last), count):
            along = [0, *inner, last]
            for chosen in product(range(table.heights.shape[1]), repeat=len(along)):
                log, kinds = 0.0, []
                for (a, i), (b, j) in pairwise(zip(along, chosen, strict=True)):
                    span = table.at[b] - table.at[a]
                    change = table.heights[b, j] - table.heights[a, i]
                    slope = abs(change) / span
                    moves = slope > prior.steepness and abs(change) > prior.least_change
                    kinds.append((1 if change < 0 else 2) if moves else 0)
                    density = 0.5 / prior.steepness if slope <= prior.steepness else prior.steepness / slope**2
                    spacing = table.heights[b, 1] - table.heights[b, 0]
                    log += np.log(density * spacing / span) - misfit(table, a, b, i, j) / 2
                log += prior.initial[kinds[0]] + prior.final[kinds[-1]]
                log += sum(prior.transition[one, other] for one, other in pairwise(kinds))
                heights = np.interp(
                    table.at, table.at[along], [table.heights[k, h] for k, h in zip(along, chosen, strict=True)]
                )
                yield log, heights, np.repeat(kinds, np.diff(along))


@pytest.mark.parametrize("seed", range(4))
def test_sum_over_all_lines(seed: int) -> None:
    table = BrokenLines(*small_curve(seed))
    posterior = Posterior(table, PRIOR)
    logs = np.array([log for log, _, _ in every_line(table, PRIOR)])
    assert posterior.total == pytest.approx(np.logaddexp.reduce(logs))


def test_lines_are_drawn_as_often_as_they_are_probable() -> None:
    table = BrokenLines(*small_curve(2))
    heights, labels = Posterior(table, PRIOR).draw(20_000, np.random.default_rng(0))
    logs, every_height, every_label = zip(*every_line(table, PRIOR), strict=True)
    weight = np.exp(np.array(logs) - max(logs))
    weight /= weight.sum()
    np.testing.assert_allclose(heights.mean(axis=0), weight @ np.array(every_height), atol=0.005)
    np.testing.assert_allclose(heights.std(axis=0) ** 2 + heights.mean(axis=0) ** 2,
                               weight @ np.array(every_height) ** 2, atol=0.01)  # fmt: skip
    for kind in range(3):
        np.testing.assert_allclose((labels == kind).mean(axis=0), weight @ (np.array(every_label) == kind), atol=0.015)
    sequence = (labels == [0, 1, 1]).all(axis=1).mean()
    assert sequence == pytest.approx(weight @ (np.array(every_label) == [0, 1, 1]).all(axis=1), abs=0.015)
