"""Networks of several layers against forward and backward passes written out in NumPy, and how they start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mstage.simulate.models.built_in import network_of
from mstage.simulate.models.network import Data, Network, SquaredLoss
from mstage.spec import MLP, Diagonal, Linear
from mstage.spec.models.layers import ACTIVATIONS
from tests.twin import SIGMA

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(11, 3)), RNG.normal(size=11)


def network(model: Any, **program: int) -> Network:
    return network_of(model, program, X.shape[1], "float64")


def started(network: Network, seed: int = 0, **scales: float) -> dict[str, np.ndarray]:
    traced = {name: jnp.float64(value) for name, value in scales.items()}
    return {name: np.asarray(one) for name, one in network.init(jax.random.PRNGKey(seed), traced).items()}


def layers_of(weights: dict[str, np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The matrices and the biases of all hidden layers, biases of 0 where there are none."""
    matrices = [weights["first_weight"], *weights.get("hidden_weight", ())]
    biases = [weights["first_bias"], *weights.get("hidden_bias", ())] if "first_bias" in weights else []
    return matrices, biases or [np.zeros(len(one)) for one in matrices]


def written_out(
    weights: dict[str, np.ndarray], sigma: Callable[[Any], Any], slope: Callable[[Any], Any]
) -> tuple[np.ndarray, dict[str, Any]]:
    """The outputs, and the gradient of the loss 1/(2n) sum_i (f(x_i) - y_i)^2, a sample at a time."""
    matrices, biases = layers_of(weights)
    last, last_bias = weights["last_weight"], weights.get("last_bias", 0.0)
    outputs = np.zeros(len(X))
    by_matrix, by_bias = [np.zeros_like(one) for one in matrices], [np.zeros_like(one) for one in biases]
    by_last, by_last_bias = np.zeros_like(last), 0.0
    for sample, (x, y) in enumerate(zip(X, Y, strict=True)):
        values, sums = [x], []
        for matrix, bias in zip(matrices, biases, strict=True):
            sums.append(matrix @ values[-1] + bias)
            values.append(sigma(sums[-1]))
        outputs[sample] = last @ values[-1] + last_bias
        error = (outputs[sample] - y) / len(X)
        by_last += error * values[-1]
        by_last_bias += error
        back = error * last
        for layer in reversed(range(len(matrices))):
            delta = back * slope(sums[layer])
            by_matrix[layer] += np.outer(delta, values[layer])
            by_bias[layer] += delta
            back = matrices[layer].T @ delta
    gradient = {"first_weight": by_matrix[0], "hidden_weight": np.array(by_matrix[1:]), "last_weight": by_last}
    gradient |= {"first_bias": by_bias[0], "hidden_bias": np.array(by_bias[1:]), "last_bias": by_last_bias}
    return outputs, {name: gradient[name] for name in weights}


def assert_written_out(found: Network, weights: dict[str, np.ndarray], activation: str) -> None:
    outputs, gradient = written_out(weights, *SIGMA[activation])
    params, objective = {name: jnp.asarray(one) for name, one in weights.items()}, SquaredLoss(found)
    np.testing.assert_allclose(found.outputs(params, jnp.asarray(X)), outputs, rtol=1e-10, atol=1e-12)
    loss, slopes = objective.loss_and_gradient(params, Data(jnp.asarray(X), jnp.asarray(Y)))
    np.testing.assert_allclose(loss, ((outputs - Y) ** 2).mean() / 2, rtol=1e-10)
    assert slopes.keys() == gradient.keys()
    for name, one in gradient.items():
        np.testing.assert_allclose(slopes[name], one, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outputs_and_gradient_are_those_written_out(activation: str, bias: bool) -> None:
    with jax.enable_x64(True):
        for depth in (1, 2, 4):
            found = network(MLP(activation=activation, bias=bias), width=5, depth=depth)
            weights = started(found, gain=1.3)
            weights = {name: one + 0.1 * RNG.normal(size=one.shape) for name, one in weights.items()}
            assert_written_out(found, weights, activation)


def test_weights_start_with_a_gain_over_the_square_root_of_the_fan_in() -> None:
    with jax.enable_x64(True):
        found = network(MLP(bias=True), width=300, depth=3)
        weights = started(found, gain=2.0)
        for name, fan_in in (("first_weight", 3), ("hidden_weight", 300), ("last_weight", 300)):
            spread = 6 / np.sqrt(2 * weights[name].size)
            assert weights[name].std() == pytest.approx(2 / np.sqrt(fan_in), rel=spread)
        assert not any(weights[name].any() for name in ("first_bias", "hidden_bias", "last_bias"))
        last = started(found, gain=2.0, output_gain=0.5)
        np.testing.assert_array_equal(last["last_weight"], weights["last_weight"] / 4)
        np.testing.assert_array_equal(last["hidden_weight"], weights["hidden_weight"])


@pytest.mark.parametrize("balanced", [False, True])
def test_a_deep_linear_network_is_a_perceptron_without_activation(balanced: bool) -> None:
    with jax.enable_x64(True):
        for depth in (1, 2, 4):
            found = network(Linear(balanced=balanced), width=5, depth=depth)
            assert_written_out(found, started(found, gain=1.3), "identity")


def test_a_balanced_start_is_of_rank_one_and_balanced() -> None:
    with jax.enable_x64(True):
        for depth in (1, 2, 4):
            weights = started(network(Linear(balanced=True), width=6, depth=depth), gain=0.7)
            layers = [*layers_of(weights)[0], weights["last_weight"][None, :]]
            product = np.eye(3)
            for layer, after in zip(layers, [*layers[1:], None], strict=True):
                np.testing.assert_allclose(np.linalg.svd(layer)[1][0], 0.7, rtol=1e-12)
                np.testing.assert_allclose(np.linalg.norm(layer), 0.7, rtol=1e-12)
                if after is not None:
                    np.testing.assert_allclose(layer @ layer.T, after.T @ after, atol=1e-14)
                product = layer @ product
            np.testing.assert_allclose(np.linalg.norm(product), 0.7 ** (depth + 1), rtol=1e-12)
            other = started(network(Linear(balanced=True), width=6, depth=depth), seed=1, gain=0.7)
            assert abs(other["last_weight"] - weights["last_weight"]).max() > 0.1


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_a_diagonal_network_is_a_difference_of_powers(degree: int) -> None:
    with jax.enable_x64(True):
        found = network(Diagonal(), degree=degree)
        start = started(found, initial_weight=0.3)
        assert {name: one.tolist() for name, one in start.items()} == {"u": [0.3] * 3, "v": [0.3] * 3}
        weights = {"u": RNG.normal(size=3), "v": RNG.normal(size=3)}
        outputs = sum((weights["u"][i] ** degree - weights["v"][i] ** degree) * X[:, i] for i in range(3))
        pull = X.T @ (outputs - Y) / len(Y)
        gradient = {
            "u": degree * weights["u"] ** (degree - 1) * pull,
            "v": -degree * weights["v"] ** (degree - 1) * pull,
        }
        params = {name: jnp.asarray(one) for name, one in weights.items()}
        np.testing.assert_allclose(found.outputs(params, jnp.asarray(X)), outputs, rtol=1e-10)
        _, slopes = SquaredLoss(found).loss_and_gradient(params, Data(jnp.asarray(X), jnp.asarray(Y)))
        for name, one in gradient.items():
            np.testing.assert_allclose(slopes[name], one, rtol=1e-10)
