"""How do the residuals of a two-layer network answer to its weights? Without their Jacobian J written down.

JJ' and the products with J are products of the arrays of sigma and its slope, (width, n) each; J itself is written down
only where there are fewer weights than samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve

from mstage.simulate.blocks import vector_zeros
from mstage.simulate.models.linearisation import ExplicitLinearisation, shifted_factor
from mstage.simulate.models.two_layer_loss import Weights
from mstage.simulate.products import left_times, outer, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from mstage.simulate.models.activations import Activation
    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.models.network import Data

Array: TypeAlias = jax.Array


class TwoLayerLinearisation(NamedTuple):
    """The linearisation of a two-layer network, without J; see `Linearisation`.

    JJ'_ij = sum_k sigma_ki sigma_kj + (x_i . x_j) sum_k a_k^2 sigma'_ki sigma'_kj.

    Attributes:
        residual: e_i = f(x_i) - y_i.
        gradient: J'e.
        output: a_k; this and the rest of the dtype of the products.
        value: sigma(w_k . x_i); the padded samples are the n samples and zeros behind them, whose part in J is 0.
        slope: sigma'(w_k . x_i).
        inputs: x_i.
    """

    residual: Float[Array, " samples"]
    gradient: Weights
    output: Float[Array, " width"]
    value: Float[Array, "width padded"]
    slope: Float[Array, "width padded"]
    inputs: Float[Array, "padded dim"]

    @property
    def numbers(self) -> int:
        """Those of value and slope."""
        return 2 * int(self.output.size) * int(self.residual.size)

    def push(self, direction: Params) -> Float[Array, " samples"]:
        """J v."""
        return self._push_all(direction)[: self.residual.shape[0]]

    def pull(self, weight: Float[Array, " padded"]) -> Weights:
        """J's."""
        along = times(self.slope, weight[:, None] * self.inputs)
        return Weights(self.value @ weight, self.output[:, None] * along)

    def gram(self) -> Float[Array, "padded padded"]:
        """JJ'."""
        steep = self.output[:, None] * self.slope
        return self.value.T @ self.value + (self.inputs @ self.inputs.T) * (steep.T @ steep)

    def inverse(self, shift: Float[Array, ""]) -> Callable[[Params], Params]:
        """What takes v to v - shift J' (I + shift JJ')^-1 J v."""
        shift = shift.astype(self.value.dtype)
        factor = shifted_factor(self.gram(), shift)

        def solve(direction: Params) -> Params:
            part = self.pull(shift * cho_solve(factor, self._push_all(direction)))
            return jax.tree.map(lambda v, p: v - p.astype(v.dtype), direction, part)

        return solve

    def explicit(self) -> ExplicitLinearisation:
        """The same, with J."""
        along = (self.output[:, None] * self.slope).T[:, :, None] * self.inputs[:, None, :]
        jacobian = jnp.concatenate([self.value.T, along.reshape(along.shape[0], -1)], axis=1)
        return ExplicitLinearisation(self.residual, self.gradient, jacobian[: self.residual.shape[0]])

    def _push_all(self, direction: Params) -> Float[Array, " padded"]:
        """J v for the samples and their zeros."""
        output, inputs = (part.astype(self.value.dtype) for part in direction)
        along = left_times(self.output[:, None] * inputs, self.slope)
        return output @ self.value + (along * self.inputs.T).sum(axis=0)


def linearise_two_layer(sigma: Activation, products: str, weights: Weights, data: Data) -> TwoLayerLinearisation:
    """Linearise the residuals of a two-layer network.

    Args:
        sigma: Activation with its slope.
        products: Dtype of the products with J.
        weights: The network.
        data: The samples, without zeros.
    """
    inputs, targets = data
    value, slope = sigma(outer(weights.input_weight, inputs))
    residual = weights.output_weight @ value - targets
    exact = TwoLayerLinearisation(residual, weights, weights.output_weight, value, slope, inputs)
    gradient = exact.pull(residual)
    if products == weights.output_weight.dtype:
        return exact._replace(gradient=gradient)
    narrow = jnp.pad(inputs, ((0, vector_zeros(inputs.shape[0], products)), (0, 0))).astype(products)
    rough = sigma(outer(weights.input_weight.astype(products), narrow))
    return TwoLayerLinearisation(residual, gradient, weights.output_weight.astype(products), *rough, narrow)
