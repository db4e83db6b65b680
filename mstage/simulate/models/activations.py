"""The activations sigma of a two-layer network, each with its slope, which shares what it computes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp

from mstage.simulate.models.tanh import tanh

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
