"""The noise of a curve: known noise is found on whatever curve, and a curve without any has none."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.noise import Noise, estimate_noise
from tests import curves


@pytest.mark.parametrize("decades", [0.003, 0.03, 0.1])
@pytest.mark.parametrize(("kind", "correlation"), [("white", 0.0), ("ar", 0.9), ("spikes", 0.0)])
def test_known_noise_on_a_staircase(kind: str, correlation: float, decades: float) -> None:
    time = np.geomspace(0.05, 300, 4000)
    found = [
        estimate_noise(np.log(curves.staircase((1.0, 0.1))(time) * curves.noise(kind, 4000, decades, seed)))
        for seed in range(8)
    ]
    sigma = np.median([one.sigma for one in found])
    inflation = np.median([one.inflation for one in found])
    if correlation:  # slow noise and the shape of the curve are hard to tell apart: within a factor of 2 and 3.5
        assert 0.5 < sigma / (decades * np.log(10)) < 2
        assert 1 / 3.5 < inflation * (1 - correlation) / (1 + correlation) < 3.5
    else:
        assert sigma == pytest.approx(decades * np.log(10), rel=0.1)
        assert inflation < 1.6


@pytest.mark.parametrize("loss", [curves.staircase((1.0, 0.1)), curves.exponential(), curves.power_law()])
def test_a_smooth_curve_has_next_to_none(loss: curves.Loss) -> None:
    time = np.geomspace(0.05, 300, 2000)
    noise = estimate_noise(np.log(loss(time)))
    assert noise.sigma < 1e-4
    assert noise.inflation == 1  # what is left of the shape is not taken for slow noise


@pytest.mark.parametrize("values", [np.zeros(100), np.zeros(3), np.array([])], ids=["constant", "short", "empty"])
def test_a_series_that_does_not_move_has_no_noise(values: np.ndarray) -> None:
    assert estimate_noise(values) == Noise(0.0, 0.0)


def test_what_is_straight_is_no_noise() -> None:
    """Its second differences are roundings, whose lags tell no correlation that would widen an interval."""
    noise = estimate_noise(np.linspace(0, 1, 50))
    assert noise.sigma == pytest.approx(0, abs=1e-12)
    assert noise.inflation <= 50 / 12


def test_slow_wandering_of_a_short_series_is_shape() -> None:
    fall = np.log(np.r_[10.9, 5.6, 4.7, 4.2, 4.0, 3.9, 3.8 + 0.3 * np.sin(np.arange(144) / 9)])
    noise = estimate_noise(fall)
    assert noise.inflation <= fall.size / 12
