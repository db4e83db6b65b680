"""Deep networks in a sweep: the laws of gradient flow hold, depth is an axis, a run that was cut goes on to the bit."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad

import mstage
from mstage.simulate.models.built_in import network_of
from mstage.simulate.problems import load_problem
from mstage.simulate.trainer import Trainer
from mstage.simulate.trainers import trainer_of
from mstage.spec import MLP, Descent, Diagonal, Flow, Linear, Recording, Sweep

pytestmark = pytest.mark.slow


def matrices(weights: xr.Dataset, kind: str) -> list[np.ndarray]:
    """The arrays of a kind, `weight` or `bias`, of all layers, of a run."""
    hidden = weights.get(f"hidden_{kind}")
    between = [] if hidden is None else list(hidden.transpose("hidden_layer", ...).values)
    return [weights[f"first_{kind}"].values, *between, weights[f"last_{kind}"].values]


def test_linear_layers_stay_balanced_in_gradient_flow() -> None:
    """W_l W_l' + b_l b_l' - W_{l+1}' W_{l+1} does not move (Du, Hu, Lee, 2018, arXiv 1806.00900)."""
    model = MLP(gain=0.6, width=4, depth=3, activation="identity", bias=True)
    sweep = Sweep(model, "gauss5", Flow(1e-7), until=20.0, recording=Recording("log:30", 6))
    weights = mstage.train(sweep)["width_4-depth_3"].to_dataset().isel(gain=0, seed=0).load()
    found = []
    for moment in range(weights.sizes["snapshot"]):
        at = weights.isel(snapshot=moment)
        layers = [np.atleast_2d(one) for one in matrices(at, "weight")]
        pairs = zip(layers[:-1], matrices(at, "bias")[:-1], layers[1:], strict=True)
        found.append([one @ one.T + np.outer(b, b) - after.T @ after for one, b, after in pairs])
    assert np.abs(np.diff(weights.first_weight.values[[0, -1]], axis=0)).max() > 0.1
    np.testing.assert_allclose(found, np.broadcast_to(found[0], np.shape(found)), atol=2e-6)


def test_depth_is_an_axis_and_a_cut_sweep_goes_on_to_the_bit(tmp_path: Path) -> None:
    model = MLP(gain=(0.5, 1.0), output_gain=(0.2, 0.4), width=3, depth=(1, 3), bias=True)
    sweep = Sweep(model, "sin1d", Descent(0.02), until=4.0, recording=Recording("log:40", 4))
    mstage.train(sweep, tmp_path / "whole")

    def stop(progress: mstage.Progress) -> None:
        if progress.program.endswith("depth 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mstage.train(sweep, tmp_path / "cut", progress=stop)
    found = mstage.train(sweep, tmp_path / "cut", resume=True).load()
    xr.testing.assert_identical(found, mstage.open_sweep(tmp_path / "whole").load())
    assert {"gain", "output_gain", "width", "depth"} <= set(found.loss.dims)
    assert "hidden_weight" not in found["width_3-depth_1"]
    sizes = {"hidden_layer": 2, "neuron": 3, "previous_neuron": 3}
    assert sizes.items() <= found["width_3-depth_3"].hidden_weight.sizes.items()
    assert {"gain", "output_gain", "depth"} <= set(mstage.detect_stages(found).to_dataframe().columns)


@pytest.mark.parametrize(("depth", "gain"), [(1, 0.05), (2, 0.3)])
def test_a_balanced_linear_network_moves_as_in_closed_form(depth: int, gain: float) -> None:
    """Whitened inputs whose slope s is that of the start: p = |W| follows dp/dt = D p^(2 - 2/D) (s - p), D = depth + 1.

    That is a sigmoid where D = 2, and an integral otherwise (Saxe, McClelland, Ganguli, 2014, arXiv 1312.6120, eq. 10).
    """
    model, slope, degree = Linear(gain=gain, width=5, depth=depth, balanced=True), 1.5, depth + 1
    with jax.enable_x64(True):
        start = network_of(model, {"width": 5, "depth": depth}, 3, "float64").init(
            jax.random.PRNGKey(0), {"gain": jnp.float64(gain)}
        )
        start = {name: np.asarray(one) for name, one in start.items()}
    direction, size = start["last_weight"], gain**degree
    for matrix in [*reversed(start.get("hidden_weight", [])), start["first_weight"]]:
        direction = direction @ matrix
    np.testing.assert_allclose(np.linalg.norm(direction), size, rtol=1e-12)
    x = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 3)))[0] * np.sqrt(12)
    data = x, slope / size * (x @ direction)
    loss = mstage.train(Sweep(model, data, Flow(1e-8), until=8.0, recording=Recording("log:60", 0))).loss.squeeze()
    reached, time = slope - np.sqrt(2 * loss.values), loss.time.values
    if degree == 2:
        growth = np.expm1(2 * slope * time)
        expected = slope * (growth + 1) / (growth + slope / size)
        np.testing.assert_allclose(reached, expected, rtol=1e-6)
        assert expected[0] < 0.01
    else:
        on_the_way = (reached > 1.01 * size) & (reached < 0.99 * slope)
        passed = [quad(lambda p: p ** (2 / degree - 2) / (degree * (slope - p)), size, one)[0] for one in reached]
        np.testing.assert_allclose(np.array(passed)[on_the_way], time[on_the_way], rtol=1e-6)
        assert on_the_way.sum() > 5
    assert reached[-1] == pytest.approx(slope, rel=1e-3)


def test_a_diagonal_network_keeps_u_v_and_ends_between_two_norms() -> None:
    """From small weights near the least l1 norm, from large ones near the least l2 norm, as in arXiv 2002.09277.

    The norms of gradient descent on these arrays are 3.339 and 4.739, the two ends 2.236 and 4.740.
    """
    x = np.random.RandomState(0).randn(40, 100)
    y = x[:, :5].sum(axis=1) / np.sqrt(5)
    sizes = (0.1, 1.0)
    sweep = Sweep(Diagonal(sizes), (x, y), Flow(1e-6), until=3000.0, recording=Recording("log:60", 8))
    weights = mstage.train(sweep)["degree_2"].to_dataset().isel(seed=0).load()
    product = (weights.u * weights.v).transpose("initial_weight", ...).values
    np.testing.assert_allclose(product, np.broadcast_to(np.square(sizes)[:, None, None], product.shape), rtol=1e-3)
    for size, expected in zip(sizes, (3.339, 4.739), strict=True):
        end = weights.sel(initial_weight=size).isel(snapshot=-1)
        coefficients = (end.u**2 - end.v**2).values
        np.testing.assert_allclose(x @ coefficients, y, atol=1e-5)
        assert np.abs(coefficients).sum() == pytest.approx(expected, rel=0.005)
        # Of all interpolations it is that whose asinh(b / (2 size^2)) lies in the row space of the inputs.
        along = np.arcsinh(coefficients / (2 * size**2))
        rest = along - x.T @ np.linalg.lstsq(x.T, along, rcond=None)[0]
        assert np.linalg.norm(rest) < 1e-3 * np.linalg.norm(along)


@pytest.mark.parametrize("model", [MLP(gain=(0.3, 0.8), width=23, depth=2), Linear(gain=(0.3, 0.8), width=23, depth=3)])
def test_a_run_of_a_deep_network_depends_on_no_other(model: MLP | Linear) -> None:
    recording = Recording("log:20", 0)
    sweep = Sweep(model, "cub1d", Descent(0.02), seed=(0, 1, 2), until=2.0, recording=recording)
    program, runs = sweep.programs[0], sweep.runs_of_a_program

    def losses(trainer: Trainer) -> np.ndarray:
        return trainer.advance(trainer.start(), trainer.record_steps.size, 10**6)[1]

    together = losses(trainer_of(sweep, load_problem("cub1d"), program))
    for some in ([4], [5, 0, 3]):
        alone = trainer_of(sweep, load_problem("cub1d"), program, [runs[index] for index in some])
        np.testing.assert_array_equal(losses(alone), together[some])
