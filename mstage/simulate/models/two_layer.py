"""Two-layer networks f(x) = sum_k a_k sigma(w_k . x) with a_k, w_k ~ N(0, width^(-2 alpha)).

There is no factor 1/width unless `output_exponent` asks for one, and no bias of its own: where a problem wants one, its
inputs end in a 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp

from mstage.simulate.blocks import tiles
from mstage.simulate.models.activations import with_slope
from mstage.simulate.models.linearisation import linearise
from mstage.simulate.models.network import SquaredLoss
from mstage.simulate.models.two_layer_linearisation import linearise_two_layer
from mstage.simulate.models.two_layer_loss import TwoLayerLoss, Weights
from mstage.simulate.products import outer

if TYPE_CHECKING:
    from jaxtyping import Float, PRNGKeyArray

    from mstage.simulate.models.linearisation import Linearisation
    from mstage.simulate.models.network import Data, Objective, Scales

Array: TypeAlias = jax.Array


@dataclass(frozen=True)
class TwoLayerNetwork:
    """Two-layer networks of one width, with a loss and a linearisation of their own; see `network.Network`.

    Attributes:
        activation: sigma, as a model has it.
        width: Hidden neurons.
        dim: Inputs.
        dtype: Of the weights.
        antisymmetric: Whether the second half of the neurons starts as the first with opposite outputs.
        output_exponent: c where the output is multiplied by width^-c; its loss and linearisation are then those of JAX.
    """

    activation: str
    width: int
    dim: int
    dtype: str
    antisymmetric: bool = False
    output_exponent: float = 0.0

    def init(self, key: PRNGKeyArray, scales: Scales) -> Weights:
        """Weights of standard deviation width^-alpha; width^-alpha_output of the outputs, where there is such a scale.

        The normals are drawn in float64 whatever the dtype, so that a seed means the same network in both, and do not
        depend on alpha, so that runs of one seed differ by their scale alone.
        """
        output_key, input_key = jax.random.split(key)
        scale = jnp.exp(-scales["alpha"] * math.log(self.width))
        output_scale = jnp.exp(-scales["alpha_output"] * math.log(self.width)) if "alpha_output" in scales else scale
        weights = Weights(
            (output_scale * jax.random.normal(output_key, (self.width,), "float64")).astype(self.dtype),
            (scale * jax.random.normal(input_key, (self.width, self.dim), "float64")).astype(self.dtype),
        )
        if not self.antisymmetric:
            return weights
        output, inputs = (one[: self.width // 2] for one in weights)
        return Weights(jnp.concatenate([output, -output]), jnp.concatenate([inputs, inputs]))

    def outputs(self, params: Weights, inputs: Float[Array, "samples dim"]) -> Float[Array, " samples"]:
        """f(x_i)."""
        value, _ = with_slope(self.activation)(outer(params.input_weight, inputs))
        found = params.output_weight @ value
        return self.width**-self.output_exponent * found if self.output_exponent else found

    def objective(self, samples: int, *, has_spare_cores: bool) -> Objective:
        """The loss over so many samples, in tiles that the cache holds."""
        if self.output_exponent:
            return SquaredLoss(self)
        return TwoLayerLoss(
            self.activation, tiles(samples, self.width, self.dim, self.dtype, has_spare_cores=has_spare_cores)
        )

    def linearise(self, products: str, params: Weights, data: Data) -> Linearisation:
        """The residuals with their Jacobian, which is written down where there are fewer weights than samples."""
        if self.output_exponent:
            return linearise(lambda at: self.outputs(at, data.inputs) - data.targets, products, params)
        at = linearise_two_layer(with_slope(self.activation), products, params, data)
        return at.explicit() if self.width * (self.dim + 1) < data.targets.shape[0] else at
