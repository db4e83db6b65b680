"""How is a large matrix multiplied with a few columns? Column by column, which a CPU does several times faster.

XLA hands a product with a narrow matrix to a routine made for wide ones, and a product with one column to a loop that
runs at the speed of the memory; a product of rank one it works into the loop that follows.
"""

from __future__ import annotations

from typing import TypeAlias

import jax
import jax.numpy as jnp

from mstage.simulate.blocks import FEW_COLUMNS

Array: TypeAlias = jax.Array


def outer(left: Array, right: Array) -> Array:
    """The products of all rows of one with all rows of the other: left right'.

    Args:
        left: Shape (rows, dim).
        right: Shape (others, dim).
    """
    if left.shape[1] > FEW_COLUMNS:
        return left @ right.T
    return sum(one[:, None] * other[None, :] for one, other in zip(left.T, right.T, strict=True))


def times(matrix: Array, columns: Array) -> Array:
    """The product of a large matrix, shape (rows, others), with some columns, shape (others, dim)."""
    if columns.shape[1] > FEW_COLUMNS:
        return matrix @ columns
    return jnp.stack([matrix @ column for column in columns.T], axis=1)


def left_times(columns: Array, matrix: Array) -> Array:
    """The product of some columns, shape (rows, dim), transposed, with a large matrix, shape (rows, others)."""
    if columns.shape[1] > FEW_COLUMNS:
        return columns.T @ matrix
    return jnp.stack([column @ matrix for column in columns.T])
