"""How do the residuals answer to the weights? Their Jacobian J, as the gradient-flow solver needs it.

The solver asks for J v, J's and for (I + c J'J)^-1 v. With n samples and P weights the last goes by Woodbury through
the n x n matrix I + c JJ', or through the P x P one where P < n. For a two-layer network JJ' and the products with J
are products of the arrays of sigma and its slope, (width, n) each, and J is written down only where there are fewer
weights than samples; anything else is linearised by JAX and keeps J.

An approximation of J will do: a W-method keeps its order with any. So the products can be of float32, which halves what
they move and more than doubles their speed, while the residuals and the gradient stay exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_factor, cho_solve

from mstage.simulate.blocks import vector_zeros
from mstage.simulate.networks import Weights
from mstage.simulate.products import left_times, outer, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from mstage.simulate.networks import Activation

Array: TypeAlias = jax.Array
Tree: TypeAlias = Any  # the weights: any tree of arrays of one dtype


class Linearisation(Protocol):
    """The residuals e at some weights, and what is known of their Jacobian there.

    Attributes:
        residual: e_i = f(x_i) - y_i, shape (n,).
        gradient: J'e, a tree as the weights; n times the gradient of the loss e'e/(2n).
    """

    @property
    def residual(self) -> Array: ...  # noqa: D102
    @property
    def gradient(self) -> Tree: ...  # noqa: D102

    def push(self, direction: Tree) -> Array:
        """J v, shape (n,), of the dtype of the products."""

    def inverse(self, shift: Array) -> Callable[[Tree], Tree]:
        """What takes v to (I + shift J'J)^-1 v, factorised once."""


class NetworkLinearisation(NamedTuple):
    """The linearisation of a two-layer network, without J; see `Linearisation`.

    JJ'_ij = sum_k sigma_ki sigma_kj + (x_i . x_j) sum_k a_k^2 sigma'_ki sigma'_kj.

    Attributes:
        residual: Shape (n,).
        gradient: J'e.
        output: a_k, shape (width,); this and the rest of the dtype of the products.
        value: sigma(w_k . x_i), shape (width, n and zeros): samples of zeros may follow, whose part in J is 0.
        slope: sigma'(w_k . x_i), shape (width, n and zeros).
        inputs: x_i, shape (n and zeros, dim).
    """

    residual: Array
    gradient: Weights
    output: Array
    value: Array
    slope: Array
    inputs: Array

    def push(self, direction: Tree) -> Array:
        """J v, shape (n,)."""
        return self._push_all(direction)[: self.residual.shape[0]]

    def pull(self, weight: Array) -> Weights:
        """J's, for s of shape (n and zeros,)."""
        along = times(self.slope, weight[:, None] * self.inputs)
        return Weights(self.value @ weight, self.output[:, None] * along)

    def gram(self) -> Array:
        """JJ', shape (n and zeros, n and zeros)."""
        steep = self.output[:, None] * self.slope
        return self.value.T @ self.value + (self.inputs @ self.inputs.T) * (steep.T @ steep)

    def inverse(self, shift: Array) -> Callable[[Tree], Tree]:
        """What takes v to v - shift J' (I + shift JJ')^-1 J v."""
        shift = shift.astype(self.value.dtype)
        factor = _factor(self.gram(), shift)

        def solve(direction: Tree) -> Tree:
            part = self.pull(shift * cho_solve(factor, self._push_all(direction)))
            return jax.tree.map(lambda v, p: v - p.astype(v.dtype), direction, part)

        return solve

    def explicit(self) -> ExplicitLinearisation:
        """The same, with J."""
        along = (self.output[:, None] * self.slope).T[:, :, None] * self.inputs[:, None, :]
        jacobian = jnp.concatenate([self.value.T, along.reshape(along.shape[0], -1)], axis=1)
        return ExplicitLinearisation(self.residual, self.gradient, jacobian[: self.residual.shape[0]])

    def _push_all(self, direction: Tree) -> Array:
        """J v for the samples and their zeros."""
        output, inputs = (part.astype(self.value.dtype) for part in direction)
        along = left_times(self.output[:, None] * inputs, self.slope)
        pushed: Array = output @ self.value + (along * self.inputs.T).sum(axis=0)
        return pushed


class ExplicitLinearisation(NamedTuple):
    """The linearisation of anything, with J; see `Linearisation`.

    Attributes:
        residual: Shape (n,).
        gradient: J'e.
        jacobian: Shape (n, P), of the dtype of the products.
    """

    residual: Array
    gradient: Tree
    jacobian: Array

    def push(self, direction: Tree) -> Array:
        """J v, shape (n,)."""
        return self.jacobian @ ravel_pytree(direction)[0].astype(self.jacobian.dtype)

    def inverse(self, shift: Array) -> Callable[[Tree], Tree]:
        """What takes v to (I + shift J'J)^-1 v, by the smaller of the n x n and the P x P matrix."""
        jacobian, shift = self.jacobian, shift.astype(self.jacobian.dtype)
        samples, parameters = jacobian.shape
        by_weights = parameters < samples
        factor = _factor(jacobian.T @ jacobian if by_weights else jacobian @ jacobian.T, shift)

        def solve(direction: Tree) -> Tree:
            flat, unravel = ravel_pytree(direction)
            narrow = flat.astype(jacobian.dtype)
            if by_weights:
                return unravel(cho_solve(factor, narrow).astype(flat.dtype))
            part = jacobian.T @ (shift * cho_solve(factor, jacobian @ narrow))
            return unravel(flat - part.astype(flat.dtype))

        return solve


def linearise_network(
    sigma: Activation, products: str, weights: Weights, inputs: Array, targets: Array
) -> NetworkLinearisation:
    """Linearise the residuals of a two-layer network.

    Args:
        sigma: Activation with its slope, of `networks.ACTIVATIONS`.
        products: Dtype of the products with J.
        weights: The network.
        inputs: x_i, shape (n, dim).
        targets: y_i, shape (n,).
    """
    value, slope = sigma(outer(weights.input, inputs))
    residual = weights.output @ value - targets
    exact = NetworkLinearisation(residual, weights, weights.output, value, slope, inputs)
    gradient = exact.pull(residual)
    if products == weights.output.dtype:
        return exact._replace(gradient=gradient)
    narrow = jnp.pad(inputs, ((0, vector_zeros(inputs.shape[0], products)), (0, 0))).astype(products)
    rough = sigma(outer(weights.input.astype(products), narrow))
    return NetworkLinearisation(residual, gradient, weights.output.astype(products), *rough, narrow)


def linearise(residuals: Callable[[Tree], Array], products: str, weights: Tree) -> ExplicitLinearisation:
    """Linearise any residuals.

    Args:
        residuals: weights -> e, shape (n,).
        products: Dtype of the products with J.
        weights: Where.
    """
    residual, push = jax.linearize(residuals, weights)
    transposed = jax.linear_transpose(push, weights)
    flat, unravel = ravel_pytree(weights)
    if flat.size < residual.size:
        columns: Any = jax.vmap(lambda one: push(unravel(one)))
        jacobian = columns(jnp.eye(flat.size, dtype=flat.dtype)).T
    else:
        rows: Any = jax.vmap(lambda one: ravel_pytree(transposed(one)[0])[0])
        jacobian = rows(jnp.eye(residual.size, dtype=residual.dtype))
    return ExplicitLinearisation(residual, transposed(residual)[0], jacobian.astype(products))


def _factor(gram: Array, shift: Array) -> tuple[Array, bool]:
    """The Cholesky factor of I + shift gram.

    Of its transpose, which is the same: LAPACK wants columns one after the other, and to bring rows into that order
    took three times as long as the factorisation.
    """
    matrix = jnp.eye(gram.shape[0], dtype=gram.dtype) + shift * gram
    factor: tuple[Array, bool] = cho_factor(matrix.T, lower=True)
    return factor
