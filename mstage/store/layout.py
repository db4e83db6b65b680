"""What a store looks like: its arrays, how they are cut into chunks, and which runs make a shard.

The root holds the problem, the coordinates, the losses and how each run ended; a group for each shape of network holds
the weights. A shard is a block of runs of one program: one cell of the chunk grid over the run axes that all arrays of
runs share. Everything follows from the sweep and from the size of a chunk along each axis, which the root's attributes
hold, so nothing that the metadata of an array claim is ever believed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.history import FLOW_STATISTICS, GLOSSARY, OUTCOMES, RunStatus
from mstage.spec import Flow
from mstage.spec.models import MODELS, Model
from mstage.spec.parameters import Flag, Number, declared, numbers_of
from mstage.spec.sweep import sweep_parameters
from mstage.store.arrays import StoredArray
from mstage.store.shards import STEP_COST, Shard, chunk_sizes, weight_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.spec import Sweep

STORE_FORMAT = 2
STATE_FOLDER = ".shards"  # the lock, and the commit of each shard; not part of the Zarr hierarchy
MAX_SHARDS = 200_000  # more than anybody trains: a width alone takes some seconds
PACKAGES = ("mstage", "jax", "jaxlib", "optax", "diffrax", "numpy")


@cache
def _store_file() -> re.Pattern[str]:
    """The files that a store can have: those of arrays that some sweep has, of groups, and of its state."""
    array = r"(zarr\.json|c(\.\d+)*)"
    axes = [key for key, known in sweep_parameters().items() if isinstance(known, Number) and known.is_axis]
    arrays = "|".join([*GLOSSARY, *axes])
    weights = "|".join({name: 0 for kind in MODELS.values() for model in _variants(kind) for name in model.shapes(1)})
    static = {
        key: 0 for key, known in numbers_of(*(model() for model in MODELS.values())).items() if known[0].is_static
    }
    size = rf"({'|'.join(static)})_\d+"
    group = rf"(weights|{size}(-{size})*)"
    return re.compile(
        rf"zarr\.json|({arrays})/{array}|{group}/zarr\.json|{group}/({weights})/{array}"
        rf"|{re.escape(STATE_FOLDER)}/(lock|\d+\.(commit|partial))"
    )


def _variants(kind: type[Model]) -> list[Model]:
    """A model with each combination of its flags, which may decide what weights there are."""
    flags = [known.name for known in declared(kind).values() if isinstance(known, Flag)]
    return [kind(**dict(zip(flags, chosen, strict=True))) for chosen in product((False, True), repeat=len(flags))]


def is_store_file(name: str) -> bool:
    """Whether a file in the folder of a store, named from there with slashes, is one that a store can have."""
    return _store_file().fullmatch(name) is not None


def group_name(shape: Mapping[str, float]) -> str:
    """Name of the group of a shape of network, as `width_400`."""
    return "-".join(f"{axis}_{value}" for axis, value in shape.items()) or "weights"


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
        if any(self.chunks[axis] != 1 for axis in self.sweep.static_axes):
            raise ValueError("chunks of several programs")
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
            scale = np.array(sweep.axes["learning_rate"])[:, None] if over else np.array(sweep.tick)
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
        for shape in self.sweep.shapes:
            over = (*(axis for axis in runs if axis not in shape), "snapshot")
            for name, sizes in self.sweep.weights(shape, self.chunks["dim"]).items():
                one = self._array(name, over, dtype)
                own = tuple(sizes.values())
                found.append(
                    replace(
                        one,
                        path=f"{group_name(shape)}/{name}",
                        dims=(*over, *sizes),
                        shape=(*one.shape, *own),
                        chunks=(*one.chunks, *own),
                    )
                )
        return {one.path: one for one in found}

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What is said of the end of a run."""
        return OUTCOMES if isinstance(self.sweep.dynamics, Flow) else OUTCOMES[: -len(FLOW_STATISTICS)]

    def weight_names(self, shape: Mapping[str, float]) -> tuple[str, ...]:
        """The names of the weights of networks of one shape."""
        return tuple(self.sweep.weights(shape, self.chunks["dim"]))

    def grows_along(self, name: str) -> str:
        """The axis along which an array grows while a shard is trained."""
        return "step" if name == "loss" else "snapshot"

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The shards, one program after the other."""
        axes = self.sweep.axes
        first = [*self.sweep.static_axes, *(axis for axis in axes if axis not in self.sweep.static_axes)]
        cells = product(*(range(-(-self.sizes[axis] // self.chunks[axis])) for axis in first))
        return tuple(self._shard(index, dict(zip(first, cell, strict=True))) for index, cell in enumerate(cells))

    def growing(self, shard: Shard) -> dict[str, StoredArray]:
        """What grows while a shard is trained, by name."""
        shape = self.shape_of(shard)
        weights = {name: self.arrays[f"{group_name(shape)}/{name}"] for name in self.weight_names(shape)}
        return {"loss": self.arrays["loss"]} | weights

    def shape_of(self, shard: Shard) -> dict[str, float]:
        """The shape of the networks of a shard, one of `sweep.shapes`."""
        return {axis: shard.values[axis][0] for axis in self.sweep.shapes[0]}

    @cached_property
    def snapshot_records(self) -> tuple[int, ...]:
        """The record at whose step each snapshot is taken, before that record is."""
        return tuple(np.searchsorted(self.sweep.loss_steps, self.sweep.snapshot_steps).tolist())

    def snapshot_count(self, records: int) -> int:
        """How many snapshots there are when so many records are complete."""
        return int(np.searchsorted(self.snapshot_records, records))

    def counts(self, shard: Shard, records: int) -> dict[str, int]:
        """How much there is of what grows when so many records of a shard are complete."""
        return {"loss": records} | dict.fromkeys(self.weight_names(self.shape_of(shard)), self.snapshot_count(records))

    def step_cost(self, shard: Shard) -> float:
        """What a step of a run costs, in what a neuron of a two-layer network does."""
        dim = self.chunks["dim"]
        return weight_count(self.sweep, self.shape_of(shard), dim) / (dim + 1) + STEP_COST

    def program_name(self, shard: Shard) -> str:
        """What is compiled for a shard, in words, as `width 400`."""
        named = {axis: shard.values[axis][0] for axis in self.sweep.static_axes}
        return ", ".join(f"{axis.replace('_', ' ')} {value:.10g}" for axis, value in named.items()) or "the sweep"

    def snapshot_bytes(self, shard: Shard) -> int:
        """Bytes of the weights of a shard at one step."""
        weights = weight_count(self.sweep, self.shape_of(shard), self.chunks["dim"])
        return shard.run_count * self.sweep.itemsize * weights

    def stored_bytes(self, shard: Shard) -> int:
        """Bytes of the losses and the weights of all runs of a shard's program."""
        programs, shapes = len(self.sweep.programs), len(self.sweep.shapes)
        return (
            self._bytes(self.arrays["loss"]) // programs + self.weight_bytes(self.shape_of(shard)) * shapes // programs
        )

    def weight_bytes(self, shape: Mapping[str, float]) -> int:
        """Bytes of the weights of networks of one shape."""
        return sum(self._bytes(self.arrays[f"{group_name(shape)}/{name}"]) for name in self.weight_names(shape))

    @staticmethod
    def _bytes(array: StoredArray) -> int:
        grid = (-(-size // chunk) for size, chunk in zip(array.shape, array.chunks, strict=True))
        return math.prod(grid) * array.chunk_bytes

    def _shard(self, index: int, cell: Mapping[str, int]) -> Shard:
        ordered = {axis: cell[axis] for axis in self.sweep.axes}
        runs = {axis: slice(k * self.chunks[axis], (k + 1) * self.chunks[axis]) for axis, k in ordered.items()}
        return Shard(index, ordered, runs, {axis: values[runs[axis]] for axis, values in self.sweep.axes.items()})

    def _array(self, name: str, dims: tuple[str, ...], dtype: str) -> StoredArray:
        axis = {"long_name": self.sweep.meanings.get(name, name.replace("_", " ")), "units": "1"}
        attributes: dict[str, Any] = dict(GLOSSARY.get(name, axis))
        attributes |= RunStatus.attributes() if name == "status" else {}
        if name == "step" and isinstance(self.sweep.dynamics, Flow):
            attributes["long_name"] = "ticks of the clock that the flow is recorded by"
        shape, chunks = (tuple(sizes[axis] for axis in dims) for sizes in (self.sizes, self.chunks))
        return StoredArray(name, dims, shape, chunks, dtype, attributes)


def _outcome_dtype(name: str) -> str:
    return {"status": "int8", "final_loss": "float64", "end_time": "float64"}.get(name, "int64")
