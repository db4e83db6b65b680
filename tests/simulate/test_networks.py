"""The written-out gradient against `jax.grad`, whole and in tiles; how samples and runs fit into the cache."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mstage.simulate import blocks
from mstage.simulate.blocks import MAX_RUNS, Tiles, largest_block, second_level_cache, tiles
from mstage.simulate.models.activations import ACTIVATIONS
from mstage.simulate.models.network import Data
from mstage.simulate.models.two_layer_loss import TwoLayerLoss, Weights

RANDOM = np.random.default_rng(6)
INPUTS, TARGETS = RANDOM.standard_normal((21, 3)), RANDOM.standard_normal(21)
WEIGHTS = (RANDOM.standard_normal(7), RANDOM.standard_normal((7, 3)))
DATA = Data(INPUTS, TARGETS)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradient_is_that_of_reverse_mode(name: str) -> None:
    sigma = ACTIVATIONS[name]

    def loss(weights: Weights) -> jax.Array:
        value, _ = sigma(weights.input_weight @ INPUTS.T)
        return jnp.mean((weights.output_weight @ value - TARGETS) ** 2) / 2

    weights = Weights(*map(jnp.asarray, WEIGHTS))
    objective = TwoLayerLoss(name, Tiles(21, 21))
    value, gradient = jax.jit(objective.loss_and_gradient)(weights, DATA)
    known, expected = jax.jit(jax.value_and_grad(loss))(weights)
    np.testing.assert_allclose(value, known, rtol=1e-13)
    np.testing.assert_allclose(jax.jit(objective.loss)(weights, DATA), value, rtol=1e-13)
    np.testing.assert_allclose(gradient.output_weight, expected.output_weight, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(gradient.input_weight, expected.input_weight, rtol=1e-11, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), [*((name, 4) for name in ACTIVATIONS), *(("tanh", n) for n in (7, 11, 24))])
def test_tiles_and_their_zeros_change_nothing(name: str, size: int) -> None:
    sigma, weights, cut = ACTIVATIONS[name], Weights(*map(jnp.asarray, WEIGHTS)), Tiles(21, size)
    whole, tiled = TwoLayerLoss(name, Tiles(21, 21)), TwoLayerLoss(name, cut)
    assert abs(float(sigma(jnp.zeros(()))[0])) < np.finfo(float).eps
    padded = tiled.data(INPUTS, TARGETS)
    assert padded.targets.shape == (cut.number * size,)
    loss, gradient = jax.jit(whole.loss_and_gradient)(weights, DATA)
    found, slope = jax.jit(tiled.loss_and_gradient)(weights, padded)
    value, by_reverse_mode = jax.jit(jax.value_and_grad(tiled.loss))(weights, padded)
    np.testing.assert_allclose([found, value], [loss, loss], rtol=1e-12)
    for one, other in zip(gradient, slope, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-15)
    for one, other in zip(gradient, by_reverse_mode, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-14)


def test_samples_fill_whole_vectors() -> None:
    counts = (1, 7, 8, 20, 24, 442)
    assert [tiles(n, 10, 2, "float64").zeros for n in counts] == [7, 1, 0, 4, 0, 6]
    assert [tiles(n, 10, 2, "float32").zeros for n in counts] == [15, 9, 8, 12, 8, 6]
    assert [tiles(n, 10, 50, "float32").zeros for n in counts] == [7, 1, 0, 4, 0, 6]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((40, 400, 2, "float64"), 40),
        ((40, 1600, 2, "float64"), 40),
        ((40, 6400, 2, "float64"), 8),
        ((40, 6400, 2, "float32"), 48),  # all of them still fit
        ((1000, 1600, 2, "float64"), 64),
        ((1000, 1600, 20, "float64"), 1000),  # short tiles and wide products
        ((1000, 400, 20, "float64"), 256),
        ((80, 10**6, 2, "float64"), 8),
    ],
)
def test_tiles_stay_in_the_cache(shape: tuple[int, int, int, str], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "second_level_cache", lambda: 2**21)
    assert tiles(*shape).size == size
    assert tiles(*shape, has_spare_cores=True).number == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 50, 400, 1599, 6400, 10**5])
def test_tiles_add_few_zeros(width: int, dtype: str) -> None:
    for samples in (1, 5, 40, 41, 97, 442, 1000, 2001):
        vector = 64 // np.dtype(dtype).itemsize
        whole = -(-samples // vector) * vector
        cut = tiles(samples, width, 2, dtype)
        assert cut.size % vector == 0
        assert samples <= cut.number * cut.size <= 1.1 * whole


def test_blocks_stay_in_the_cache() -> None:
    assert largest_block(10 * 8 * 8) == MAX_RUNS
    assert largest_block(10**6 * 10**3 * 4) == 1
    one = largest_block(200 * 40 * 8)
    assert largest_block(200 * 40 * 4) >= one
    assert largest_block(400 * 40 * 8) <= one
    assert one * 200 * 40 * 8 <= max(second_level_cache() / 8, 200 * 40 * 8)
