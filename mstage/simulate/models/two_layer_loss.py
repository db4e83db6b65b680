"""The loss of a two-layer network and its gradient, written out and gone through tile by tile.

The gradient is written out because it shares sigma with the forward pass and keeps one array of shape (width, samples)
alive instead of the several that reverse mode saves; the tests hold it against `jax.grad`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from mstage.simulate.blocks import largest_block
from mstage.simulate.models.activations import with_slope
from mstage.simulate.models.network import Data
from mstage.simulate.products import outer, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from mstage.simulate.blocks import Tiles
    from mstage.simulate.models.activations import Activation
    from mstage.simulate.models.network import AnyArray

Array: TypeAlias = jax.Array
Sum = TypeVar("Sum")  # of arrays

WORKING_ARRAYS = 4  # of shape (width, samples of a tile) that a gradient holds at once


class Weights(NamedTuple):
    """The weights of one network.

    Attributes:
        output_weight: a_k.
        input_weight: w_k.
    """

    output_weight: Float[Array, " width"]
    input_weight: Float[Array, "width dim"]


@dataclass(frozen=True)
class TwoLayerLoss:
    """The loss over the samples of some tiles; see `network.Objective`.

    Attributes:
        activation: sigma.
        tiles: How the samples are gone through; its zeros follow them.
    """

    activation: str
    tiles: Tiles

    def data(self, inputs: Float[AnyArray, "*runs samples dim"], targets: Float[AnyArray, "*runs samples"]) -> Data:
        """Samples with the zeros of the tiles.

        Arrays of NumPy stay that: outside the program JAX would compile another one for each shape that it pads.
        """
        lead, pad = [(0, 0)] * (targets.ndim - 1), np.pad if isinstance(targets, np.ndarray) else jnp.pad
        zeros = (0, self.tiles.zeros)
        return Data(pad(inputs, (*lead, zeros, (0, 0))), pad(targets, (*lead, zeros)))

    def loss(self, params: Weights, data: Data) -> Float[Array, ""]:
        """The loss 1/(2n) sum_i (f(x_i) - y_i)^2."""
        sigma = self._sigma

        def part(inputs: Array, targets: Array) -> Array:
            value, _ = sigma(outer(params.input_weight, inputs))
            residual = params.output_weight @ value - targets
            return residual @ residual / (2 * self.tiles.samples)

        return _total(part, data, self.tiles)

    def loss_and_gradient(self, params: Weights, data: Data) -> tuple[Float[Array, ""], Weights]:
        """The loss and its gradient, of the shapes of the weights."""
        sigma = self._sigma

        def part(inputs: Array, targets: Array) -> tuple[Array, Weights]:
            value, slope = sigma(outer(params.input_weight, inputs))
            residual = params.output_weight @ value - targets
            share = residual / self.tiles.samples
            # Multiplied into the slope: its rows are whole vectors, and those of the input weights need not be.
            steep = params.output_weight[:, None] * slope
            return residual @ share / 2, Weights(value @ share, times(steep, share[:, None] * inputs))

        return _total(part, data, self.tiles)

    def largest_block(self, params: Weights, data: Data) -> int:
        """How many runs fit into the cache with their array of shape (width, samples)."""
        del data
        return largest_block(self.tiles.samples * _row_bytes(params))

    def working_bytes(self, params: Weights, data: Data) -> int:
        """Bytes of the arrays of a tile."""
        del data
        return WORKING_ARRAYS * self.tiles.size * _row_bytes(params)

    @property
    def _sigma(self) -> Activation:
        return with_slope(self.activation)


def _row_bytes(params: Weights) -> int:
    """Bytes of one number for each neuron."""
    return int(params.output_weight.size) * np.dtype(params.output_weight.dtype).itemsize


def _total(part: Callable[[Array, Array], Sum], data: Data, tiles: Tiles) -> Sum:
    """The sum over tiles of what a function makes of one.

    The next tile is part of the loop's carry: sliced where it is used, the compiler would slice it again for every
    number computed from it.
    """
    if tiles.number == 1:
        return part(*data)
    split = tuple(leaf.reshape((tiles.number, tiles.size, *leaf.shape[1:])) for leaf in data)

    def tile(number: Array | int) -> tuple[Array, ...]:
        return tuple(jax.lax.dynamic_index_in_dim(leaf, number, keepdims=False) for leaf in split)

    def add(number: Array, carry: tuple[Sum, tuple[Array, ...]]) -> tuple[Sum, tuple[Array, ...]]:
        total, here = carry
        return jax.tree.map(jnp.add, total, part(*here)), tile(jnp.minimum(number + 1, tiles.number - 1))

    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(part, *tile(0)))
    return jax.lax.fori_loop(0, tiles.number, add, (nothing, tile(0)))[0]
