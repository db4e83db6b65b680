"""Wasserstein distances against SciPy, POT and a sort, their laws, and theory's V of |a| and |w|."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import xarray as xr
from scipy.stats import chi2, wasserstein_distance

import mstage
from mstage.analysis.weights.drift import (
    MAX_NEURONS_EXACT,
    PROJECTIONS,
    SLICING_SEED,
    DriftMethod,
    chi_squared_sample,
    joint_distance,
    measure_weight_drift,
    sorted_distance,
)
from mstage.errors import InputError, UsageError
from mstage.history import kept_weights

RANDOM = np.random.default_rng(0)


def weights(runs: int = 2, snapshots: int = 4, neurons: int = 50, dim: int = 3) -> tuple[xr.DataArray, xr.DataArray]:
    axes = ("seed", "snapshot", "neuron")
    output = xr.DataArray(RANDOM.standard_normal((runs, snapshots, neurons)), dims=axes, coords={"seed": range(runs)})
    return output, xr.DataArray(RANDOM.standard_normal((runs, snapshots, neurons, dim)), dims=(*axes, "dim"))


@pytest.mark.parametrize("order", [1, 2])
def test_against_scipy_pot_and_a_sort(order: int) -> None:
    output, inputs = weights()
    found = measure_weight_drift(output, inputs, DriftMethod(order)).distances
    for seed in range(2):
        for k in range(4):
            a, w = np.abs(output.values[seed, k]), np.linalg.norm(inputs.values[seed, k], axis=-1)
            first = np.abs(output.values[seed, 0]) * np.linalg.norm(inputs.values[seed, 0], axis=-1)
            for name, one, other in (("output_input", a, w), ("from_first", a * w, first)):
                value = float(found[name][seed, k])
                by_sort = np.mean(np.abs(np.sort(one) - np.sort(other)) ** order) ** (1 / order)
                assert value == pytest.approx(by_sort, abs=1e-14)
                # POT returns the p-th power for p = 2
                assert value == pytest.approx(float(ot.wasserstein_1d(one, other, p=order)) ** (1 / order), abs=1e-12)
                if order == 1:
                    assert value == pytest.approx(wasserstein_distance(one, other), abs=1e-12)
        assert float(found.from_previous[seed, 0]) == 0
        assert float(found.from_previous[seed, 1]) == pytest.approx(float(found.from_first[seed, 1]))


@pytest.mark.parametrize("order", [1, 2])
def test_laws(order: int) -> None:
    one, other, third = (np.sort(RANDOM.standard_normal(200)) for _ in range(3))
    assert sorted_distance(one, one, order) == 0
    assert sorted_distance(one, one + 0.7, order) == pytest.approx(0.7)
    assert sorted_distance(3 * one, 3 * other, order) == pytest.approx(3 * sorted_distance(one, other, order))
    direct = sorted_distance(one, third, order)
    assert direct <= sorted_distance(one, other, order) + sorted_distance(other, third, order) + 1e-12
    assert sorted_distance(one, other, 1) <= sorted_distance(one, other, 2)


def test_permuting_neurons_changes_nothing() -> None:
    output, inputs = weights()
    order = RANDOM.permutation(50)
    method = DriftMethod(2, joint=True)
    before = measure_weight_drift(output, inputs, method).distances
    after = measure_weight_drift(output.isel(neuron=order), inputs.isel(neuron=order), method).distances
    xr.testing.assert_allclose(before, after)


def test_chi_squared_sample() -> None:
    sample = chi_squared_sample(1000)
    assert sample.mean() == pytest.approx(1)
    drawn = np.sort(chi2.rvs(1, size=1000, random_state=1))
    assert sorted_distance(sample, drawn, 1) == pytest.approx(
        wasserstein_distance(chi2.ppf((np.arange(10**5) + 0.5) / 10**5, 1), drawn), rel=0.01
    )


@pytest.mark.parametrize("order", [1, 2])
def test_joint_distance(order: int) -> None:
    method = DriftMethod(order, joint=True)
    cloud = RANDOM.standard_normal((60, 3))
    shift = np.array([0.3, -0.4, 1.2])
    assert joint_distance(cloud, cloud, method) == pytest.approx(0, abs=1e-7)
    assert joint_distance(cloud, cloud + shift, method) == pytest.approx(1.3)
    line = RANDOM.standard_normal((60, 1))
    other = RANDOM.standard_normal((60, 1))
    assert joint_distance(line, other, method) == pytest.approx(
        float(sorted_distance(np.sort(line[:, 0]), np.sort(other[:, 0]), order))
    )
    assert np.isnan(joint_distance(np.full((5, 2), np.nan), np.ones((5, 2)), method))


@pytest.mark.parametrize(("order", "mean"), [(1, 1 / 2), (2, np.sqrt(1 / 3))])
def test_the_joint_distance_of_many_neurons_is_sliced(order: int, mean: float) -> None:
    """By the formula over the same directions; of a shift, near its mean over the sphere.

    A shift s moves the projection on u by s.u, which in three dimensions is even on (-|s|, |s|): the distance is |s|
    times the mean of |U| (or the root of that of U^2), U even on (0, 1), within four standard errors of 200 draws.
    """
    method = DriftMethod(order, joint=True)
    one, other = RANDOM.standard_normal((2, MAX_NEURONS_EXACT + 1, 3))
    directions = np.random.RandomState(SLICING_SEED).randn(3, PROJECTIONS)
    pairs = [(np.sort(one @ u), np.sort(other @ u)) for u in (directions / np.linalg.norm(directions, axis=0)).T]
    by_formula = np.mean([sorted_distance(*pair, order) ** order for pair in pairs]) ** (1 / order)
    assert joint_distance(one, other, method) == pytest.approx(by_formula, rel=1e-9)
    shift = np.array([0.3, -0.4, 1.2])
    error = np.sqrt((1 / 3 - 1 / 4) if order == 1 else (1 / 5 - 1 / 9)) / mean**order / order / np.sqrt(PROJECTIONS)
    assert joint_distance(one, one + shift, method) == pytest.approx(1.3 * mean, rel=4 * error)


def test_the_v_of_output_and_input_weights() -> None:
    """On the plateau W2(|a|, |w|) falls as m^-alpha exp(-lambda t/2); it is least near T1 and grows afterwards."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.5,), width=(4000,)),
        problem="gauss5",
        dynamics=mstage.Descent(learning_rate=(0.05,)),
        until=12.0,
        recording=mstage.Recording("log:50", 60),
    )
    ((output, inputs),) = kept_weights(mstage.train(sweep).isel(alpha=0, seed=0, learning_rate=0))
    drift = measure_weight_drift(output, inputs, DriftMethod(2)).distances
    time, distance = drift.snapshot_time.values, drift.output_input.values
    early = (time > 2.5) & (time < 4)
    rate = -np.polyfit(time[early], np.log(distance[early]), 1)[0]
    assert rate == pytest.approx(1.4714 / 2, rel=0.05)
    least = time[distance.argmin()]
    assert 4 < least < 8
    assert distance[-1] > 1.5 * distance.min()
    amplitude = np.abs(output.values[-1]) * np.linalg.norm(inputs.values[-1], axis=-1)
    assert amplitude.sum() ** 2 / (amplitude**2).sum() / 4000 == pytest.approx(1 / 3, rel=0.1)


def test_what_is_refused() -> None:
    output, inputs = weights()
    with pytest.raises(InputError, match=r"expected \(\.\.\., snapshot, neuron\)"):
        measure_weight_drift(output.rename(neuron="unit"), inputs)
    with pytest.raises(InputError, match="no snapshot"):
        measure_weight_drift(output.isel(snapshot=[]), inputs.isel(snapshot=[]))
    with pytest.raises(UsageError, match="expected 1 or 2"):
        DriftMethod(3)


@pytest.mark.parametrize("order", [1, 2])
def test_a_snapshot_that_has_diverged_has_no_distance(order: int) -> None:
    """Squares of its weights were overflows that leaked as warnings."""
    random = np.random.default_rng(1)
    output = xr.DataArray(random.standard_normal((1, 3, 8)), dims=("seed", "snapshot", "neuron"))
    inputs = xr.DataArray(random.standard_normal((1, 3, 8, 2)), dims=(*output.dims, "dim"))
    inputs[0, 2, 3, 1] = 1e200
    found = measure_weight_drift(output, inputs, DriftMethod(order, joint=True)).distances
    assert np.isnan(found["from_first"][0, 2])
    assert np.isfinite(found["from_first"][0, :2]).all()
