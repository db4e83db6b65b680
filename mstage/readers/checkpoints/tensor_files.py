"""What is a tensor that lies in a file, before it is read?

Its name, shape and kind are known from the file's header; its values come a few rows at a time, so that a tensor need
not fit into memory twice. Values are read and not memory-mapped: a training run may cut short the file that it is
rewriting, which ends a process that has it mapped.
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
        shape: Its axes; the first one counts its rows.
        kind: What its values are, in the words of its format.
        flaw: Why its values are no weights, as `whole numbers`; empty if they are, and only then can it be read.
        parts: Its values in the order of its rows, as arrays of whole rows, each of floating-point numbers.
    """

    shape: tuple[int, ...]
    kind: str
    flaw: str
    parts: Callable[[], Iterator[np.ndarray]]


def row_parts(
    shape: tuple[int, ...], dtype: np.dtype, take: Callable[[int, int], bytes], begin: int = 0
) -> Iterator[np.ndarray]:
    """The rows of a tensor that lies in one piece, about a million values at a time.

    Args:
        shape: Of the tensor; a single number counts as one row of one.
        dtype: Of its values.
        take: Reads so many bytes from that place on; fewer only where the file ends.
        begin: Place of its first byte.

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
    """Floating-point values, of whatever kind, as the smaller of float32 and float64 that holds them exactly.

    Only what is longer than float64 is rounded.
    """
    return values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64)
