"""The activations sigma of a neuron, each with its slope, which shares what it computes."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp

from mstage.simulate.models.tanh import tanh
from mstage.spec.models.layers import LEAK, LEAKY, activation_parts

if TYPE_CHECKING:
    from collections.abc import Callable

Array: TypeAlias = jax.Array
Activation: TypeAlias = "Callable[[Array], tuple[Array, Array]]"


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


def _leaky_relu(below: float, s: Array) -> tuple[Array, Array]:
    """Slope 1/2 below 0 if no other is given, as D. Meltzer and J. Liu take it (2023, arXiv 2301.07737)."""
    slope = jnp.where(s > 0, 1.0, below).astype(s.dtype)
    return slope * s, slope


def _gelu(s: Array) -> tuple[Array, Array]:
    cumulative = jax.scipy.stats.norm.cdf(s)
    return s * cumulative, cumulative + s * jax.scipy.stats.norm.pdf(s)


def _sin(s: Array) -> tuple[Array, Array]:
    return jnp.sin(s), jnp.cos(s)


def _square(s: Array) -> tuple[Array, Array]:
    return s * s, 2 * s


def _identity(s: Array) -> tuple[Array, Array]:
    return s, jnp.ones_like(s)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": partial(_tanh, tanh),
    "jax-tanh": partial(_tanh, jnp.tanh),  # for whoever compares with other programs bit by bit
    "shifted-tanh": _shifted_tanh,
    "relu": _relu,
    "leaky-relu": partial(_leaky_relu, LEAK),
    "gelu": _gelu,
    "sin": _sin,
    "square": _square,
    "identity": _identity,
}


@cache
def with_slope(text: str) -> Activation:
    """An activation as a model has it, as `leaky-relu:slope=0.1`, with its slope."""
    name, below = activation_parts(text)
    return partial(_leaky_relu, below) if name == LEAKY else ACTIVATIONS[name]


@cache
def activation_of(name: str) -> Callable[[Array], Array]:
    """An activation as a model has it, for reverse and forward mode, whose derivative is the slope above."""
    both = with_slope(name)

    @jax.custom_jvp
    def sigma(s: Array) -> Array:
        return both(s)[0]

    @sigma.defjvp
    def _derivative(at: tuple[Array], direction: tuple[Array]) -> tuple[Array, Array]:
        value, slope = both(*at)
        return value, slope * direction[0]

    return sigma
