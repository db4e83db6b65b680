"""The benchmark's truth on curves known by hand, and its bound against a rival solver and its own laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from tests import curves
from tests.bench import oracle
from tests.bench.staircases import STEEP, Case, truth_of


def case(loss: curves.Loss, clock: np.ndarray, sigma: float, correlation: float = 0.0) -> Case:
    return Case({}, clock, loss(clock), loss(clock), sigma, correlation, truth_of(loss, clock))


def test_truth_of_an_exponential() -> None:
    """Steeper than 0.3 from t e^-t / (e^-t + c) = 0.3 on, to the same on its way back."""
    loss, clock = curves.exponential(1.0, 0.05), np.geomspace(1e-3, 100, 50)
    truth = truth_of(loss, clock)
    assert truth.kinds == ("plateau", "descent", "plateau")
    for edge in truth.edges[1:-1]:
        t = np.exp(truth.position[edge])
        assert t * np.exp(-t) / (np.exp(-t) + 0.05) == pytest.approx(STEEP, abs=0.01)
    bottom = 1.05 * (0.05 / 1.05) ** 0.9  # nine tenths of the way in log loss
    assert np.exp(truth.borders[1]) == pytest.approx(-np.log(bottom - 0.05), rel=0.01)


def test_what_is_too_short_belongs_to_what_surrounds_it() -> None:
    def shelf(length: float) -> curves.Loss:
        return lambda time: 10 ** np.interp(np.log10(time), [0, 1, 1 + length, 2 + length], [0.0, -1, -1, -2])

    clock = np.geomspace(1, 100, 50)
    for length, kinds in ((0.08, ("descent",)), (0.12, ("descent", "plateau", "descent"))):
        assert truth_of(shelf(length), clock).kinds == kinds


def test_nearest_against_a_rival_solver() -> None:
    random = np.random.default_rng(0)
    root = np.triu(random.standard_normal((12, 12))) + 3 * np.eye(12)
    slope = np.where(np.arange(12) < 6, -0.05, -1.0)
    steep, changed = np.arange(12) >= 4, np.isin(np.arange(12), [4, 5])
    least, most = np.where(steep, -np.inf, -STEEP - slope), np.where(steep, -STEEP - slope, STEEP - slope)
    rival = lsq_linear(root, np.zeros(12), (least, most))
    assert oracle._nearest(root, slope, steep, changed) == pytest.approx(2 * rival.cost, rel=1e-6)


@pytest.mark.slow
def test_more_noise_and_fewer_records_hide_more() -> None:
    loss, clock = curves.staircase((1.0, 0.25), 1e-3, 0.01), np.geomspace(0.1, 100, 400)
    one = case(loss, clock, 0.1)
    chances = [oracle.chance(replace(one, sigma=sigma)) for sigma in (0.01, 0.05, 0.1, 0.3)]
    assert chances[0] > 0.99
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 0.8
    assert oracle.chance(case(loss, clock[::8], 0.1)) < oracle.chance(one)
    assert oracle.chance(replace(one, correlation=0.9)) < oracle.chance(one)


def test_a_plateau_before_the_second_record_cannot_be_known() -> None:
    """However little noise there is: nothing was written of it but its beginning."""
    loss = curves.exponential(1.0, 0.05)
    assert truth_of(loss, np.array([0.2, 100])).kinds[0] == "plateau"
    assert oracle.chance(case(loss, np.r_[0.2, np.geomspace(0.7, 100, 300)], 0.003)) < 0.6
    assert oracle.chance(case(loss, np.geomspace(0.2, 100, 300), 0.003)) > 0.99


def test_nothing_is_near_a_flat_curve() -> None:
    assert oracle.chance(case(np.ones_like, np.geomspace(1, 100, 50), 0.3)) == 1
