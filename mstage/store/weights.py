"""The weights of a width as xarray reads them: from the chunks and the commits, when they are used.

A chunk's checksum is looked at before the first number of it is used. What is not committed, and what is known to be
damaged, is NaN; damage that is found here is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.core.indexing import IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from mstage.errors import InputError, shown
from mstage.store.chunks import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mstage.store.arrays import StoredArray
    from mstage.store.commits import Commit
    from mstage.store.layout import Layout
    from mstage.store.shards import Shard


class StoredWeights(xr.backends.BackendArray):
    """One array of weights, cut to some snapshots."""

    def __init__(
        self, path: Path, layout: Layout, array: StoredArray, commits: Mapping[Shard, Commit], snapshots: int
    ) -> None:
        """Weights.

        Args:
            path: The store.
            layout: Its layout.
            array: Which weights.
            commits: Of the shards of their width; of one that is damaged there is none.
            snapshots: How many the array is cut to.
        """
        self.array = array
        self.dtype = np.dtype(array.dtype)
        self._axis = array.dims.index("snapshot")
        self.shape = (*array.shape[: self._axis], snapshots, *array.shape[self._axis + 1 :])
        self._path, self._layout = path, layout
        self.commits = dict(commits)
        self._checked: set[tuple[int, ...]] = set()

    def variable(self) -> xr.Variable:
        """The array as a variable that is read when it is used."""
        return xr.Variable(self.array.dims, LazilyIndexedArray(self), self.array.attributes)

    def check(self, shard: Shard) -> None:
        """Look at all that is committed of a shard.

        Raises:
            ValueError: Some of it is damaged.
            OSError: It cannot be read.
        """
        for _ in self._blocks(shard):
            pass

    def __getitem__(self, key: Any) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray:
        """What is wanted of the array, by a number or a slice for each axis."""
        wanted = [
            range(size)[one] if isinstance(one, slice) else range(one, one + 1)
            for one, size in zip(key, self.shape, strict=True)
        ]
        found = np.full([len(part) for part in wanted], np.nan, self.dtype)
        for shard in self.commits:
            try:
                for corner, block in self._blocks(shard, wanted):
                    meets = [_meet(*part) for part in zip(wanted, corner, block.shape, strict=True)]
                    found[tuple(into for into, _ in meets)] = block[tuple(of for _, of in meets)]
            except (ValueError, OSError) as error:
                raise InputError(
                    f"{self._path}: {self.array.path} of {shard} is damaged ({shown(error, 200)}). Restore it from a "
                    f"copy, or train it anew with --overwrite."
                ) from None
        return found[tuple(slice(None) if isinstance(one, slice) else 0 for one in key)]

    def _blocks(self, shard: Shard, wanted: Sequence[range] | None = None) -> Iterator[tuple[list[int], np.ndarray]]:
        """What is committed of a shard, and where it begins in the array; no file without wanted numbers is opened."""
        commit, size = self.commits[shard], self._layout.chunks["snapshot"]
        rest = commit.rest[self.array.name]
        count = self._layout.snapshot_count(commit.records)
        written = range(0, count - rest.shape[1], size)
        corner = [part.start or 0 for part in shard.place(self.array)]
        for first in (*written, *([count - rest.shape[1]] if rest.shape[1] else [])):
            corner[self._axis] = first
            if wanted is not None and any(
                _meet(*part)[0] == slice(0, 0) for part in zip(wanted, corner, self.array.chunks, strict=True)
            ):
                continue
            if first in written:
                yield corner, self._chunk(shard.chunk(self.array, first // size))
            else:
                runs = [n for axis, n in zip(shard.values, shard.shape, strict=True) if axis in self.array.dims]
                yield corner, rest.reshape(*runs, *rest.shape[1:])

    def _chunk(self, cell: tuple[int, ...]) -> np.ndarray:
        values = mapped(self._path, self.array, cell, checked=cell in self._checked)
        self._checked.add(cell)
        return values


def _meet(wanted: range, low: int, size: int) -> tuple[slice, slice]:
    """Where some wanted places lie among themselves, and in a block that begins at `low`, as far as it has them."""
    first, end = (min(max(0, -(-(place - wanted.start) // wanted.step)), len(wanted)) for place in (low, low + size))
    if first >= end:
        return slice(0, 0), slice(0, 0)
    return slice(first, end), slice(wanted[first] - low, wanted[end - 1] - low + 1, wanted.step)
