"""The records of a curve on their scales: sorted, single spikes replaced, losses there and back whatever their sign."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.records import Records, ValueScale, clean, positions

LOSSES = {
    "positive": np.geomspace(3, 0.02, 60),
    "negative": np.linspace(2, -5, 60),
    "all negative": -np.geomspace(1, 9, 60),
    "rises to a ceiling": 0.95 - 0.85 * np.exp(-np.arange(60) / 10),
}


def test_clean_sorts_and_keeps_the_last_of_equal_clocks() -> None:
    clock, loss = clean(np.array([3.0, 1, 2, 2, np.nan, 4, 5]), np.array([30.0, 10, 20, 21, 1, np.inf, 50]))
    assert clock.tolist() == [1, 2, 3, 5]
    assert loss.tolist() == [10, 21, 30, 50]


@pytest.mark.parametrize(("name", "logarithmic"), list(zip(LOSSES, (True, False, False, False), strict=True)))
def test_which_losses_have_a_logarithm(name: str, logarithmic: bool) -> None:
    scale = ValueScale.of(LOSSES[name])
    assert scale.logarithmic == logarithmic
    assert ValueScale.of(np.empty(0)).logarithmic


@pytest.mark.parametrize("name", LOSSES)
def test_losses_there_and_back(name: str) -> None:
    loss = LOSSES[name]
    scale = ValueScale.of(loss)
    np.testing.assert_allclose(scale.loss(scale.height(loss)), loss, rtol=1e-12, atol=1e-12)
    up = -1 if scale.is_upside_down else 1
    assert scale.is_upside_down == (name == "rises to a ceiling")
    assert (up * np.diff(scale.height(np.sort(loss))) > 0).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_of_the_way_is_one_of_the_loss(name: str, share: float) -> None:
    scale = ValueScale.of(LOSSES[name])
    start, goal = LOSSES[name][0], LOSSES[name][-1]
    at = scale.share_of_the_way(share, *scale.height(np.array([start, goal]))[:, None])
    assert scale.loss(at) == pytest.approx(start + share * (goal - start))


def test_a_share_of_the_way_between_losses_that_float64_does_not_hold() -> None:
    scale = ValueScale(logarithmic=True)
    for start, goal in ((800.0, 790.0), (-900.0, -910.0)):
        at = scale.share_of_the_way(0.1, np.array([start]), np.array([goal]))
        assert at == pytest.approx(start + np.log(0.9 + 0.1 * np.exp(goal - start)))


def test_what_is_zero_counts_as_the_least_that_is_not() -> None:
    scale = ValueScale(logarithmic=True)
    assert scale.height(np.array([0.0, 0.5, 2])).tolist() == [np.log(0.5), np.log(0.5), np.log(2)]
    assert scale.height(np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["negative", "all negative", "rises to a ceiling"])
def test_a_straight_scale_moves_with_the_losses(name: str) -> None:
    """Adding a constant and multiplying change no height."""
    loss = LOSSES[name]
    moved = 7 * loss - 11
    heights = [ValueScale.of(one).height(one) for one in (loss, moved)]
    np.testing.assert_allclose(heights[1], heights[0], atol=1e-9)
    if name == "rises to a ceiling":
        lower = loss - 30
        np.testing.assert_allclose(ValueScale.of(lower).height(lower), heights[0], atol=1e-9)


def test_a_range_of_roundings_is_that_of_a_constant() -> None:
    loss = -3 * (1 + 2.0**-52 * np.random.default_rng(0).integers(0, 3, 50))
    assert np.ptp(ValueScale.of(loss).height(loss)) < 1e-12


def test_positions_on_both_clocks() -> None:
    clock = np.array([1.0, 10, 100])
    np.testing.assert_allclose(positions(clock, "log"), np.log(clock))
    np.testing.assert_allclose(positions(clock, "linear"), 10 * (clock - 1) / 99)


def test_a_clock_from_zero_begins_at_half_the_first_positive_record() -> None:
    position = positions(np.arange(100.0), "log")
    assert position[0] == pytest.approx(np.log(0.5))
    assert (np.diff(position) > 0).all()


def test_single_spikes_go_and_the_curve_stays() -> None:
    step = np.arange(1.0, 401)
    loss = np.where(step < 200, 1.0, 0.1) * np.random.default_rng(0).lognormal(0, 0.02, step.size)
    spiked = loss.copy()
    spiked[[50, 300]] *= 50
    found = Records.of(step, spiked, "log").value
    kept = np.ones(step.size, bool)
    kept[[50, 300]] = False
    np.testing.assert_array_equal(found[kept], np.log(loss[kept]))
    np.testing.assert_allclose(found[~kept], np.log(loss[~kept]), atol=0.1)


def test_noise_of_a_record_is_that_around_it() -> None:
    """A fifth of the noise late in the run, seen so early and late."""
    step = np.arange(1.0, 5001)
    size = np.where(step < 2500, 0.1, 0.02)
    records = Records.of(step, np.exp(size * np.random.default_rng(1).standard_normal(step.size)), "linear")
    assert np.median(records.sigma[:2000]) == pytest.approx(0.1, rel=0.25)
    assert np.median(records.sigma[-2000:]) == pytest.approx(0.02, rel=0.25)
