"""What a store looks like: its arrays, how they are cut into chunks, and which runs make a shard.

The root holds the problem, the coordinates, the losses and how each run ended; a group `width_W` for each width holds
the weights. A shard is a block of runs of one width: one cell of the chunk grid over the run axes that all arrays of
runs share. Everything follows from the sweep and from the size of a chunk along each axis, which the root's attributes
hold, so nothing that the metadata of an array claim is ever believed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.history import FLOW_STATISTICS, GLOSSARY, OUTCOMES, RunStatus
from mstage.store.shards import Shard, chunk_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.spec import Sweep

STORE_FORMAT = 2
STATE_FOLDER = ".shards"  # the lock, and the commit of each shard; not part of the Zarr hierarchy
MAX_SHARDS = 200_000  # more than anybody trains: a width alone takes some seconds
WEIGHTS = ("output_weight", "input_weight")
GROWS_ALONG = {"loss": "step"} | dict.fromkeys(WEIGHTS, "snapshot")
PACKAGES = ("mstage", "jax", "jaxlib", "optax", "diffrax", "numpy")
_ARRAY = r"(zarr\.json|c(\.\d+)*)"  # the files of one
_STORE_FILE = re.compile(
    rf"zarr\.json|({'|'.join(GLOSSARY)})/{_ARRAY}|width_\d+/zarr\.json|width_\d+/({'|'.join(WEIGHTS)})/{_ARRAY}"
    rf"|{re.escape(STATE_FOLDER)}/(lock|\d+\.(commit|partial))"
)


def is_store_file(name: str) -> bool:
    """Whether a file in the folder of a store, named from there with slashes, is one that a store can have."""
    return _STORE_FILE.fullmatch(name) is not None


def group_name(width: int) -> str:
    """Name of the group of a width."""
    return f"width_{width}"


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


@dataclass(frozen=True)
class Layout:
    """The arrays and the shards of the store of a sweep.

    Attributes:
        sweep: The sweep.
        chunks: Size of a chunk along each axis, `sample` and `dim` of the problem among them.

    Raises:
        ValueError: These are no sizes.
    """

    sweep: Sweep
    chunks: Mapping[str, int]

    def __post_init__(self) -> None:
        if set(self.chunks) != {*self.sweep.axes, "step", "snapshot", "sample", "dim"}:
            raise ValueError(f"chunks along {', '.join(map(str, self.chunks))} are not those of its sweep")
        for axis, size in self.chunks.items():
            if type(size) is not int or not 1 <= size <= max(1, self.sizes[axis]):
                raise ValueError(f"chunks of {size} along {axis}")
        if self.chunks["width"] != 1:
            raise ValueError("chunks of several widths")
        if math.prod(-(-self.sizes[axis] // self.chunks[axis]) for axis in self.sweep.axes) > MAX_SHARDS:
            raise ValueError(f"more than {MAX_SHARDS:,} shards")

    @classmethod
    def of(cls, sweep: Sweep, samples: int, dim: int) -> Layout:
        """The layout of a new store, which depends on nothing but what is trained."""
        return cls(sweep, chunk_sizes(sweep, samples, dim))

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Size of each axis but that of the neurons."""
        runs = {axis: len(values) for axis, values in self.sweep.axes.items()}
        rest = {"step": len(self.sweep.loss_steps), "snapshot": len(self.sweep.snapshot_steps)}
        return runs | rest | {axis: self.chunks[axis] for axis in ("sample", "dim")}

    @cached_property
    def coordinates(self) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """Axes and values of the coordinates that the sweep tells before it is trained."""
        sweep = self.sweep
        steps, snapshots = np.array(sweep.loss_steps, np.int64), np.array(sweep.snapshot_steps, np.int64)
        found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
            axis: ((axis,), np.array(values)) for axis, values in sweep.axes.items()
        }
        found |= {"step": (("step",), steps), "snapshot": (("snapshot",), snapshots)}
        if sweep.has_time:
            over = ("learning_rate",) if "learning_rate" in sweep.axes else ()
            scale = np.array(sweep.learning_rate)[:, None] if over else np.array(sweep.tick)
            found["time"] = ((*over, "step"), scale * steps)
            found["snapshot_time"] = ((*over, "snapshot"), scale * snapshots)
        return found

    @cached_property
    def arrays(self) -> dict[str, StoredArray]:
        """The arrays by their paths."""
        dtype, runs = self.sweep.dtype, tuple(self.sweep.axes)
        found = [self._array("input", ("sample", "dim"), "float64"), self._array("target", ("sample",), "float64")]
        for name, (dims, values) in self.coordinates.items():
            one = self._array(name, dims, values.dtype.name)
            found.append(replace(one, chunks=tuple(max(1, size) for size in one.shape)))
        found += [self._array(name, runs, _outcome_dtype(name)) for name in self.outcomes]
        found.append(self._array("loss", (*runs, "step"), dtype))
        without = (*(axis for axis in runs if axis != "width"), "snapshot", "neuron")
        for width in self.sweep.width:
            for name, dims in zip(WEIGHTS, (without, (*without, "dim")), strict=True):
                found.append(self._array(name, dims, dtype, width))
        return {one.path: one for one in found}

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What is said of the end of a run."""
        return OUTCOMES if self.sweep.dynamics == "flow" else OUTCOMES[: -len(FLOW_STATISTICS)]

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The shards, one width after the other."""
        axes = self.sweep.axes
        first = ["width", *(axis for axis in axes if axis != "width")]
        cells = product(*(range(-(-self.sizes[axis] // self.chunks[axis])) for axis in first))
        return tuple(self._shard(index, dict(zip(first, cell, strict=True))) for index, cell in enumerate(cells))

    def growing(self, shard: Shard) -> dict[str, StoredArray]:
        """What grows while a shard is trained, by name."""
        group = group_name(shard.width)
        return {"loss": self.arrays["loss"]} | {name: self.arrays[f"{group}/{name}"] for name in WEIGHTS}

    @cached_property
    def snapshot_records(self) -> tuple[int, ...]:
        """The record at whose step each snapshot is taken, before that record is."""
        return tuple(np.searchsorted(self.sweep.loss_steps, self.sweep.snapshot_steps).tolist())

    def counts(self, records: int) -> dict[str, int]:
        """How much there is of what grows when so many records are complete."""
        snapshots = int(np.searchsorted(self.snapshot_records, records))
        return {"loss": records} | dict.fromkeys(WEIGHTS, snapshots)

    def stored_bytes(self, width: int) -> int:
        """Bytes of the losses and the weights of a width."""
        return self._bytes(self.arrays["loss"]) // self.sizes["width"] + self.weight_bytes(width)

    def weight_bytes(self, width: int) -> int:
        """Bytes of the weights of a width."""
        return sum(self._bytes(self.arrays[f"{group_name(width)}/{name}"]) for name in WEIGHTS)

    @staticmethod
    def _bytes(array: StoredArray) -> int:
        grid = (-(-size // chunk) for size, chunk in zip(array.shape, array.chunks, strict=True))
        return math.prod(grid) * array.chunk_bytes

    def _shard(self, index: int, cell: Mapping[str, int]) -> Shard:
        ordered = {axis: cell[axis] for axis in self.sweep.axes}
        runs = {axis: slice(k * self.chunks[axis], (k + 1) * self.chunks[axis]) for axis, k in ordered.items()}
        return Shard(index, ordered, runs, {axis: values[runs[axis]] for axis, values in self.sweep.axes.items()})

    def _array(self, name: str, dims: tuple[str, ...], dtype: str, width: int = 0) -> StoredArray:
        sizes, chunks = self.sizes | {"neuron": width}, {**self.chunks, "neuron": width}
        attributes: dict[str, Any] = dict(GLOSSARY[name])
        attributes |= RunStatus.attributes() if name == "status" else {}
        if name == "step" and self.sweep.dynamics == "flow":
            attributes["long_name"] = "ticks of the clock that the flow is recorded by"
        path = f"{group_name(width)}/{name}" if width else name
        shape = tuple(sizes[axis] for axis in dims)
        return StoredArray(path, dims, shape, tuple(chunks[axis] for axis in dims), dtype, attributes)


def _outcome_dtype(name: str) -> str:
    return {"status": "int8", "final_loss": "float64", "end_time": "float64"}.get(name, "int64")
