"""How large are the blocks of weights of a network, how far have they moved, and which neurons are inactive?"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp

from mstage.simulate.models.network import blocks_by_name
from mstage.simulate.models.two_layer import TwoLayerNetwork
from mstage.simulate.products import outer

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.simulate.models.network import Network
    from mstage.simulate.observables.moment import Moment

Array: TypeAlias = jax.Array


def norm(moment: Moment) -> dict[str, Float[Array, ""]]:
    """|W| of each block."""
    return {name: _norm(block) for name, block in blocks_by_name(moment.weights).items()}


def relative_distance(moment: Moment) -> dict[str, Float[Array, ""]]:
    """|W - W0| / |W0| of each block, W0 at the first snapshot; NaN where that is 0."""
    first = blocks_by_name(moment.first)
    sizes = {name: _norm(block) for name, block in first.items()}
    return {
        name: jnp.where(sizes[name] > 0, _norm(block - first[name]) / sizes[name], jnp.nan)
        for name, block in blocks_by_name(moment.weights).items()
    }


def inactive_share(moment: Moment) -> Float[Array, ""]:
    """The share of pairs of a training sample and a neuron with w_k . x_i at or below 0."""
    preactivation = outer(moment.weights.input_weight, moment.data.inputs)
    return (preactivation <= 0).astype(preactivation.dtype).mean()


def has_neurons(network: Network) -> bool:
    """Whether a network has neurons whose preactivations are w_k . x_i."""
    return isinstance(network, TwoLayerNetwork)


def _norm(block: Array) -> Array:
    return jnp.linalg.norm(block.ravel())
