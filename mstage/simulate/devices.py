"""How do runs lie on devices, and how is a program compiled for all of them?"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mstage.simulate.blocks import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    """How runs lie on devices: `size` places, in blocks of `block`, over the devices of `mesh`."""

    size: int
    block: int
    mesh: Mesh

    @classmethod
    def of(cls, runs: int, largest: int) -> Layout:
        """The layout of blocks of at most `largest` runs that leaves no more places empty than single runs would."""
        devices = _devices_for(runs)
        each = -(-runs // len(devices))
        block = min(range(1, largest + 1), key=lambda b: (-(-each // b) * b, -b))
        return cls(len(devices) * (-(-each // block) * block), block, Mesh(np.array(devices), (RUN_AXIS,)))

    def pad(self, runs: list[Any]) -> list[Any]:
        """The runs, the last of them again in the places that are left over."""
        return runs + [runs[-1]] * (self.size - len(runs))

    def put(self, tree: Any) -> Any:
        """The arrays of a tree on the devices, split along their leading axis."""
        return jax.device_put(tree, NamedSharding(self.mesh, BY_RUN))

    def restored(self, like: Any, leaves: Sequence[np.ndarray]) -> Any:
        """The leaves of a checkpoint as a tree on the devices.

        Raises:
            ValueError: They are not the leaves of a tree like `like`.
        """
        shapes, structure = jax.tree.flatten(like)
        if [(s.shape, s.dtype) for s in shapes] != [(leaf.shape, leaf.dtype) for leaf in leaves]:
            raise ValueError("the checkpoint is of another sweep or another number of cores")
        return self.put(jax.tree.unflatten(structure, leaves))

    @property
    def devices(self) -> int:
        """How many there are."""
        return int(self.mesh.devices.size)


def has_spare_cores(runs: int) -> bool:
    """Whether a device that some of the runs are on has more cores than one for them, as any accelerator has."""
    devices = _devices_for(runs)
    return devices[0].platform != "cpu" or len(devices) < processors()


def tree_bytes(tree: Any) -> int:
    """Bytes of the arrays of a tree, or of the shapes that stand for them."""
    return sum(int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(tree))


def _devices_for(runs: int) -> list[Any]:
    return jax.devices()[:runs]


def over_devices(program: Callable[..., Any], mesh: Mesh, specs: tuple[PartitionSpec, ...], donated: int) -> Any:
    """A program over the runs of one device, compiled for all the devices of a mesh.

    Args:
        program: Of the arguments as a device sees them; what it returns leads with the axis of runs.
        mesh: The devices.
        specs: For each argument `BY_RUN` or `WHOLE`.
        donated: The argument whose memory the result may take.
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
    """What a program says that the device has too little memory for, as a MemoryError."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise MemoryError from error
        raise
