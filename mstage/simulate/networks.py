"""What learns: two-layer networks f(x) = sum_k a_k sigma(w_k . x), their activations, loss and gradient.

There is no factor 1/width and no bias of its own: where a problem wants one, its inputs end in a 1. The gradient is
written out because it shares sigma with the forward pass and keeps one array of shape (width, samples) alive instead of
the several that reverse mode saves; the tests hold it against `jax.grad`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from mstage.simulate.products import outer, times
from mstage.simulate.tanh import tanh

if TYPE_CHECKING:
    from collections.abc import Callable

VECTOR_BYTES = 64  # of a processor's vector, or a multiple of it
MANY_INPUTS = 32

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
    sigma: Activation, weights: Weights, inputs: Array, targets: Array, count: int
) -> tuple[Array, Weights]:
    """Loss 1/(2n) sum_i (f(x_i) - y_i)^2 and its gradient.

    Args:
        sigma: Activation with its slope, of `ACTIVATIONS`.
        weights: The network.
        inputs: x_i, shape (n or more, dim); what comes after n are zeros (see `whole_vectors`), which add nothing.
        targets: y_i, shape (n or more,), zeros likewise.
        count: n.

    Returns:
        The loss, shape (), and the gradient, of the shapes of `weights`.
    """
    value, slope = sigma(outer(weights.input, inputs))
    residual = weights.output @ value - targets
    loss = residual @ residual / (2 * count)
    share = residual / count
    steep = weights.output[:, None] * slope  # rows of whole vectors, which those of the input weights need not be
    return loss, Weights(value @ share, times(steep, share[:, None] * inputs))


def loss_alone(sigma: Activation, weights: Weights, inputs: Array, targets: Array, count: int) -> Array:
    """The loss of `loss_and_gradient`, shape ()."""
    value, _ = sigma(outer(weights.input, inputs))
    residual = weights.output @ value - targets
    return residual @ residual / (2 * count)


def whole_vectors(count: int, dim: int, dtype: Any) -> int:
    """Zeros to add to so many samples of `dim` inputs that they fill whole vectors of the processor.

    The compiler unrolls a short row that does not, one sample at a time: 20 samples took four times as long as 24. With
    many inputs most of the time goes to products that a zero costs as much as a sample, so half vectors do. Any
    activation here is 0 at 0, so that a sample of zeros whose target is 0 has no residual and no gradient.
    """
    size = VECTOR_BYTES // 2 if dim > MANY_INPUTS else VECTOR_BYTES
    return -count % (size // int(np.dtype(dtype).itemsize))


def _tanh(s: Array) -> tuple[Array, Array]:
    value = tanh(s)
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
    "tanh": _tanh,
    "shifted-tanh": _shifted_tanh,
    "relu": _relu,
    "gelu": _gelu,
    "sin": _sin,
    "identity": _identity,
}
