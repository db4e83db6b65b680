"""Condensation against closed forms, naive loops and SciPy; permuting neurons changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr

import mstage
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.weights.condensation import (
    QUANTITIES,
    CondensationMethod,
    count_orientations,
    measure_weight_condensation,
)
from mstage.errors import InputError
from mstage.simulate.problems import load_problem

RANDOM = np.random.default_rng(3)
DATA = load_problem("gauss5")
CONSTANTS = problem_constants(DATA.input, DATA.target)


def weights(neurons: int = 40) -> tuple[xr.DataArray, xr.DataArray]:
    axes = ("seed", "snapshot", "neuron")
    output = xr.DataArray(RANDOM.standard_normal((2, 3, neurons)), dims=axes)
    return output, xr.DataArray(RANDOM.standard_normal((2, 3, neurons, 5)), dims=(*axes, "dim"))


def test_against_naive_loops() -> None:
    output, inputs = weights()
    found = measure_weight_condensation(output, inputs, CONSTANTS).quantities
    assert set(found.data_vars) == set(QUANTITIES)
    z, fit = CONSTANTS.direction, CONSTANTS.best_fit / np.linalg.norm(CONSTANTS.best_fit)
    for seed in range(2):
        a0, w0 = output.values[seed, 0], inputs.values[seed, 0]
        for k in range(3):
            a, w = output.values[seed, k], inputs.values[seed, k]
            rho = [abs(a[i]) * np.linalg.norm(w[i]) for i in range(40)]
            cos_z = [abs(w[i] @ z) / np.linalg.norm(w[i]) for i in range(40)]
            cos_fit = [abs(w[i] @ fit) / np.linalg.norm(w[i]) for i in range(40)]
            one = found.isel(seed=seed, snapshot=k)
            assert float(one.cosine_z) == pytest.approx(np.mean(cos_z))
            assert float(one.weighted_cosine_z) == pytest.approx(np.average(cos_z, weights=rho))
            assert float(one.weighted_cosine_fit) == pytest.approx(np.average(cos_fit, weights=rho))
            assert float(one.alignment) == pytest.approx(np.linalg.norm(w @ z) / np.linalg.norm(w))
            assert float(one.relative_distance) == pytest.approx(np.linalg.norm(w - w0) / np.linalg.norm(w0))
            assert float(one.participation) == pytest.approx(sum(rho) ** 2 / sum(r * r for r in rho))
            assert float(one.largest_share) == pytest.approx(max(rho) / sum(rho))
            assert float(one.rank_correlation) == pytest.approx(spearmanr(np.abs(a0 + w0 @ z), rho).statistic)


def test_permuting_neurons_changes_nothing() -> None:
    output, inputs = weights()
    order = RANDOM.permutation(40)
    before = measure_weight_condensation(output, inputs, CONSTANTS).quantities
    after = measure_weight_condensation(output.isel(neuron=order), inputs.isel(neuron=order), CONSTANTS).quantities
    xr.testing.assert_allclose(before, after)


def test_orientations_are_counted() -> None:
    method = CondensationMethod()
    directions = np.eye(4)
    unit = np.concatenate([np.repeat(directions[:3], 10, axis=0), -np.repeat(directions[:1], 5, axis=0)])
    assert count_orientations(unit, np.ones(35), method) == 4
    assert count_orientations(unit, np.r_[np.ones(10), np.full(25, 1e-4)], method) == 1
    assert np.isnan(count_orientations(unit, np.full(35, np.nan), method))
    assert count_orientations(unit, np.zeros(35), method) == 0


@pytest.mark.slow
def test_a_real_sweep_condenses() -> None:
    """On the secondary plateau: two opposite orientations, m/3 neurons, the order decided at step 0."""
    sweep = mstage.Sweep(mstage.TwoLayer(alpha=(1.5,), width=(1000,)), seed=(0, 1), until=25.0)
    found = mstage.measure_condensation(mstage.train(sweep)).quantities.sel(width=1000)
    last = found.isel(snapshot=-1)
    assert (last.weighted_cosine_fit > 0.999).all()
    assert (last.orientations == 2).all()
    np.testing.assert_allclose(last.participation / 1000, 1 / 3, rtol=0.1)
    assert (last.rank_correlation > 0.999).all()
    assert (found.isel(snapshot=0).orientations > 5).all()


def test_without_a_linear_trend_there_is_no_z() -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    even = problem_constants(x, x[:, 0] ** 2)
    axes = ("snapshot", "neuron")
    output = xr.DataArray(RANDOM.standard_normal((2, 9)), dims=axes)
    inputs = xr.DataArray(RANDOM.standard_normal((2, 9, 1)), dims=(*axes, "dim"))
    found = measure_weight_condensation(output, inputs, even).quantities
    assert found.weighted_cosine_z.isnull().all()
    assert found.rank_correlation.isnull().all()
    assert found.participation.notnull().all()


@pytest.mark.parametrize("size", [1e160, 1e308, np.inf, np.nan])
def test_a_snapshot_that_has_diverged_has_no_condensation(size: float) -> None:
    """Squares of its weights were overflows that leaked as warnings."""
    output, inputs = weights()
    output, inputs = output.copy(), inputs.copy()
    inputs[0, 2] = size
    found = measure_weight_condensation(output, inputs, CONSTANTS).quantities
    whole = measure_weight_condensation(*weights(), CONSTANTS).quantities
    for name in QUANTITIES:
        assert np.isnan(found[name][0, 2])
        assert np.isfinite(found[name][0, :2]).all() == np.isfinite(whole[name][0, :2]).all()


def test_weights_that_begin_at_zero() -> None:
    output, inputs = weights()
    relative = measure_weight_condensation(output, inputs.where(inputs.snapshot > 0, 0.0), CONSTANTS).quantities
    assert not np.isfinite(relative["relative_distance"]).any()


def test_data_beyond_float64_squared_are_refused() -> None:
    with pytest.raises(InputError, match="beyond 1e\\+70"):
        problem_constants(np.full((3, 2), 1e200), np.ones(3))
