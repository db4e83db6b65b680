"""Rates of descents: exact where the model is, against SciPy's least squares, and with intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from mstage.analysis.stages.rates import fit_rate


@pytest.mark.parametrize("floor", [0.0, 0.05])
@pytest.mark.parametrize("rate", [0.3, 4.0])
def test_recovers_its_own_models(floor: float, rate: float) -> None:
    clock = np.geomspace(0.1, 5 / rate, 200)
    exponential = fit_rate(clock, np.log(2 * np.exp(-rate * clock) + floor), np.ones(200))
    assert (exponential.model, exponential.value) == ("exponential", pytest.approx(rate, rel=2e-3))
    power = fit_rate(10 * clock, np.log(2 * (10 * clock) ** -rate + floor * (10 * clock[-1]) ** -rate), np.ones(200))
    assert (power.model, power.value) == ("power law", pytest.approx(rate, rel=2e-3))


def test_same_as_scipy() -> None:
    clock = np.linspace(0.01, 4, 120)
    y = np.log(np.exp(-clock) + 0.1) + 0.02 * np.random.default_rng(0).standard_normal(120)
    found = fit_rate(clock, y, np.ones(120))

    def model(x: np.ndarray, height: float, rate: float, floor: float) -> np.ndarray:
        return np.log(np.exp(height - rate * x) + floor)

    best, covariance = curve_fit(model, clock, y, p0=(0.0, 1.0, 0.05))
    assert found.value == pytest.approx(best[1], rel=0.01)
    assert (found.high - found.low) / 2 == pytest.approx(1.98 * np.sqrt(covariance[1, 1]), rel=0.35)


def test_intervals_hold_in_correlated_noise() -> None:
    clock = np.linspace(0.01, 4, 400)
    inside = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        noise = 0.03 * random.standard_normal(400)
        for k in range(1, 400):
            noise[k] = 0.7 * noise[k - 1] + np.sqrt(1 - 0.49) * noise[k]
        found = fit_rate(clock, np.log(np.exp(-clock) + 0.05) + noise, np.ones(400))
        inside += found.model == "exponential" and found.low <= 1 <= found.high
    assert 51 <= inside <= 60


def test_a_rise_has_a_negative_rate() -> None:
    clock = np.linspace(1, 5, 50)
    assert fit_rate(clock, 0.5 * clock, np.ones(50)).value == pytest.approx(-0.5)


def test_rescaling_the_clock_rescales_the_rate() -> None:
    clock = np.geomspace(0.1, 5, 100)
    y = np.log(np.exp(-clock) + 0.1 + 0.01 * np.sin(7 * clock))
    one, other = fit_rate(clock, y, np.ones(100)), fit_rate(1000 * clock, y + 3, np.ones(100))
    assert one.model == other.model == "exponential"
    assert other.value == pytest.approx(one.value / 1000, rel=1e-6)
    assert other.high == pytest.approx(one.high / 1000, rel=1e-6)


def test_too_few_points_have_no_rate() -> None:
    assert fit_rate(np.arange(4.0), np.arange(4.0), np.ones(4)) is None
    assert fit_rate(np.arange(9.0), np.zeros(9), np.ones(9)) is None


def test_a_descent_over_more_decades_than_float64_has() -> None:
    """The least loss cannot be the unit of the largest one."""
    clock = np.linspace(0, 1400, 300)
    found = fit_rate(clock, 700 - clock, np.ones(300))
    assert found is not None
    assert (found.model, found.value) == ("exponential", pytest.approx(1.0, rel=1e-9))


@pytest.mark.parametrize("unit", [2.0**900, 2.0**-900])
def test_a_clock_whose_squares_are_not_finite_or_vanish(unit: float) -> None:
    clock = np.linspace(0.01, 4, 120)
    losses = np.log(np.exp(-clock) + 0.1)
    plain, other = fit_rate(clock, losses, np.ones(120)), fit_rate(clock * unit, losses, np.ones(120))
    assert other is not None
    assert other.value * unit == pytest.approx(plain.value, rel=1e-6)
    assert other.high * unit == pytest.approx(plain.high, rel=1e-6)
