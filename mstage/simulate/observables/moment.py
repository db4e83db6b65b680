"""What does an observable look at? A network with its weights at one snapshot, and what it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
from jax.flatten_util import ravel_pytree

from mstage.simulate.models.network import SquaredLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.models.network import Data, Network

Array: TypeAlias = jax.Array


class Moment(NamedTuple):
    """A network at one snapshot.

    Attributes:
        network: The network.
        data: The training set, inputs (n, dim) and targets (n,).
        weights: At the snapshot.
        first: At the first snapshot.
        previous: At the snapshot before; at the first one itself.
        elapsed: Since the snapshot before, on the run's clock; 0 at the first one.
    """

    network: Network
    data: Data
    weights: Params
    first: Params
    previous: Params
    elapsed: Float[Array, ""]

    def loss(self, weights: Params) -> Float[Array, ""]:
        """The loss 1/(2n) sum_i (f(x_i) - y_i)^2 at some weights."""
        return SquaredLoss(self.network).loss(weights, self.data)

    def hessian(self) -> tuple[Callable[[Array], Array], Float[Array, " weights"]]:
        """What takes v to H v, H the Hessian of the loss, and the weights in the order in which v has them.

        The gradient is linearised once, so that a product costs no forward pass of its own.
        """
        flat, unravel = ravel_pytree(self.weights)
        return jax.linearize(jax.grad(lambda at: self.loss(unravel(at))), flat)[1], flat
