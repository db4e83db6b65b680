"""Which network does the model of a sweep stand for? Its own form where it has one, else what the model says itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import jax

from mstage.simulate.models.activations import activation_of
from mstage.simulate.models.subtracted import SubtractedNetwork
from mstage.simulate.models.two_layer import TwoLayerNetwork
from mstage.simulate.models.two_layer_loss import Weights
from mstage.spec import MLP, TwoLayer
from mstage.spec.models import HasActivation, HasOutputs, Model, at_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float, PRNGKeyArray

    from mstage.simulate.models.network import Network, Scales

Array: TypeAlias = jax.Array


@dataclass(frozen=True)
class ModelNetwork:
    """The network that a model describes itself; see `network.Network`.

    Attributes:
        model: At one program.
        dim: Inputs.
        dtype: Of the weights.
    """

    model: HasOutputs | HasActivation
    dim: int
    dtype: str

    def init(self, key: PRNGKeyArray, scales: Scales) -> dict[str, Float[Array, " ..."]]:
        """The weights that the model makes of normals, which are drawn in float64 whatever the dtype."""
        shapes = self.model.shapes(self.dim)
        keys = jax.random.split(key, len(shapes))
        normals = {
            name: jax.random.normal(key, tuple(sizes.values()), "float64")
            for key, (name, sizes) in zip(keys, shapes.items(), strict=True)
        }
        return {name: weight.astype(self.dtype) for name, weight in self.model.init(normals, scales).items()}

    def outputs(self, params: dict[str, Array], inputs: Float[Array, "samples dim"]) -> Float[Array, " samples"]:
        """f(x_i)."""
        if isinstance(self.model, HasActivation):
            return self.model.outputs_through(activation_of(self.model.activation), params, inputs)
        return self.model.outputs(params, inputs)


def network_of(model: Model, program: Mapping[str, float], dim: int, dtype: str) -> Network:
    """The network of a model at the values of its static parameters.

    Args:
        model: The model of a sweep.
        program: The values of the static parameters.
        dim: How many numbers an input has.
        dtype: Of the weights.

    Raises:
        TypeError: The model says not what its network computes.
    """
    one = at_program(model, program)
    if isinstance(one, TwoLayer | MLP) and one.subtract_start:
        plain = network_of(replace(one, subtract_start=False), program, dim, dtype)
        return SubtractedNetwork(plain, _weights if isinstance(one, TwoLayer) else dict)
    if isinstance(one, TwoLayer):
        exponent = one.output_exponent[0] if one.output_exponent else 0.0
        return TwoLayerNetwork(one.activation, one.width[0], dim, dtype, one.antisymmetric, exponent)
    if not isinstance(one, HasOutputs | HasActivation):
        raise TypeError(f"{type(one).__name__} has no `init` and `outputs`")
    return ModelNetwork(one, dim, dtype)


def _weights(blocks: dict[str, Array]) -> Weights:
    return Weights(**blocks)
