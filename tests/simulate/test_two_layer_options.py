"""Options of two-layer networks: the slope of leaky relu, a scaled output, a start that is subtracted."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mstage
from mstage.errors import UsageError
from mstage.simulate.models.built_in import network_of
from mstage.simulate.models.network import Data, linearisation_of, objective_of
from mstage.simulate.models.two_layer_loss import Weights
from mstage.simulate.problems import load_problem
from mstage.spec import MLP, Descent, Recording, Sweep, TwoLayer
from tests import twin

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(9, 3)), RNG.normal(size=9)
A, W = RNG.normal(size=6), RNG.normal(size=(6, 3))


def leaky(slope: float) -> Any:
    return lambda s: np.where(s > 0, s, slope * s), lambda s: np.where(s > 0, 1.0, slope)


def measured(model: Any, weights: Any, **program: float) -> tuple[np.ndarray, float, Any]:
    """Outputs, loss and gradient."""
    with jax.enable_x64(True):
        network = network_of(model, program, 3, "float64")
        at, data = jax.tree.map(jnp.asarray, weights), Data(jnp.asarray(X), jnp.asarray(Y))
        objective = objective_of(network, len(X), has_spare_cores=False)
        loss, gradient = objective.loss_and_gradient(at, objective.data(*data))
        return np.asarray(network.outputs(at, data.inputs)), float(loss), jax.tree.map(np.asarray, gradient)


@pytest.mark.parametrize("slope", [0.1, 0.0, -0.5, 1.0])
def test_leaky_relu_takes_a_slope(slope: float, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"leaky-relu:slope={slope}"
    monkeypatch.setitem(twin.SIGMA, name, leaky(slope))
    _, loss, gradient = measured(TwoLayer(activation=name), Weights(A, W), width=6)
    assert loss == pytest.approx(twin.loss(name, A, W, X, Y), rel=1e-10)
    for found, expected in zip(gradient, twin.gradient(name, A, W, X, Y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_the_slope_that_is_the_default_is_no_other_activation() -> None:
    assert MLP(activation="leaky-relu:slope=0.5").activation == "leaky-relu"
    assert MLP(activation="leaky-relu:slope=1e-1").activation == "leaky-relu:slope=0.1"
    assert MLP(activation="leaky-relu:").activation == "leaky-relu"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("leaky-relu:slope=2", "slope 2: has to be from -1 to 1"),
        ("leaky-relu:slope=nan", "slope nan: has to be from -1 to 1"),
        ("leaky-relu:slope=a", "expected a number"),
        ("leaky-relu:leak=1", "unknown option `leak`; leaky-relu has the option slope alone"),
        ("tanh:slope=1", "unknown option `slope`; tanh has no options"),
        ("leaky-relu:slope", "not of the form option=value, as in leaky-relu:slope=0.1"),
        ("leaky:slope=1", "unknown activation `leaky`.*Did you mean `leaky-relu`"),
    ],
)
def test_slopes_that_make_no_sense_are_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        TwoLayer(activation=text)


@pytest.mark.parametrize(("activation", "exponent"), [("tanh", 0.5), ("relu", 1.0), ("identity", -0.3)])
def test_an_output_exponent_is_a_factor(activation: str, exponent: float) -> None:
    factor = 6.0**-exponent
    outputs, loss, gradient = measured(
        TwoLayer(activation=activation), Weights(A, W), width=6, output_exponent=exponent
    )
    np.testing.assert_allclose(outputs, factor * twin.SIGMA[activation][0](X @ W.T) @ A, rtol=1e-12)
    assert loss == pytest.approx(twin.loss(activation, factor * A, W, X, Y), rel=1e-10)
    of_output, of_input = twin.gradient(activation, factor * A, W, X, Y)
    np.testing.assert_allclose(gradient.output_weight, factor * of_output, rtol=1e-10)
    np.testing.assert_allclose(gradient.input_weight, of_input, rtol=1e-10, atol=1e-14)
    with jax.enable_x64(True):
        network = network_of(TwoLayer(activation=activation), {"width": 6, "output_exponent": exponent}, 3, "float64")
        at = linearisation_of(
            network, "float64", Weights(jnp.asarray(A), jnp.asarray(W)), Data(jnp.asarray(X), jnp.asarray(Y))
        )
        np.testing.assert_allclose(at.residual, outputs - Y, rtol=1e-12)
        np.testing.assert_allclose(at.gradient.output_weight, len(X) * gradient.output_weight, rtol=1e-10)


@pytest.mark.parametrize("activation", ["identity", "leaky-relu", "relu"])
def test_weights_of_a_homogeneous_network_grow_by_what_the_step_says(activation: str) -> None:
    """|theta'|^2 - |theta|^2 = -(4 eta / n) sum_i (f_i - y_i) f_i + eta^2 |grad|^2 (Meltzer, Liu, arXiv 2301.07737)."""
    outputs, _, gradient = measured(TwoLayer(activation=activation), Weights(A, W), width=6, output_exponent=0.5)
    rate = 0.7
    after = [one - rate * slope for one, slope in zip((A, W), gradient, strict=True)]
    grown = sum((one**2).sum() for one in after) - (A**2).sum() - (W**2).sum()
    squared = sum((one**2).sum() for one in gradient)
    assert grown == pytest.approx(-4 * rate * np.mean((outputs - Y) * outputs) + rate**2 * squared, rel=1e-10)


@pytest.mark.parametrize("model", [TwoLayer(alpha=0.3, width=5), MLP(gain=0.8, width=4, depth=2, bias=True)])
def test_a_subtracted_start_computes_nothing_and_stays(model: TwoLayer | MLP) -> None:
    whole = type(model)(**{**vars(model), "subtract_start": True})
    program = {"width": model.width[0], "depth": 2}
    with jax.enable_x64(True):
        scales = {"alpha": jnp.float64(0.3), "gain": jnp.float64(0.8)}
        plain, network = (network_of(one, program, 3, "float64") for one in (model, whole))
        start, params = (one.init(jax.random.key(1), scales) for one in (plain, network))
        at_start = plain.outputs(start, jnp.asarray(X))
        assert np.abs(network.outputs(params, jnp.asarray(X))).max() == 0
        moved = {name: one + 0.1 if not name.startswith("start_") else one for name, one in params.items()}
        objective = objective_of(network, len(X), has_spare_cores=False)
        _, gradient = objective.loss_and_gradient(moved, Data(jnp.asarray(X), jnp.asarray(Y)))
        own = objective_of(plain, len(X), has_spare_cores=False)
        _, expected = own.loss_and_gradient(
            jax.tree.map(lambda one: one + 0.1, start), own.data(jnp.asarray(X), jnp.asarray(Y) + at_start)
        )
        expected = expected if isinstance(expected, dict) else expected._asdict()
        for name, one in expected.items():
            np.testing.assert_allclose(gradient[name], one, rtol=1e-10, atol=1e-13)
            assert not np.any(gradient["start_" + name])


@pytest.mark.slow
def test_a_subtracted_start_is_a_shift_of_the_targets() -> None:
    data, dynamics, recording = load_problem("cub1d"), Descent(0.1), Recording("log:20", 3)
    whole = Sweep(TwoLayer(0.3, 6, subtract_start=True), "cub1d", dynamics, until=3.0, recording=recording)
    found = mstage.train(whole)
    at = found["width_6"].to_dataset().isel(alpha=0, seed=0, snapshot=0, learning_rate=0)
    shift = np.tanh(data.input @ at.input_weight.values.T) @ at.output_weight.values
    assert np.abs(shift).max() > 0.1
    plain = Sweep(TwoLayer(0.3, 6), (data.input, data.target + shift), dynamics, until=3.0, recording=recording)
    shifted = mstage.train(plain)
    np.testing.assert_allclose(found.loss, shifted.loss, rtol=1e-10)
    weights = found["width_6"].to_dataset()
    np.testing.assert_array_equal(
        weights.start_input_weight, weights.start_input_weight.isel(snapshot=[0, 0, 0]).values
    )
    np.testing.assert_allclose(weights.input_weight, shifted["width_6"].input_weight, rtol=1e-9)


def test_options_that_are_not_given_leave_no_trace() -> None:
    """A store without them holds what it always held."""
    assert not {"output_exponent", "subtract_start"} & Sweep(TwoLayer(), steps=1).to_dict().keys()
    given = Sweep(TwoLayer(output_exponent=(0.0, 0.5), subtract_start=True), steps=1)
    assert given.axes["output_exponent"] == (0.0, 0.5)
    assert Sweep.from_dict(given.to_dict()) == given
    assert Sweep.from_dict(Sweep(TwoLayer(output_exponent=0.5), steps=1).to_dict()).model.output_exponent == (0.5,)
