"""How do runs lie on devices, and how is a program compiled for all of them?"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mstage.simulate.blocks import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import PyTree, Shaped

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

RUN_AXIS = "runs"
BY_RUN, WHOLE = PartitionSpec(RUN_AXIS), PartitionSpec()
WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 512}  # bits, where the processor has them; XLA's default is half of it


def use_all_cores() -> None:
    """Let JAX see a CPU as one device a core, unless it has looked at its devices already."""
    try:
        jax.config.update("jax_num_cpu_devices", processors())
    except RuntimeError:  # the caller has used JAX before: what it sees then stays
        return


@dataclass(frozen=True)
class Layout:
    """How runs lie on devices: in `size` places, by blocks of `block`, over the devices of `mesh`.

    Neighbours are alike, so their blocks are dealt out to the devices in turn.
    """

    runs: int
    size: int
    block: int
    mesh: Mesh

    @classmethod
    def of(cls, runs: int, largest: int, total: int | None = None) -> Layout:
        """The layout of some of the runs of a program.

        Block and devices are chosen for all runs of the program, and not for those at hand: compiled code can round
        differently for one run and for a block (Adam), and for one device and several (the flow). The block is the one
        that leaves the fewest places empty.

        Args:
            runs: How many runs are laid out.
            largest: The most runs that a block may have.
            total: How many runs the program has; `runs` when None.
        """
        total = total or runs
        each = -(-total // len(_devices_for(total)))
        block = min(range(1, largest + 1), key=lambda b: (-(-each // b) * b, -b))
        devices = _devices_for(-(-total // block))
        rounds = -(-runs // (block * len(devices)))
        return cls(runs, rounds * block * len(devices), block, Mesh(np.array(devices), (RUN_AXIS,)))

    @cached_property
    def order(self) -> np.ndarray:
        """Which run is in each place, shape (size,); numbers from `runs` on are of empty places."""
        return np.arange(self.size).reshape(-1, self.devices, self.block).swapaxes(0, 1).ravel()

    def places(self, by_run: Shaped[np.ndarray, "runs ..."]) -> Shaped[np.ndarray, "places ..."]:
        """An array of runs as one of places; the empty ones repeat the last run."""
        return by_run[np.minimum(self.order, self.runs - 1)]

    def by_run(self, places: Shaped[jax.Array | np.ndarray, "places ..."]) -> Shaped[np.ndarray, "runs ..."]:
        """An array of places as one of runs."""
        values = np.asarray(places)
        out = np.empty_like(values)
        out[self.order] = values
        return out[: self.runs]

    def put(self, tree: PyTree[np.ndarray]) -> PyTree[jax.Array]:
        """The arrays of a tree, which lead with the axis of places, on the devices."""
        return jax.device_put(tree, NamedSharding(self.mesh, BY_RUN))

    @property
    def devices(self) -> int:
        """How many there are."""
        return int(self.mesh.devices.size)


def has_spare_cores(runs: int) -> bool:
    """Whether a device has several cores for its runs: an accelerator, or a CPU with more cores than devices in use."""
    devices = _devices_for(runs)
    return devices[0].platform != "cpu" or len(devices) < processors()


def tree_bytes(tree: PyTree[jax.Array | np.ndarray | jax.ShapeDtypeStruct | jax.core.ShapedArray]) -> int:
    """Bytes of the arrays of a tree, or of the shapes that stand for them."""
    return sum(int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(tree))


def _devices_for(runs: int) -> list[jax.Device]:
    return jax.devices()[:runs]


def over_devices(
    program: Callable[Arguments, Result], mesh: Mesh, specs: tuple[PartitionSpec, ...], donated: int
) -> Callable[Arguments, Result]:
    """A program over the runs of one device, compiled for all the devices of a mesh.

    Args:
        program: Of the arguments as a device sees them; what it returns leads with the axis of runs.
        mesh: The devices.
        specs: For each argument `BY_RUN` or `WHOLE`.
        donated: The argument whose buffers are donated to the result.
    """
    mapped = jax.shard_map(program, mesh=mesh, in_specs=specs, out_specs=BY_RUN, check_vma=False)
    return jax.jit(
        mapped,
        in_shardings=tuple(NamedSharding(mesh, spec) for spec in specs),
        out_shardings=NamedSharding(mesh, BY_RUN),
        donate_argnums=donated,
        compiler_options=WIDE_VECTORS if mesh.devices.flat[0].platform == "cpu" else None,
    )


@contextmanager
def lack_of_memory() -> Iterator[None]:
    """Raise a MemoryError where JAX reports that a device is out of memory."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise MemoryError from error
        raise
