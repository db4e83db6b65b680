"""The trainer: runs of one shape of network, advanced together by a stepper.

Runs are split over the local devices (on a CPU, one for each core) and each device goes through its runs in small
blocks, whose working set stays in its cache. The loop over steps is inside the compiled program and takes its length as
an argument; so there is one compilation a shape, whatever the alphas, seeds, learning rates, steps and records.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeAlias

import jax
import numpy as np

from mstage.simulate.devices import BY_RUN, WHOLE, Layout, lack_of_memory, over_devices, tree_bytes
from mstage.simulate.dynamics.stepper import Plan
from mstage.simulate.models.network import blocks_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jax import Array
    from jax.sharding import Mesh
    from jaxtyping import Float, Integer, PyTree, Real, Shaped

    from mstage.simulate.dynamics.stepper import Runs, Stepper
    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.models.network import AnyArray, Data, Network

    Place: TypeAlias = tuple[PyTree[Array], AnyArray]  # the state of runs, and their losses

MAX_SEGMENT_RECORDS = 256


@dataclass(frozen=True)
class Position:
    """Where the runs of a trainer are.

    Attributes:
        step: The step of the recording clock that all of them have reached.
        record: The record that comes next, an index into the trainer's `record_steps`.
        state: What the stepper needs to go on, each leaf leading with the axis of places.
        losses: Records that some of the runs have reached, MAX_SEGMENT_RECORDS at most.
        work: Steps or attempts that a run has been given.
    """

    step: int
    record: int
    state: PyTree[Shaped[Array, "places ..."]]
    losses: Float[AnyArray, "places records"]
    work: int = 0


class Trainer:
    """Trains runs of one shape of network. The numbers of a run do not depend on which others are trained with it.

    Args:
        network: What is trained.
        stepper: What moves it.
        samples: Inputs and targets, of the dtype to train in.
        runs: The values that tell the runs apart, by the name of their axis, `seed` among them.
        horizons: The step of the recording clock at which each run is finished.
        record_steps: The steps at which the loss is recorded, ascending.
        stop_at: Loss at which a run ends.
        total_runs: How many runs the program has, those that are trained elsewhere included; these alone when None.
    """

    def __init__(
        self,
        network: Network,
        stepper: Stepper[PyTree[Array]],
        samples: tuple[Float[np.ndarray, "samples dim"], Float[np.ndarray, " samples"]],
        runs: Mapping[str, Real[np.ndarray, " runs"]],
        horizons: Integer[np.ndarray, " runs"],
        record_steps: Integer[np.ndarray, " records"],
        stop_at: float = -np.inf,
        total_runs: int | None = None,
    ) -> None:
        self.record_steps = record_steps
        self.run_count = horizons.size
        self._network, self._stepper = network, stepper
        self._data = stepper.data(*samples)
        self._stop_at = np.asarray(stop_at, self._data.targets.dtype)
        with jax.enable_x64(True):
            one = {name: jax.ShapeDtypeStruct((), column.dtype) for name, column in runs.items()}
            self._params = jax.eval_shape(partial(drawn, network), one)
            largest = stepper.largest_block(self._params, self._data)
            layout = self._layout = Layout.of(self.run_count, largest, total_runs)
            by_place = {name: layout.places(column) for name, column in runs.items()}
            horizon = np.where(layout.order < self.run_count, layout.places(stepper.clock(horizons)), -1)
            self._runs: Runs = layout.put({**by_place, "horizon": horizon})

    def start(self) -> Position:
        """The position at step 0, the parameters drawn. Compiles the program, if it is not yet."""
        with jax.enable_x64(True):
            empty = self._layout.put(jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), self._shapes()))
        state, _ = self._call((empty, self._no_losses()), self._plan(0, 0, self.record_steps[:0], 0, is_start=True))
        return Position(0, 0, state, self._no_losses())

    def advance(
        self, position: Position, end_record: int, most: int
    ) -> tuple[Position, Float[np.ndarray, "runs records"]]:
        """Advance to the step of a record, or by `most` steps or attempts of each run.

        Args:
            position: Where the runs are. Its buffers are donated: it cannot be used again.
            end_record: The record to arrive at (and not to take), at most `MAX_SEGMENT_RECORDS` ahead and, of a flow,
                the same until it is reached; the number of records to take them all.
            most: Steps or attempts after which the call returns in any case.

        Returns:
            The new position and the losses recorded on the way, NaN after a run's end; none as long as a run is still
            on its way to the next step that all of them are to reach.

        Raises:
            MemoryError: The device has too little memory.
        """
        ahead = self.record_steps[position.record : end_record]
        is_last = end_record >= self.record_steps.size
        end = int(self.record_steps[-1]) + 1 if is_last else int(self.record_steps[end_record])
        plan = self._plan(position.step, end, ahead, most)
        state, losses = self._call((position.state, position.losses), plan)
        step, work = self._stepper.reached(state, position.step, end, most)
        if step == position.step:
            return Position(step, position.record, state, losses, work), np.empty((self.run_count, 0), losses.dtype)
        taken = int(np.searchsorted(ahead, step))
        recorded = self._layout.by_run(np.asarray(losses)[:, :taken])
        return Position(step, position.record + taken, state, self._no_losses(), work), recorded

    def weights(self, position: Position) -> dict[str, Float[np.ndarray, "runs ..."]]:
        """The parameters by name; NaN for runs that ended before this step."""
        ended = self.ends(position)["last_step"] < position.step
        params = self._stepper.read(position.state, position.step)
        kept = {}
        for name, leaf in blocks_by_name(params).items():
            values = self._layout.by_run(leaf)
            values[ended] = np.nan
            kept[name] = values
        return kept

    def ends(self, position: Position) -> dict[str, Real[np.ndarray, " runs"]]:
        """Status, last step and final loss of every run, and what else its stepper tells; see `Stepper.ends`."""
        ends = self._stepper.ends(position.state, position.step)
        return {name: self._layout.by_run(values) for name, values in ends.items()}

    def leaves(self, position: Position) -> list[Shaped[np.ndarray, "runs ..."]]:
        """The state as plain arrays, for a checkpoint."""
        return [self._layout.by_run(leaf) for leaf in jax.tree.leaves(position.state)]

    def restore(self, record: int, leaves: Sequence[np.ndarray]) -> Position:
        """The position that `leaves` were taken from, on whatever devices there are now.

        Raises:
            ValueError: They are not the leaves of a state of these runs.
        """
        shapes, structure = jax.tree.flatten(self._shapes())
        expected = [((self.run_count, *shape.shape[1:]), shape.dtype) for shape in shapes]
        if [(leaf.shape, leaf.dtype) for leaf in leaves] != expected:
            raise ValueError("the checkpoint is of another sweep")
        with jax.enable_x64(True):
            state = self._layout.put(jax.tree.unflatten(structure, [self._layout.places(leaf) for leaf in leaves]))
        return Position(int(self.record_steps[record]), record, state, self._no_losses())

    def memory_bytes(self) -> int:
        """Peak memory of training, without the snapshots that wait to be written. Nothing is allocated.

        There are several copies of the state: a call keeps the old one until the new one is there, and a checkpoint or
        a snapshot copies it. Each device also needs the working memory of a block.
        """
        layout, copies = self._layout, self._stepper.state_copies
        with jax.enable_x64(True):
            work = layout.block * self._stepper.working_bytes(self._params, self._data)
        losses = (copies - 1) * layout.size * MAX_SEGMENT_RECORDS * self._stop_at.itemsize
        return copies * tree_bytes(self._shapes()) + layout.devices * work + losses + tree_bytes(self._data)

    def _shapes(self) -> PyTree[jax.ShapeDtypeStruct]:
        """The shapes of the state."""
        leaves, structure = jax.tree.flatten((self._runs, self._data))
        shapes = tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves)
        return state_shapes(self._network, self._stepper, structure, shapes)

    def _call(self, place: Place, plan: Plan) -> Place:
        program = compiled(self._network, self._stepper, self._layout.block, self._layout.mesh)
        with jax.enable_x64(True), lack_of_memory():
            done: Place = jax.block_until_ready(program(self._runs, self._data, plan, place))
        return done

    def _plan(self, begin: int, end: int, records: np.ndarray, most: int, *, is_start: bool = False) -> Plan:
        clock = self._stepper.clock
        whens = clock(np.array([begin, end, *records], np.int64))
        never = np.inf if whens.dtype == np.float64 else np.iinfo(np.int64).max
        ahead = np.full(MAX_SEGMENT_RECORDS, never, whens.dtype)
        ahead[: records.size] = whens[2:]
        return Plan(np.bool_(is_start), whens[0], whens[1], ahead, self._stop_at, np.int64(most))

    def _no_losses(self) -> np.ndarray:
        return np.full((self._layout.size, MAX_SEGMENT_RECORDS), np.nan, self._stop_at.dtype)


def drawn(network: Network, run: Runs) -> Params:
    """The initial parameters of one run."""
    return network.init(jax.random.key(run["seed"], impl="threefry2x32"), run)


def started(network: Network, stepper: Stepper[PyTree[Array]], run: Runs, data: Data) -> PyTree[Array]:
    """The state of one run at the start."""
    return stepper.init(drawn(network, run), run, data)


@lru_cache(maxsize=64)
def state_shapes(
    network: Network,
    stepper: Stepper[PyTree[Array]],
    structure: jax.tree_util.PyTreeDef,
    shapes: tuple[jax.ShapeDtypeStruct, ...],
) -> PyTree[jax.ShapeDtypeStruct]:
    """The shapes of the state of runs, from those of what tells them apart and of the samples; tracing takes a while.

    Args:
        network: What is trained.
        stepper: What moves it.
        structure: Of the tree (runs, samples).
        shapes: Of its leaves.
    """
    with jax.enable_x64(True):
        one = jax.vmap(partial(started, network, stepper), in_axes=(0, None))
        return jax.eval_shape(one, *jax.tree.unflatten(structure, shapes))


@lru_cache(maxsize=64)
def compiled(
    network: Network, stepper: Stepper[PyTree[Array]], block: int, mesh: Mesh
) -> Callable[[Runs, Data, Plan, Place], Place]:
    """The trainer's program over all the devices of a mesh, compiled once for each shape it meets."""

    def on_device(runs: Runs, data: Data, plan: Plan, places: Place) -> Place:
        def fold(leaf: Array) -> Array:
            return leaf.reshape((leaf.shape[0] // block, block, *leaf.shape[1:]))

        def advanced(of_a_block: tuple[Runs, Place]) -> Place:
            runs, (state, losses) = of_a_block
            start: Callable[[Runs], PyTree[Array]] = jax.vmap(lambda run: started(network, stepper, run, data))
            state = jax.lax.cond(plan.is_start, lambda: start(runs), lambda: state)
            return stepper.advance(runs, data, plan, state, losses)

        done = jax.lax.map(advanced, jax.tree.map(fold, (runs, places)))
        return jax.tree.map(lambda leaf: leaf.reshape((leaf.shape[0] * block, *leaf.shape[2:])), done)

    return over_devices(on_device, mesh, (BY_RUN, WHOLE, WHOLE, BY_RUN), donated=3)
