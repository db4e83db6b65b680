"""An array of a store: its axes, its chunks and their files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class StoredArray:
    """An array of a store.

    Attributes:
        path: Where it lies in the store.
        dims: Its axes.
        shape: Its size along each.
        chunks: Size of a chunk along each; those at the edges are as large, their rest filled.
        dtype: As NumPy names it.
        attributes: For readers without mstage.
    """

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def fill(self) -> float | int:
        """What stands where nothing was written."""
        return math.nan if self.dtype.startswith("float") else 0

    @property
    def chunk_bytes(self) -> int:
        """Bytes of the values of a chunk."""
        return math.prod(self.chunks) * np.dtype(self.dtype).itemsize

    def file(self, cell: tuple[int, ...] = ()) -> str:
        """The file of a chunk; of the first one, which is the only one of a coordinate, if no cell is given."""
        return ".".join([f"{self.path}/c", *map(str, cell or (0,) * len(self.dims))])
