"""What is the largest eigenvalue of a symmetric matrix of which only the products with vectors are at hand?

By the Lanczos method with thick restarts: a basis of the Krylov space is filled, its best directions are kept with the
common direction of their residuals, and it is filled again. The basis and its products are kept and orthogonalised in
full, so that neither rounding nor eigenvalues that are alike mislead it; where the matrix has no more rows than the
basis, the whole space is spanned and the eigenvalue is exact.

References:
    Wu, Simon 2000, "Thick-restart Lanczos method for large symmetric eigenvalue problems", SIAM J. Matrix Anal. 22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import DTypeLike, Float, Integer, PRNGKeyArray

Array: TypeAlias = jax.Array

BASIS, KEPT = 60, 20  # vectors of the basis, and of a restart
MIN_CYCLES = 2  # one more than it takes, for an eigenvalue that a first basis may have missed
MAX_CYCLES = 200
TOLERANCE = 1e-6  # of the residual over the eigenvalue, and so of its error, most of which is of the residual's square
SOUGHT, SOUGHT_CYCLES = 1e-7, 30  # the same, that these many cycles are spent on; eigenvalues without gaps take more
ROUNDING = 64  # units of rounding of the largest eigenvalue in size below which a residual cannot come
REPEATED = 1e3  # units of rounding below which what is left of a vector is of no direction


class _State(NamedTuple):
    """A basis on its way.

    Attributes:
        basis: Orthonormal rows, and zeros behind those that are there.
        products: Each row times the matrix.
        following: The row that comes next.
        filled: How many rows there are.
        cycles: How many times the basis was filled.
        largest: The largest Ritz value, as of the last time.
        residual: |H y - largest y| of its Ritz vector y.
        scale: The largest Ritz value in size.
    """

    basis: Float[Array, "basis size"]
    products: Float[Array, "basis size"]
    following: Float[Array, " size"]
    filled: Integer[Array, ""]
    cycles: Integer[Array, ""]
    largest: Float[Array, ""]
    residual: Float[Array, ""]
    scale: Float[Array, ""]


def largest_eigenvalue(
    product: Callable[[Float[Array, " size"]], Float[Array, " size"]], size: int, dtype: DTypeLike
) -> Float[Array, ""]:
    """The largest eigenvalue, the one farthest to the right, of a symmetric matrix H.

    Args:
        product: v -> H v.
        size: Rows of H.
        dtype: Of the vectors.

    Returns:
        The eigenvalue to a relative error of `TOLERANCE` or less, as far as rounding allows; NaN where that many
        products did not do, or where H is not finite.
    """
    count = min(BASIS, size)
    kept = min(KEPT, count - 1)
    unit = float(np.finfo(np.dtype(dtype)).eps)
    key = jax.random.PRNGKey(0)

    def grow(index: Array, held: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        basis, products, new = held
        basis, image = basis.at[index].set(new), product(new)
        return basis, products.at[index].set(image), _new_direction(image, basis, jax.random.fold_in(key, index), unit)

    def cycle(state: _State) -> _State:
        held = state.basis, state.products, state.following
        basis, products, following = jax.lax.fori_loop(state.filled, count, grow, held)
        projected = basis @ products.T
        values, vectors = jnp.linalg.eigh((projected + projected.T) / 2)
        best, directions = vectors[:, -1], vectors[:, count - kept :].T
        residual = jnp.linalg.norm(best @ products - values[-1] * (best @ basis))
        rest = jnp.zeros((count - kept, size), dtype)
        return _State(
            jnp.concatenate([directions @ basis, rest]),
            jnp.concatenate([directions @ products, rest]),
            following,
            jnp.full_like(state.filled, kept),
            state.cycles + 1,
            values[-1],
            residual,
            jnp.abs(values).max(),
        )

    def bound(state: _State) -> Array:
        tolerance = jnp.where(state.cycles < SOUGHT_CYCLES, SOUGHT, TOLERANCE).astype(dtype)
        return jnp.maximum(tolerance * jnp.abs(state.largest), ROUNDING * unit * state.scale)

    def goes_on(state: _State) -> Array:
        early = (state.cycles < MIN_CYCLES) & (count < size)
        unfinished = (state.cycles < MAX_CYCLES) & (state.residual > bound(state))
        return (state.cycles == 0) | (jnp.isfinite(state.residual) & (early | unfinished))

    start = jax.random.normal(key, (size,), dtype)
    empty, none, nothing = jnp.zeros((count, size), dtype), jnp.zeros((), "int32"), jnp.zeros((), dtype)
    first = _State(empty, empty, start / jnp.linalg.norm(start), none, none, nothing, nothing, nothing)
    end = jax.lax.while_loop(goes_on, cycle, first)
    return jnp.where(end.residual <= bound(end), end.largest, jnp.nan)


def _new_direction(
    vector: Float[Array, " size"], basis: Float[Array, "basis size"], key: PRNGKeyArray, unit: float
) -> Float[Array, " size"]:
    """What a vector adds to a basis, of length 1; else a random direction that adds something, or 0."""

    def beside(one: Array) -> tuple[Array, Array]:
        size = jnp.linalg.norm(one)
        one = one / jnp.where(size > 0, size, 1)
        for _ in range(3):
            one = one - (basis @ one) @ basis
        left = jnp.linalg.norm(one)
        return one / jnp.where(left > 0, left, 1), left > REPEATED * unit

    (own, has_own), (other, has_other) = beside(vector), beside(jax.random.normal(key, vector.shape, vector.dtype))
    return jnp.where(has_own, own, jnp.where(has_other, other, jnp.zeros_like(other)))
