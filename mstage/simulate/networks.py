"""What learns: two-layer networks f(x) = sum_k a_k sigma(w_k . x), their activations, loss and gradient.

There is no factor 1/width and no bias of its own: where a problem wants one, its inputs end in a 1. The gradient is
written out because it shares sigma with the forward pass and keeps one array of shape (width, samples) alive instead of
the several that reverse mode saves; the tests hold it against `jax.grad`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from mstage.simulate.products import outer, times
from mstage.simulate.tanh import tanh

if TYPE_CHECKING:
    from collections.abc import Callable

    from mstage.simulate.blocks import Tiles

Array: TypeAlias = jax.Array
Activation: TypeAlias = "Callable[[Array], tuple[Array, Array]]"


class Weights(NamedTuple):
    """The weights of one network.

    Attributes:
        output: a_k, shape (width,).
        input: w_k, shape (width, dim).
    """

    output: Array
    input: Array


def initial_weights(alpha: Array, seed: Array, width: int, dim: int, dtype: str) -> Weights:
    """Weights of standard deviation width^-alpha.

    The normals are drawn in float64 whatever the dtype, so that a seed means the same network in both, and do not
    depend on alpha, so that runs of one seed differ by their scale alone.
    """
    output_key, input_key = jax.random.split(jax.random.key(seed, impl="threefry2x32"))
    scale = jnp.exp(-alpha * math.log(width))
    return Weights(
        (scale * jax.random.normal(output_key, (width,), "float64")).astype(dtype),
        (scale * jax.random.normal(input_key, (width, dim), "float64")).astype(dtype),
    )


def loss_and_gradient(
    sigma: Activation, weights: Weights, inputs: Array, targets: Array, tiles: Tiles
) -> tuple[Array, Weights]:
    """Loss 1/(2n) sum_i (f(x_i) - y_i)^2 and its gradient.

    Args:
        sigma: Activation with its slope, of `ACTIVATIONS`.
        weights: The network.
        inputs: x_i, shape (n and zeros, dim).
        targets: y_i, shape (n and zeros,).
        tiles: How they are gone through; its zeros follow the n samples.

    Returns:
        The loss, shape (), and the gradient, of the shapes of `weights`.
    """

    def part(inputs: Array, targets: Array) -> tuple[Array, Weights]:
        value, slope = sigma(outer(weights.input, inputs))
        residual = weights.output @ value - targets
        share = residual / tiles.samples
        steep = weights.output[:, None] * slope  # rows of whole vectors, which those of the input weights need not be
        return residual @ share / 2, Weights(value @ share, times(steep, share[:, None] * inputs))

    both: tuple[Array, Weights] = _total(part, inputs, targets, tiles)
    return both


def loss_alone(sigma: Activation, weights: Weights, inputs: Array, targets: Array, tiles: Tiles) -> Array:
    """The loss of `loss_and_gradient`, shape ()."""

    def part(inputs: Array, targets: Array) -> Array:
        value, _ = sigma(outer(weights.input, inputs))
        residual = weights.output @ value - targets
        return residual @ residual / (2 * tiles.samples)

    loss: Array = _total(part, inputs, targets, tiles)
    return loss


def _total(part: Callable[[Array, Array], Any], inputs: Array, targets: Array, tiles: Tiles) -> Any:
    """The sum over tiles of what a function makes of one.

    A tile is handed from round to round: one that is cut out of all the samples where it is used would be cut out anew
    for every number that is made of it.
    """
    if tiles.number == 1:
        return part(inputs, targets)
    split = tuple(leaf.reshape((tiles.number, tiles.size, *leaf.shape[1:])) for leaf in (inputs, targets))

    def tile(number: Array | int) -> tuple[Array, ...]:
        return tuple(jax.lax.dynamic_index_in_dim(leaf, number, keepdims=False) for leaf in split)

    def add(number: Array, carry: tuple[Any, tuple[Array, ...]]) -> tuple[Any, tuple[Array, ...]]:
        total, here = carry
        return jax.tree.map(jnp.add, total, part(*here)), tile(jnp.minimum(number + 1, tiles.number - 1))

    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(part, *tile(0)))
    return jax.lax.fori_loop(0, tiles.number, add, (nothing, tile(0)))[0]


def _tanh(function: Callable[[Array], Array], s: Array) -> tuple[Array, Array]:
    value = function(s)
    return value, 1 - value * value


def _shifted_tanh(s: Array) -> tuple[Array, Array]:
    """(tanh(s + 1/2) - tanh(1/2)) / sech^2(1/2): 0 at 0, slope 1 there, but a second derivative that is not 0."""
    shift = math.tanh(0.5)
    steepness = 1 - shift * shift
    value = tanh(s + 0.5)
    return (value - shift) / steepness, (1 - value * value) / steepness


def _relu(s: Array) -> tuple[Array, Array]:
    return jnp.maximum(s, 0), (s > 0).astype(s.dtype)


def _gelu(s: Array) -> tuple[Array, Array]:
    cumulative = jax.scipy.stats.norm.cdf(s)
    return s * cumulative, cumulative + s * jax.scipy.stats.norm.pdf(s)


def _sin(s: Array) -> tuple[Array, Array]:
    return jnp.sin(s), jnp.cos(s)


def _identity(s: Array) -> tuple[Array, Array]:
    return s, jnp.ones_like(s)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": partial(_tanh, tanh),
    "jax-tanh": partial(_tanh, jnp.tanh),  # for whoever compares with other programs bit by bit
    "shifted-tanh": _shifted_tanh,
    "relu": _relu,
    "gelu": _gelu,
    "sin": _sin,
    "identity": _identity,
}
