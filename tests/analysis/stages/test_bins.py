"""Bins of a curve: medians as NumPy takes them, whatever the order, the spacing or the sign of the records."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.bins import clean, log_loss, loss_floor, make_bins


def test_medians_of_equal_cells_of_log_clock() -> None:
    random = np.random.default_rng(0)
    clock = np.sort(random.uniform(1, 1000, 5000))
    loss = random.lognormal(0, 0.05, 5000)
    bins = make_bins(clock, loss, 20)
    edges = np.linspace(np.log(clock[0]), np.log(clock[-1]), 21)
    for k in range(20):
        inside = (np.log(clock) >= edges[k]) & (np.log(clock) < edges[k + 1] + (k == 19))
        assert bins.value[k] == pytest.approx(np.median(np.log(loss[inside])), abs=1e-12)
        assert bins.clock[k] == pytest.approx(clock[inside].mean())
        assert np.sqrt(bins.variance[k]) == pytest.approx(0.05 * np.sqrt(np.pi / 2 / inside.sum()), rel=0.1)


def test_variance_is_that_of_the_cells() -> None:
    """The scatter of the bins of flat noise is what their variance says."""
    step = np.arange(1, 20001)
    scores = []
    for seed in range(10):
        bins = make_bins(step, np.random.default_rng(seed).lognormal(0, 0.1, step.size), 100)
        scores.append(bins.value / np.sqrt(bins.variance))
    assert np.std(scores) == pytest.approx(1, rel=0.1)


def test_clean_sorts_and_keeps_the_last_of_equal_clocks() -> None:
    clock, loss = clean(np.array([3.0, 1, 2, 2, np.nan, 4, 5]), np.array([30.0, 10, 20, 21, 1, np.inf, 50]))
    assert clock.tolist() == [1, 2, 3, 5]
    assert loss.tolist() == [10, 21, 30, 50]


def test_floor_only_where_losses_are_negative() -> None:
    assert loss_floor(np.array([0.0, 1, 2])) == 0
    assert loss_floor(np.array([])) == 0
    below = np.array([-1.0, 0, 1])
    assert loss_floor(below) < -1
    assert loss_floor(3 * below) == pytest.approx(3 * loss_floor(below))
    assert np.isfinite(log_loss(below, loss_floor(below))).all()
    assert log_loss(np.array([0.0, 0.5, 2]), 0.0).tolist() == [np.log(0.5), np.log(0.5), np.log(2)]


def test_single_spikes_go_and_steps_stay() -> None:
    step = np.arange(1, 301)
    loss = np.where(step < 150, 1.0, 0.1)
    spiked = loss.copy()
    spiked[[40, 220]] = 50
    plain, cleaned = (make_bins(step, one, 300, "linear") for one in (loss, spiked))
    np.testing.assert_allclose(cleaned.value, plain.value)


def test_a_clock_from_zero() -> None:
    bins = make_bins(np.arange(100.0), np.linspace(2, 1, 100), 50)
    assert bins.clock[0] == 0
    assert bins.position[0] == pytest.approx(np.log(0.5))
    assert (np.diff(bins.position) > 0).all()
