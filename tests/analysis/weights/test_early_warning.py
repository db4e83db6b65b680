"""The interval of a median from order statistics: against sums of binomials, and how often it holds the median."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from mstage.analysis.weights.early_warning import median_interval


@pytest.mark.parametrize("count", [*range(1, 31), 100, 1001])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_against_counting(count: int, level: float) -> None:
    values = np.random.default_rng(count).permutation(count).astype(float)
    best = None
    for k in range(1, (count + 1) // 2 + 1):
        outside = 2 * sum(comb(count, j) for j in range(k))  # of 2^count ways in which values fall about the median
        if 10**6 * (2**count - outside) >= round(10**6 * level) * 2**count:
            best = (k - 1.0, count - k + 0.0)
    assert median_interval(values.tolist(), level) == best


def test_from_five_seeds_on() -> None:
    assert median_interval([]) is None
    assert median_interval([4.0, 1.0, 3.0, 2.0]) is None
    assert median_interval([5.0, 4.0, 1.0, 3.0, 2.0]) == (1, 5)
    assert median_interval([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) == (2, 7)


@pytest.mark.parametrize(("count", "least", "most"), [(5, 0.93, 0.945), (10, 0.97, 0.985), (20, 0.95, 0.965)])
def test_how_often_the_median_is_inside(count: int, least: float, most: float) -> None:
    """Exactly 1 - 2 P(Binomial < k), for a law as skewed as that of leads: 0.9375, 0.9785, 0.9586."""
    draws = np.random.default_rng(0).exponential(size=(20_000, count))
    found = [median_interval(row.tolist()) for row in draws]
    inside = np.mean([low <= np.log(2) <= high for low, high in found])
    assert least < inside < most
