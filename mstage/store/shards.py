"""Which runs make a shard, and how much is written at once?

A shard is a block of runs of one program, trained by one process. It takes a minute to train or more, less where its
weights would take too much memory; runs that differ in the learning rate alone stay together, for they share their
records. All of it depends on nothing but what is trained, so it is the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mstage.spec import Flow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.spec import Sweep
    from mstage.store.arrays import StoredArray

CHUNK_BYTES = 2**20  # of losses or of weights that are written at once
SHARD_WORK = 1e11  # steps x samples x (width + 64) of a shard: one to three minutes on two cores
SHARD_BYTES = 2**28  # of the weights of a shard; training takes some ten times as much
TYPICAL_FLOW_STEPS = 65  # of a run at the tolerance 1e-3, hardly more for a longer one; measured
STEP_COST = 64  # neurons of a two-layer network that cost as much as a step of a run does beside its neurons


@dataclass(frozen=True, eq=False)
class Shard:
    """A block of runs that share a compilation.

    Attributes:
        index: Which one it is.
        cell: Its place in the grid of chunks, by run axis.
        runs: Its part of each run axis.
        values: Its values on each run axis.
    """

    index: int
    cell: Mapping[str, int]
    runs: Mapping[str, slice]
    values: Mapping[str, tuple[float, ...]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Runs along each axis."""
        return tuple(map(len, self.values.values()))

    @property
    def run_count(self) -> int:
        """Number of networks."""
        return math.prod(self.shape)

    def chunk(self, array: StoredArray, along: int = 0) -> tuple[int, ...]:
        """The cell of its chunk of an array, the `along`-th one over steps or snapshots."""
        return tuple(self.cell.get(axis, along if axis in ("step", "snapshot") else 0) for axis in array.dims)

    def place(self, array: StoredArray) -> tuple[slice, ...]:
        """Its part of an array."""
        return tuple(self.runs.get(axis, slice(None)) for axis in array.dims)

    def program(self, sweep: Sweep) -> dict[str, float]:
        """The values of the static parameters of its runs, one of `sweep.programs`."""
        return sweep.programs[0] | {axis: self.values[axis][0] for axis in sweep.static_axes}

    def runs_of(self, sweep: Sweep) -> list[dict[str, float]]:
        """Its runs, as `sweep.runs_of_a_program` has them."""
        axes = [axis for axis in self.values if axis not in sweep.static_axes]
        return [run for run in sweep.runs_of_a_program if all(run[axis] in self.values[axis] for axis in axes)]

    def __str__(self) -> str:
        return ", ".join(f"{axis.replace('_', ' ')} {_extent(values)}" for axis, values in self.values.items())


def _extent(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"


def chunk_sizes(sweep: Sweep, samples: int, dim: int) -> dict[str, int]:
    """The size of a chunk along each axis of a new store, which is that of a shard along the run axes.

    Args:
        sweep: The sweep.
        samples: Of its training set.
        dim: Inputs.
    """
    chunks = {name: len(values) for name, values in sweep.axes.items()} | dict.fromkeys(sweep.static_axes, 1)
    runs, weights = math.prod(chunks.values()), max(weight_count(sweep, shape, dim) for shape in sweep.shapes)
    lengths = run_lengths(sweep)
    at_once = samples**2 if isinstance(sweep.dynamics, Flow) else max(sweep.dynamics.batch_size or (samples,))
    work = runs * sum(lengths) / len(lengths) * at_once * (weights / (dim + 1) + STEP_COST)
    parts = max(int(work // SHARD_WORK), -(-runs * weights * sweep.itemsize // SHARD_BYTES), 1)
    for axis in chunks:  # the runs that differ in the learning rate alone stay together
        if axis not in (*sweep.static_axes, "learning_rate"):
            cuts = min(parts, chunks[axis])
            chunks[axis], parts = -(-chunks[axis] // cuts), -(-parts // cuts)
    together = math.prod(chunks.values()) * sweep.itemsize
    chunks["step"] = _even(len(sweep.loss_steps), CHUNK_BYTES // together)
    chunks["snapshot"] = _even(len(sweep.snapshot_steps), CHUNK_BYTES // (together * weights))
    return chunks | {"sample": samples, "dim": dim}


def run_lengths(sweep: Sweep) -> tuple[int, ...]:
    """Steps of a run of each learning rate; of a flow, about how many its integrator will take."""
    if isinstance(sweep.dynamics, Flow):
        return tuple(round(TYPICAL_FLOW_STEPS * (1e-3 / one) ** (1 / 3)) for one in sweep.dynamics.tolerance)
    return sweep.last_steps


def weight_count(sweep: Sweep, shape: Mapping[str, float], dim: int) -> int:
    """Numbers among the weights of a network."""
    return sum(math.prod(sizes.values()) for sizes in sweep.weights(shape, dim).values())


def _even(size: int, most: int) -> int:
    """The size of chunks of at most so many, and all about as large."""
    return -(-size // -(-size // max(1, most))) if size else 1
