"""The written-out gradient against `jax.grad`, and samples of zeros that add nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mstage.simulate.blocks import MOST_RUNS, largest_block, second_level_cache
from mstage.simulate.networks import ACTIVATIONS, Weights, loss_alone, loss_and_gradient, whole_vectors
from mstage.simulate.runs import Data

RANDOM = np.random.default_rng(6)
INPUTS, TARGETS = RANDOM.standard_normal((21, 3)), RANDOM.standard_normal(21)
WEIGHTS = (RANDOM.standard_normal(7), RANDOM.standard_normal((7, 3)))


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradient_is_that_of_reverse_mode(name: str) -> None:
    sigma = ACTIVATIONS[name]

    def loss(weights: Weights) -> jax.Array:
        value, _ = sigma(weights.input @ INPUTS.T)
        return jnp.mean((weights.output @ value - TARGETS) ** 2) / 2

    weights = Weights(*map(jnp.asarray, WEIGHTS))
    value, gradient = loss_and_gradient(sigma, weights, INPUTS, TARGETS, 21)
    expected = jax.grad(loss)(weights)
    np.testing.assert_allclose(value, loss(weights), rtol=1e-13)
    np.testing.assert_allclose(loss_alone(sigma, weights, INPUTS, TARGETS, 21), value, rtol=1e-13)
    np.testing.assert_allclose(gradient.output, expected.output, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(gradient.input, expected.input, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_samples_of_zeros_add_nothing(name: str) -> None:
    sigma, weights = ACTIVATIONS[name], Weights(*map(jnp.asarray, WEIGHTS))
    assert abs(float(sigma(jnp.zeros(()))[0])) < np.finfo(float).eps
    padded = Data.of(INPUTS, TARGETS)
    assert padded.targets.shape == (24,)
    alone = loss_and_gradient(sigma, weights, INPUTS, TARGETS, 21)
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(loss_and_gradient(sigma, weights, *padded, 21)),
                          strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_samples_fill_whole_vectors() -> None:
    counts = (1, 7, 8, 20, 24, 442)
    assert [whole_vectors(count, 2, "float64") for count in counts] == [7, 1, 0, 4, 0, 6]
    assert [whole_vectors(count, 2, "float32") for count in counts] == [15, 9, 8, 12, 8, 6]
    assert [whole_vectors(count, 50, "float32") for count in counts] == [7, 1, 0, 4, 0, 6]


def test_blocks_stay_in_the_cache() -> None:
    assert largest_block(10, 8, "float64") == MOST_RUNS
    assert largest_block(10**6, 10**3, "float32") == 1
    one = largest_block(200, 40, "float64")
    assert largest_block(200, 40, "float32") >= one
    assert largest_block(400, 40, "float64") <= one
    assert one * 200 * 40 * 8 <= max(second_level_cache() / 8, 200 * 40 * 8)
