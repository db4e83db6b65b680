"""The commit of a shard: one file that says how far it is, how its runs stand, and what training goes on from.

The file is replaced as a whole, after the chunks that it speaks of were synced; so there is always exactly one extent
that is valid. What has not filled a chunk yet lies in it too. It is a line of JSON, the values, and a checksum.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.outside import read_file
from mstage.store.chunks import with_checksum, without_checksum
from mstage.store.layout import GROWS_ALONG, STATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mstage.store.layout import Layout, Shard

MAX_BYTES = 2**36  # that a commit is read of; of a state of so many there would be no memory anyway


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
        arrays = layout.arrays
        outcomes = {name: np.full(shard.run_count, arrays[name].fill, arrays[name].dtype) for name in layout.outcomes}
        rest = {
            name: np.empty((shard.run_count, 0, *array.shape[array.dims.index(GROWS_ALONG[name]) + 1 :]), array.dtype)
            for name, array in layout.growing(shard).items()
        }
        return cls(0, outcomes, rest)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name."""
        return {**self.outcomes, **self.rest, **{f"state_{k}": leaf for k, leaf in enumerate(self.state)}}

    def to_bytes(self) -> bytes:
        """The content of its file."""
        arrays = self.arrays
        head = [[name, one.dtype.str, list(one.shape)] for name, one in arrays.items()]
        line = json.dumps({"records": self.records, "arrays": head}).encode() + b"\n"
        return with_checksum(b"".join([line, *(one.tobytes() for one in arrays.values())]))


def commit_file(path: Path, shard: Shard) -> Path:
    """Where the commit of a shard lies in a store."""
    return path / STATE_FOLDER / f"{shard.index}.commit"


def read_commit(path: Path, layout: Layout, shard: Shard) -> Commit:
    """The commit of a shard.

    Raises:
        ValueError: The file is damaged, or is of other runs.
        OSError: It cannot be read.
    """
    data = without_checksum(read_file(commit_file(path, shard), MAX_BYTES))
    line, _, values = data.partition(b"\n")
    try:
        head = json.loads(line)
        records, arrays = head["records"], _arrays(head["arrays"], values)
        outcomes = {name: arrays.pop(name) for name in layout.outcomes}
        rest = {name: arrays.pop(name) for name in layout.growing(shard)}
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no commit: {error}") from None
    if type(records) is not int or not 0 <= records <= layout.sizes["step"]:
        raise ValueError(f"it speaks of {records} records")
    _check_shapes(layout, shard, records, outcomes | rest)
    return Commit(records, outcomes, rest, list(arrays.values()))


def _arrays(head: Sequence[Any], values: bytes) -> dict[str, np.ndarray]:
    """The arrays that a line speaks of; they are no more than what is there, whatever it says.

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


def _check_shapes(layout: Layout, shard: Shard, records: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse the arrays of other runs.

    Raises:
        ValueError: They are.
    """
    expected, counts = Commit.empty(layout, shard), layout.counts(records)
    for name, one in {**expected.outcomes, **expected.rest}.items():
        shape = one.shape
        if name in counts:
            axis = GROWS_ALONG[name]
            left = counts[name] % layout.chunks[axis] if counts[name] < layout.sizes[axis] else 0
            shape = (shape[0], left, *shape[2:])
        if (arrays[name].shape, arrays[name].dtype) != (shape, one.dtype):
            raise ValueError(f"its {name} has the shape {arrays[name].shape}; expected {shape}")
