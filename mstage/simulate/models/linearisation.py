"""How do the residuals answer to the parameters? Their Jacobian J, as the gradient-flow solver needs it.

The solver asks for J v and for (I + c J'J)^-1 v. With n samples and P parameters the last goes by Woodbury through the
n x n matrix I + c JJ', or through the P x P one where P < n. Any network is linearised by JAX, and J is kept.

An approximation of J will do: a W-method keeps its order with any. So the products can be of float32, which halves what
they move and more than doubles their speed, while the residuals and the gradient stay exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_factor, cho_solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, PyTree

    Params: TypeAlias = PyTree[jax.Array]  # the parameters of a network: a named tree of arrays of one dtype
    Shapes: TypeAlias = PyTree[jax.ShapeDtypeStruct]  # what stands for them where memory is planned

Array: TypeAlias = jax.Array


@runtime_checkable
class Linearisation(Protocol):
    """The residuals e at some parameters, and what is known of their Jacobian there.

    Attributes:
        residual: e_i = f(x_i) - y_i, shape (n,).
        gradient: J'e, a tree as the parameters; n times the gradient of the loss e'e/(2n).
        numbers: How many it keeps for J.
    """

    @property
    def residual(self) -> Float[Array, " samples"]: ...  # noqa: D102
    @property
    def gradient(self) -> Params: ...  # noqa: D102
    @property
    def numbers(self) -> int: ...  # noqa: D102

    def push(self, direction: Params) -> Float[Array, " samples"]:
        """J v, of the dtype of the products."""

    def inverse(self, shift: Float[Array, ""]) -> Callable[[Params], Params]:
        """What takes v to (I + shift J'J)^-1 v, factorised once."""


class ExplicitLinearisation(NamedTuple):
    """The linearisation of anything, with J; see `Linearisation`.

    Attributes:
        residual: Shape (n,).
        gradient: J'e.
        jacobian: Shape (n, P), of the dtype of the products.
    """

    residual: Float[Array, " samples"]
    gradient: Params
    jacobian: Float[Array, "samples parameters"]

    @property
    def numbers(self) -> int:
        """Those of J."""
        return int(self.jacobian.size)

    def push(self, direction: Params) -> Float[Array, " samples"]:
        """J v."""
        return self.jacobian @ ravel_pytree(direction)[0].astype(self.jacobian.dtype)

    def inverse(self, shift: Float[Array, ""]) -> Callable[[Params], Params]:
        """What takes v to (I + shift J'J)^-1 v, by the smaller of the n x n and the P x P matrix."""
        jacobian, shift = self.jacobian, shift.astype(self.jacobian.dtype)
        samples, parameters = jacobian.shape
        by_parameters = parameters < samples
        factor = shifted_factor(jacobian.T @ jacobian if by_parameters else jacobian @ jacobian.T, shift)

        def solve(direction: Params) -> Params:
            flat, unravel = ravel_pytree(direction)
            narrow = flat.astype(jacobian.dtype)
            if by_parameters:
                return unravel(cho_solve(factor, narrow).astype(flat.dtype))
            part = jacobian.T @ (shift * cho_solve(factor, jacobian @ narrow))
            return unravel(flat - part.astype(flat.dtype))

        return solve


def linearise(
    residuals: Callable[[Params], Float[Array, " samples"]], products: str, params: Params
) -> ExplicitLinearisation:
    """Linearise any residuals.

    Args:
        residuals: params -> e, shape (n,).
        products: Dtype of the products with J.
        params: Where.
    """
    residual, push = jax.linearize(residuals, params)
    transposed = jax.linear_transpose(push, params)
    flat, unravel = ravel_pytree(params)
    if flat.size < residual.size:
        columns: Callable[[Array], Array] = jax.vmap(lambda one: push(unravel(one)))
        jacobian = columns(jnp.eye(flat.size, dtype=flat.dtype)).T
    else:
        rows: Callable[[Array], Array] = jax.vmap(lambda one: ravel_pytree(transposed(one)[0])[0])
        jacobian = rows(jnp.eye(residual.size, dtype=residual.dtype))
    return ExplicitLinearisation(residual, transposed(residual)[0], jacobian.astype(products))


def shifted_factor(gram: Float[Array, "size size"], shift: Float[Array, ""]) -> tuple[Float[Array, "size size"], bool]:
    """The Cholesky factor of I + shift gram.

    Of its transpose, which is the same: LAPACK wants columns one after the other, and to bring rows into that order
    took three times as long as the factorisation.
    """
    matrix = jnp.eye(gram.shape[0], dtype=gram.dtype) + shift * gram
    return cho_factor(matrix.T, lower=True)
