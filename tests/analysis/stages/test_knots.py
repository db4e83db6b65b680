"""Knots: at both sides of a jump, where straight pieces meet, and few where the curve is straight."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.bins import Bins, make_bins
from mstage.analysis.stages.knots import choose_knots
from mstage.analysis.stages.records import Records


def bins_of(clock: np.ndarray, loss: np.ndarray) -> Bins:
    return make_bins(Records.of(clock.astype(float), loss, "log"), 300)


@pytest.mark.parametrize("at", [200, 2000, 9000])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_both_sides_of_a_jump(at: int, noise: float) -> None:
    """The last record before it and the first after it, each at the height of its own side."""
    step = np.arange(1, 10_001)
    loss = np.where(step <= at, 1.0, 0.3) * np.random.default_rng(0).lognormal(0, noise, step.size)
    bins = bins_of(step, loss)
    knots, height, error = choose_knots(bins, 32)
    before, after = (np.flatnonzero(np.isclose(bins.clock[knots], one)) for one in (at, at + 1))
    assert (before.size, after.size) == (1, 1)
    assert height[before[0]] == pytest.approx(0, abs=0.01)
    assert height[after[0]] == pytest.approx(np.log(0.3), abs=0.01)
    assert (error[[before[0], after[0]]] < 0.02).all()


def test_where_straight_pieces_meet() -> None:
    clock = np.geomspace(1, 1e4, 6000)
    bends, heights = np.log([1, 40, 300, 1e4]), np.array([0.0, 0.0, -2.0, -2.3])
    random = np.random.default_rng(3)
    for _ in range(5):
        bins = bins_of(clock, np.exp(np.interp(np.log(clock), bends, heights) + 0.02 * random.standard_normal(6000)))
        knots, height, error = choose_knots(bins, 4)
        spacing = np.log(1e4) / 300
        for bend in bends[1:3]:
            assert np.abs(bins.position[knots] - bend).min() < 3 * spacing
        off = height - np.interp(bins.position[knots], bends, heights)
        assert np.abs(off / np.hypot(error, 0.01)).max() < 4


def test_a_straight_curve_has_few() -> None:
    """Noise adds some to the even ones: a tenth of the bins."""
    clock = np.geomspace(1, 1e4, 6000)
    for seed in range(5):
        loss = clock**-0.5 * np.random.default_rng(seed).lognormal(0, 0.03, clock.size)
        bins = bins_of(clock, loss)
        knots, _, _ = choose_knots(bins, 16)
        assert 16 <= knots.size <= 16 + bins.position.size / 10
        assert (knots[0], knots[-1]) == (0, bins.position.size - 1)
        assert (np.diff(knots) > 0).all()


def test_many_steps_have_knots_at_each() -> None:
    """Thirty of them: the places where a slope may change follow the curve, not a limit."""
    step = np.arange(1, 30_001)
    bins = bins_of(step, 0.8 ** (step // 1000) * np.random.default_rng(0).lognormal(0, 0.01, step.size))
    knots, _, _ = choose_knots(bins, 32)
    for edge in range(1000, 30_000, 1000):
        assert np.abs(bins.clock[knots] - edge).min() <= 1
