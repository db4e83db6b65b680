"""What is known of a tensor in a file before its values are read?

Its shape and type come from the file's header; its values are read some rows at a time, so that a tensor need not fit
into memory twice. Files are not memory-mapped: a training run may truncate the file that it is rewriting, which kills a
process that has it mapped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        shape: Its lengths along each axis; the first is its number of rows.
        kind: Type of its values, as its format calls it.
        flaw: Why its values are no weights, as `whole numbers`; empty if they are, and only then can it be read.
        parts: Its values, as floating-point arrays of whole rows, in order.
    """

    shape: tuple[int, ...]
    kind: str
    flaw: str
    parts: Callable[[], Iterator[np.ndarray]]


def row_parts(
    shape: tuple[int, ...], dtype: np.dtype, take: Callable[[int, int], bytes], begin: int = 0
) -> Iterator[np.ndarray]:
    """Read the rows of a contiguous tensor, about a million values at a time.

    Args:
        shape: Shape of the tensor; a scalar counts as one row of one value.
        dtype: Type of its values.
        take: Reads a number of bytes (second argument) at an offset (first); fewer only at the end of the file.
        begin: Offset of its first byte.

    Raises:
        EOFError: There are fewer bytes than the shape needs.
    """
    rows, length = (shape[0], math.prod(shape[1:])) if shape else (1, 1)
    step = max(1, VALUES_AT_ONCE // max(length, 1))
    for first in range(0, rows, step):
        count = min(step, rows - first)
        wanted = count * length * dtype.itemsize
        data = take(begin + first * length * dtype.itemsize, wanted)
        if len(data) < wanted:
            raise EOFError("it has become shorter while it was read")
        yield as_floats(np.frombuffer(data, dtype)).reshape(count, *shape[1:])


def as_floats(values: np.ndarray) -> np.ndarray:
    """Floating-point values of any type as float32 where that is exact, else as float64.

    Only types longer than float64 are rounded.
    """
    return values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64)
