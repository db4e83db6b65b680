"""The commit of a shard: one file that says how far it is, how its runs stand, and what training goes on from.

The file is replaced as a whole, after the chunks that it speaks of were synced; so there is always exactly one extent
that is valid. What has not filled a chunk yet lies in it too. The file is the length of a text, the text, which is
JSON, the values, and a checksum.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.store.chunks import CHECKSUM_BYTES, check, mapped_file, with_checksum
from mstage.store.layout import STATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mstage.store.chunks import Buffer
    from mstage.store.layout import Layout
    from mstage.store.shards import Shard

LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Commit:
    """What is committed of a shard.

    Attributes:
        records: How many records are complete.
        outcomes: How each run stands, by name, shape (runs,).
        rest: Of what grows, what has not filled a chunk: losses (runs, records), weights (runs, snapshots, ...).
        state: What training goes on from; empty when it is complete.
    """

    records: int
    outcomes: Mapping[str, np.ndarray]
    rest: Mapping[str, np.ndarray]
    state: Sequence[np.ndarray] = ()

    @classmethod
    def empty(cls, layout: Layout, shard: Shard) -> Commit:
        """Of a shard that is not begun."""
        found = {
            name: np.full(shape, layout.arrays[name].fill if name in layout.outcomes else 0, dtype)
            for name, (shape, dtype) in _shapes(layout, shard, 0).items()
        }
        outcomes = {name: found.pop(name) for name in layout.outcomes}
        return cls(0, outcomes, found)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name."""
        return {**self.outcomes, **self.rest, **{f"state_{k}": leaf for k, leaf in enumerate(self.state)}}

    def to_parts(self) -> list[Buffer]:
        """The content of its file, piece by piece."""
        arrays = self.arrays
        head = [[name, one.dtype.str, list(one.shape)] for name, one in arrays.items()]
        text = json.dumps({"records": self.records, "arrays": head}).encode()
        return with_checksum(LENGTH.pack(len(text)), text, *arrays.values())


def commit_file(path: Path, shard: Shard) -> Path:
    """Where the commit of a shard lies in a store."""
    return path / STATE_FOLDER / f"{shard.index}.commit"


def read_commit(path: Path, layout: Layout, shard: Shard) -> Commit:
    """The commit of a shard.

    Raises:
        ValueError: The file is damaged, or is of other runs.
        OSError: It cannot be read.
    """
    whole = mapped_file(commit_file(path, shard))
    data = whole[:-CHECKSUM_BYTES]
    try:
        start = LENGTH.size + LENGTH.unpack(data[: LENGTH.size].tobytes())[0]
        head = json.loads(data[LENGTH.size : start].tobytes())
        records, arrays = head["records"], _arrays(head["arrays"], data[start:])
        check(whole)  # of which it is certain by now that it is no larger than it says
        outcomes = {name: arrays.pop(name) for name in layout.outcomes}
        rest = {name: arrays.pop(name) for name in layout.growing(shard)}
    except (KeyError, TypeError, RecursionError, struct.error) as error:
        raise ValueError(f"it is no commit: {error}") from None
    if type(records) is not int or not 0 <= records <= layout.sizes["step"]:
        raise ValueError(f"it speaks of {records} records")
    for name, expected in _shapes(layout, shard, records).items():
        one = outcomes.get(name, rest.get(name))
        if one is None or (one.shape, one.dtype) != expected:
            raise ValueError(f"its {name} is not that of these runs")
    return Commit(records, outcomes, rest, list(arrays.values()))


def _arrays(head: Sequence[Any], values: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays that a text speaks of; they are no more than what is there, whatever it says.

    Raises:
        ValueError: It says something else.
    """
    found: dict[str, np.ndarray] = {}
    start = 0
    for name, kind, shape in head:
        dtype, count = np.dtype(kind), math.prod(shape)
        if min(shape, default=0) < 0 or count * dtype.itemsize > len(values) - start:
            raise ValueError(f"its {name} has too few values")
        found[name] = np.frombuffer(values, dtype, count, start).reshape(shape)
        start += count * dtype.itemsize
    if start != len(values):
        raise ValueError("it has more values than it says")
    return found


def _shapes(layout: Layout, shard: Shard, records: int) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and dtype of each array of a commit of so many records but those of the state."""
    found: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {
        name: ((shard.run_count,), np.dtype(layout.arrays[name].dtype)) for name in layout.outcomes
    }
    counts = layout.counts(shard, records)
    for name, array in layout.growing(shard).items():
        axis = layout.grows_along(name)
        rest = counts[name] % layout.chunks[axis] if counts[name] < layout.sizes[axis] else 0
        found[name] = (shard.run_count, rest, *array.shape[array.dims.index(axis) + 1 :]), np.dtype(array.dtype)
    return found
