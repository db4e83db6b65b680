"""How does the tangent kernel of a network move?

The tangent kernel is K = J J', J the Jacobian of the outputs f(x_i) with respect to all weights. It stands still where
training is linear, and moves where features are learnt. It is taken on the training inputs or, where there are more
than `MAX_PROBES`, on that many of them, evenly chosen.

References:
    Jacot, Gabriel, Hongler 2018, arXiv 1806.07572 (the kernel).
    Fort, Dziugaite, Paul, Kharaghani, Roy, Ganguli 2020, arXiv 2010.15110 (its distance and its velocity).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

if TYPE_CHECKING:
    from jaxtyping import Float, Integer

    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.observables.moment import Moment

Array: TypeAlias = jax.Array

MAX_PROBES = 256


def probes(samples: int) -> Integer[np.ndarray, " probes"]:
    """Which of so many training inputs the kernel is taken on."""
    return np.linspace(0, samples - 1, min(samples, MAX_PROBES)).round().astype(int)


def tangent_kernel(moment: Moment, weights: Params) -> Float[Array, "probes probes"]:
    """K = J J' at some weights."""
    inputs = moment.data.inputs[probes(moment.data.targets.shape[0])]
    flat, unravel = ravel_pytree(weights)
    jacobian = jax.jacrev(lambda at: moment.network.outputs(unravel(at), inputs))(flat)
    return jacobian @ jacobian.T


def kernel_top(moment: Moment) -> Float[Array, ""]:
    """The largest eigenvalue of K."""
    return jnp.linalg.eigvalsh(tangent_kernel(moment, moment.weights))[-1]


def kernel_distance(moment: Moment) -> Float[Array, ""]:
    """1 - <K, K0> / (|K| |K0|), K0 the kernel at the first snapshot; half the square of the chord, exact near 0."""
    now, first = (tangent_kernel(moment, weights) for weights in (moment.weights, moment.first))
    distance = jnp.square(now / jnp.linalg.norm(now) - first / jnp.linalg.norm(first)).sum() / 2
    return jnp.where(moment.elapsed > 0, distance, 0)  # there it is rounding


def kernel_velocity(moment: Moment) -> Float[Array, ""]:
    """|K - K'| / (|K'| elapsed), K' the kernel at the snapshot before; NaN at the first one."""
    now, before = (tangent_kernel(moment, weights) for weights in (moment.weights, moment.previous))
    return jnp.linalg.norm(now - before) / (jnp.linalg.norm(before) * moment.elapsed)
