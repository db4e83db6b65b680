"""How steep and how curved is the loss where a network is?

References:
    Cohen, Kaur, Li, Kolter, Talwalkar 2021, arXiv 2103.00065 (gradient descent of learning rate eta drives the
    sharpness up to 2/eta and holds it there, the edge of stability).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from mstage.simulate.observables.lanczos import largest_eigenvalue

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.simulate.observables.moment import Moment

Array: TypeAlias = jax.Array

MAX_TRACED = 10_000  # weights; there are as many products with the Hessian
PRODUCTS_AT_ONCE = 32


def train_loss(moment: Moment) -> Float[Array, ""]:
    """The loss on the training set."""
    return moment.loss(moment.weights)


def gradient_norm(moment: Moment) -> Float[Array, ""]:
    """|g|, g the gradient of the loss with respect to all weights."""
    return jnp.linalg.norm(ravel_pytree(jax.grad(moment.loss)(moment.weights))[0])


def sharpness(moment: Moment) -> Float[Array, ""]:
    """The largest eigenvalue of the Hessian of the loss; NaN where it was not found to its tolerance."""
    product, flat = moment.hessian()
    return largest_eigenvalue(product, flat.size, flat.dtype)


def hessian_trace(moment: Moment) -> Float[Array, ""]:
    """The trace of the Hessian of the loss, exact: one product with it for each weight."""
    product, flat = moment.hessian()

    def entry(index: Array) -> Array:
        return product(jnp.zeros_like(flat).at[index].set(1))[index]

    return jax.lax.map(entry, jnp.arange(flat.size), batch_size=min(PRODUCTS_AT_ONCE, flat.size)).sum()
