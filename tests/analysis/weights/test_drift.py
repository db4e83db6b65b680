"""Wasserstein distances against SciPy, POT and a sort, their laws, and theory's V of |a| and |w|."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import xarray as xr
from scipy.stats import chi2, wasserstein_distance

import mstage
from mstage.analysis.weights.distances import chance_distance, distance_to_chi_squared, sorted_distance
from mstage.analysis.weights.drift import (
    MAX_NEURONS_EXACT,
    PROJECTIONS,
    SLICING_SEED,
    DriftMethod,
    joint_distance,
    measure_weight_drift,
)
from mstage.errors import InputError, UsageError

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


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 7, 400])
def test_distance_to_chi_squared_is_to_the_distribution_itself(order: int, count: int) -> None:
    """By quadrature of the quantile function over each neuron's interval; not 0 for the means of its bins."""
    sample = np.sort(chi2.rvs(1, size=(3, count), random_state=1), axis=-1)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    edges = np.linspace(0, 1, count + 1)
    u = (edges[:-1, None] + edges[1:, None] + (edges[1:, None] - edges[:-1, None]) * nodes) / 2
    # the last interval ends where the quantile is infinite: u = 1 - v^4 takes its end away
    v = ((1 - edges[-2]) ** 0.25) * (nodes + 1) / 2
    u[-1], jacobian = 1 - v**4, 4 * v**3 * ((1 - edges[-2]) ** 0.25) / 2
    scaled = np.tile(weights / (2 * count), (count, 1))
    scaled[-1] = weights * jacobian
    quantiles = chi2.isf(1 - u, 1)
    for one, found in zip(sample, distance_to_chi_squared(sample, order), strict=True):
        integral = (np.abs(quantiles - one[:, None]) ** order * scaled).sum()
        assert found == pytest.approx(integral ** (1 / order), rel=3e-3 if order == 1 else 1e-4)
    assert distance_to_chi_squared(np.full((2, 5), np.nan), order).tolist() == [pytest.approx(np.nan, nan_ok=True)] * 2


def test_a_sample_between_two_intervals() -> None:
    """Of one value x, W1 is E |X - x| and W2^2 is E (X - x)^2 = 2 + (1 - x)^2."""
    for x in (0.0, 0.3, 1.0, 5.0):
        one = np.array([x])
        assert float(distance_to_chi_squared(one, 2)) == pytest.approx(np.sqrt(2 + (1 - x) ** 2))
        assert float(distance_to_chi_squared(one, 1)) == pytest.approx(
            x * (2 * chi2.cdf(x, 1) - 1) + 1 - 2 * chi2.cdf(x, 3)
        )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("count", [50, 1600])
def test_chance_is_what_draws_show(order: int, count: int) -> None:
    draws = chi2.rvs(1, size=(1000, count), random_state=7)
    draws = np.sort(draws / draws.mean(axis=-1, keepdims=True), axis=-1)
    found = distance_to_chi_squared(draws, order)
    error = found.std() * np.sqrt(1 / 400 + 1 / 1000)
    assert chance_distance(count, order) == pytest.approx(found.mean(), abs=4 * error)


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


@pytest.mark.slow
def test_the_v_of_output_and_input_weights() -> None:
    """W_p(|a|, |w|) is that of the linear flow from the same weights within 1.5 % up to 0.9 T1; the V turns there."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.5,), width=(4000,)),
        problem="gauss5",
        dynamics=mstage.Descent(learning_rate=(0.05,)),
        until=12.0,
        recording=mstage.Recording("log:400", 60),
    )
    tree = mstage.train(sweep)
    for order in (1, 2):
        drift = mstage.measure_drift(tree, mstage.DriftMethod(order))
        (one,) = drift.measured.runs
        distance = drift.distances.isel(width=0, alpha=0, seed=0, learning_rate=0)
        early = distance.snapshot_time <= 0.9 * one.value("exit time")
        np.testing.assert_allclose(distance.closed_form[early], 1, atol=0.015)
        assert abs(one.value("W2 over its closed form") - 1) < 0.015
    assert one.value("minimum of the V") == pytest.approx(one.value("exit time"), rel=0.1)
    assert distance.output_input[-1] > 1.5 * distance.output_input.min()
    assert distance.output_input[0] > 5 * distance.output_input.min()
    participation = mstage.measure_condensation(tree).quantities.participation.values.ravel()[-1]
    assert participation / 4000 == pytest.approx(1 / 3, rel=0.1)


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
