"""Bins of a curve: medians as NumPy takes them, halved where the curve bends, the same when the curve grows."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.bins import Bins, make_bins
from mstage.analysis.stages.records import Records


def bins_of(clock: np.ndarray, loss: np.ndarray, count: int, clock_scale: str = "log") -> Bins:
    return make_bins(Records.of(clock.astype(float), loss, clock_scale), count)


@pytest.mark.parametrize("clock_scale", ["log", "linear"])
def test_medians_of_the_records_in_each(clock_scale: str) -> None:
    random = np.random.default_rng(0)
    clock = np.sort(random.uniform(1, 1000, 5000))
    records = Records.of(clock, random.lognormal(0, 0.05, 5000), clock_scale)
    bins = make_bins(records, 20)
    ends = np.cumsum(bins.records)
    assert ends[-1] == 5000
    for k, (first, last) in enumerate(zip(ends - bins.records, ends, strict=True)):
        assert bins.clock[k] == pytest.approx(clock[first:last].mean())
        assert bins.position[k] == pytest.approx(records.position[first:last].mean())
        if bins.records[k] > 40:
            assert bins.value[k] == pytest.approx(np.median(records.value[first:last]), abs=1e-12)
            assert np.sqrt(bins.variance[k]) == pytest.approx(0.05 * np.sqrt(np.pi / 2 / (last - first)), rel=0.1)


@pytest.mark.parametrize("clock_scale", ["log", "linear"])
def test_bins_of_a_flat_curve_are_even(clock_scale: str) -> None:
    """As long as each other on the clock, and where those would be long early in the run, on its logarithm."""
    clock = np.geomspace(1, 1000, 20_000)
    records = Records.of(clock, np.random.default_rng(0).lognormal(0, 0.05, clock.size), clock_scale)
    edges = np.cumsum(make_bins(records, 100).records)[:-1]
    new = np.diff(np.floor((clock - 1) / _length(clock, clock[1] - 1, 33 if clock_scale == "log" else 100))) > 0
    if clock_scale == "log":
        new |= np.diff(np.floor(np.log(clock) / _length(np.log(clock), 1.0, 100))) > 0
    np.testing.assert_array_equal(edges, np.flatnonzero(new) + 1)


def _length(scale: np.ndarray, unit: float, most: float) -> float:
    """The least power of two times a unit of which `most` cover a scale."""
    while unit * most >= scale[-1] - scale[0]:
        unit /= 2
    while unit * most < scale[-1] - scale[0]:
        unit *= 2
    return unit


def test_variance_is_that_of_the_cells() -> None:
    """The scatter of the bins of flat noise is what their variance says."""
    step = np.arange(1, 20001)
    scores = []
    for seed in range(10):
        bins = bins_of(step, np.random.default_rng(seed).lognormal(0, 0.1, step.size), 100)
        scores.append(bins.value / np.sqrt(bins.variance))
    assert np.std(np.concatenate(scores)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("at", [30, 700, 4500, 19_000])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_jump_has_bins_of_single_records_beside_it(at: int, noise: float) -> None:
    """Wherever it is in the run, so that it is known to the record."""
    step = np.arange(1, 20_001)
    loss = np.where(step <= at, 1.0, 0.3) * np.random.default_rng(0).lognormal(0, noise, step.size)
    bins = bins_of(step, loss, 300)
    last_before = int(np.searchsorted(bins.clock, at + 0.5)) - 1
    assert bins.clock[last_before] == at
    assert bins.records[last_before : last_before + 2].tolist() == [1, 1]
    assert bins.records.size < 450


def test_noise_halves_no_bin() -> None:
    """Four standard errors are passed by chance in a bin or two."""
    step = np.arange(1, 20_001)
    flat = bins_of(step, np.ones(step.size), 300)
    for seed in range(5):
        noisy = bins_of(step, np.random.default_rng(seed).lognormal(0, 0.1, step.size), 300)
        assert noisy.position.size - flat.position.size <= 4


def test_a_smooth_curve_has_finer_bins_where_it_bends() -> None:
    """Everywhere within the error that is allowed of a straight line through a bin's neighbours."""
    clock = np.geomspace(0.01, 100, 20_000)
    even = bins_of(clock, np.ones(clock.size), 60)
    bins = bins_of(clock, 0.05 + np.exp(-clock), 60)
    bent, straight = (np.count_nonzero((one.clock > 0.5) & (one.clock < 8)) for one in (bins, even))
    assert bent > 2 * straight
    assert np.count_nonzero(bins.clock < 0.02) == np.count_nonzero(even.clock < 0.02)


@pytest.mark.parametrize("clock_scale", ["log", "linear"])
def test_bins_of_a_growing_curve_stay(clock_scale: str) -> None:
    """All of them but the last, until its length passes the next power of two times that of a bin."""
    step = np.arange(1.0, 4001)
    loss = np.random.default_rng(0).lognormal(0, 0.05, step.size)
    found = [_first_records(step[:end], loss[:end], clock_scale) for end in (1700, 2100, 2300)]
    kept = found[0][:-1]
    assert kept.size > 100
    for longer in found[1:]:
        np.testing.assert_array_equal(longer[: kept.size], kept)


def _first_records(step: np.ndarray, loss: np.ndarray, clock_scale: str) -> np.ndarray:
    """Of each bin of a curve."""
    records = Records.of(step, loss, clock_scale)
    return np.cumsum(np.append(0, make_bins(records, 300).records[:-1]))


def test_single_spikes_go_and_steps_stay() -> None:
    step = np.arange(1, 301)
    loss = np.where(step < 150, 1.0, 0.1)
    spiked = loss.copy()
    spiked[[40, 220]] = 50
    plain, cleaned = (bins_of(step, one, 300, "linear") for one in (loss, spiked))
    np.testing.assert_allclose(cleaned.value, plain.value)


def test_a_clock_from_zero() -> None:
    bins = bins_of(np.arange(100), np.linspace(2, 1, 100), 50)
    assert bins.clock[0] == 0
    assert bins.position[0] == pytest.approx(np.log(0.5))
    assert (np.diff(bins.position) > 0).all()
