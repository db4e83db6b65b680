"""The compiled trainer: every run of one width, advanced together.

Runs are split over the local devices (on a CPU, one for each core) and each device goes through its runs in small
blocks, whose working set stays in its cache. The time loop is inside the compiled program and takes its length as an
argument; so there is one compilation a width, whatever the alphas, seeds, learning rates, steps and records.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from mstage.errors import UsageError
from mstage.history import RunStatus
from mstage.simulate.blocks import largest_block
from mstage.simulate.devices import (
    BY_RUN,
    WHOLE,
    Layout,
    has_spare_cores,
    lack_of_memory,
    over_devices,
    tree_bytes,
    use_all_cores,
)
from mstage.simulate.dynamics import check_optimizer
from mstage.simulate.problems import too_large_batch
from mstage.simulate.runs import Data, Plan, Program, Runs, RunState, advance_block, initial_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.sharding import Mesh

    from mstage.spec import Sweep
    from mstage.training_set import TrainingSet

MAX_SEGMENT_RECORDS = 256
WORKING_ARRAYS = 4  # of shape (width, samples) that a step holds at once for each run of a block


@dataclass(frozen=True)
class Position:
    """Where the runs of one width are.

    Attributes:
        step: The step they are at.
        record: The record that comes next, an index into the sweep's `loss_steps`.
        state: What the trainer needs to go on, each leaf leading with the axis of (padded) runs.
    """

    step: int
    record: int
    state: RunState

    @property
    def work(self) -> int:
        """Steps that each run has been given."""
        return self.step


class Trainer:
    """Trains the runs of one width.

    Raises:
        UsageError: The optimizer or the batch size does not suit.
    """

    def __init__(self, sweep: Sweep, dataset: TrainingSet, width: int) -> None:
        use_all_cores()
        check_optimizer(sweep.optimizer)
        samples = dataset.target.shape[0]
        if sweep.batch_size is not None and sweep.batch_size > samples:
            raise UsageError(too_large_batch(sweep.batch_size, dataset.name, samples))
        self.record_steps = np.array(sweep.loss_steps, np.int64)
        self._stop_at = -np.inf if sweep.stop_at is None else sweep.stop_at
        runs = list(product(sweep.alpha, sweep.seed, sweep.learning_rate))
        self.run_count = len(runs)
        self._program = Program(
            sweep.activation, sweep.optimizer, sweep.batch_size, samples, width, dataset.input.shape[1], sweep.dtype,
            has_spare_cores=has_spare_cores(self.run_count),
        )  # fmt: skip
        self._layout = Layout.of(self.run_count, largest_block(width, self._program.samples_a_step, sweep.dtype))
        with jax.enable_x64(True):
            alpha, seed, rate = (np.array(column) for column in zip(*self._layout.pad(runs), strict=True))
            horizon = np.array([sweep.last_step(float(r)) for r in rate], np.int64)
            self._runs = self._layout.put(Runs(alpha, seed.astype(np.uint32), rate.astype(sweep.dtype), horizon))
            whole = (dataset.input.astype(sweep.dtype), dataset.target.astype(sweep.dtype))
            self._data = Data.of(*whole, self._program.tiles(samples))

    def start(self) -> Position:
        """The position at step 0, the weights drawn. Compiles the program, if it is not yet."""
        with jax.enable_x64(True):
            empty = self._layout.put(jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), self._shapes()))
        position, _ = self.advance(Position(0, 0, empty), 0, 0)
        return position

    def advance(self, position: Position, end_record: int, most_steps: int) -> tuple[Position, np.ndarray]:
        """Go on to the step of a record, or as far as `most_steps` leads.

        Args:
            position: Where the runs are. It is used up: its memory becomes the new one's.
            end_record: The record to arrive at (and not to take), at most `MAX_SEGMENT_RECORDS` ahead; the number of
                records to take them all.
            most_steps: Steps after which to return in any case.

        Returns:
            The new position and the losses recorded on the way, shape (runs, records), NaN after a run's end.

        Raises:
            MemoryError: The device has too little memory.
        """
        ahead = self.record_steps[position.record : end_record]
        goal = self.record_steps[end_record] if end_record < self.record_steps.size else self.record_steps[-1] + 1
        stop = int(min(goal, position.step + most_steps))
        steps = np.full(MAX_SEGMENT_RECORDS, np.iinfo(np.int64).max)
        steps[: ahead.size] = ahead
        with jax.enable_x64(True):
            plan = Plan(np.int64(position.step), np.int64(stop), steps, np.asarray(self._stop_at, self._program.dtype))
            with lack_of_memory():
                state, losses = self._compiled(self._runs, self._data, position.state, plan)
                recorded = np.asarray(losses)  # waits for the program; what it lacks is said here
            taken = int(np.searchsorted(ahead, stop))
            return Position(stop, position.record + taken, state), recorded[: self.run_count, :taken]

    def weights(self, position: Position) -> dict[str, np.ndarray]:
        """The weights, each leading with the axis of runs; NaN for runs that ended before this step."""
        ended = self.ends(position)["last_step"] < position.step
        weights = {"output_weight": position.state.weights.output, "input_weight": position.state.weights.input}
        kept = {name: np.array(leaf)[: self.run_count] for name, leaf in weights.items()}
        for leaf in kept.values():
            leaf[ended] = np.nan
        return kept

    def ends(self, position: Position) -> dict[str, np.ndarray]:
        """Status, last step and final loss of every run; the last step of one that goes on is where it is."""
        state = position.state
        ends = {"status": state.status, "last_step": state.last_step, "final_loss": state.final_loss}
        found = {name: np.array(leaf)[: self.run_count] for name, leaf in ends.items()}
        found["last_step"][found["status"] == RunStatus.RUNNING] = position.step
        return found

    def leaves(self, position: Position) -> list[np.ndarray]:
        """The state as plain arrays, for a checkpoint."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(position.state)]

    def restore(self, record: int, leaves: Sequence[np.ndarray]) -> Position:
        """The position that `leaves` were taken from.

        Raises:
            ValueError: They are not the leaves of a state of these runs.
        """
        with jax.enable_x64(True):
            state = self._layout.restored(self.start().state, leaves)
        return Position(int(self.record_steps[record]), record, state)

    def memory_bytes(self) -> int:
        """Memory that training takes at most, for all that is no snapshot waiting to be written; nothing is allocated.

        The state is there twice, for a call holds the old one until it has the new one, and a third time in a
        checkpoint; each device works on a block.
        """
        program, layout = self._program, self._layout
        samples = max(program.tiles(n).size for n in (program.samples, program.samples_a_step))
        work = WORKING_ARRAYS * layout.block * program.width * samples * np.dtype(program.dtype).itemsize
        losses = 2 * layout.size * MAX_SEGMENT_RECORDS * np.dtype(program.dtype).itemsize
        return 3 * tree_bytes(self._shapes()) + layout.devices * work + losses + tree_bytes(self._data)

    def _shapes(self) -> RunState:
        """The shapes of the state."""
        with jax.enable_x64(True):
            one = partial(initial_state, self._program)
            shapes: RunState = jax.eval_shape(jax.vmap(one, in_axes=(0, None)), self._runs, self._data)
        return shapes

    @property
    def _compiled(self) -> Any:
        return compiled(self._program, self._layout.block, self._layout.mesh)


@lru_cache(maxsize=64)
def compiled(program: Program, block: int, mesh: Mesh) -> Any:
    """The trainer's program over all the devices of a mesh, compiled once for each shape it meets."""

    def on_device(runs: Runs, data: Data, state: RunState, plan: Plan) -> Any:
        def fold(leaf: Any) -> Any:
            return leaf.reshape((leaf.shape[0] // block, block, *leaf.shape[1:]))

        blocks = jax.tree.map(fold, (runs, state))
        done = jax.lax.map(lambda one: advance_block(program, one[0], data, one[1], plan), blocks)
        return jax.tree.map(lambda leaf: leaf.reshape((leaf.shape[0] * block, *leaf.shape[2:])), done)

    return over_devices(on_device, mesh, (BY_RUN, WHOLE, BY_RUN, WHOLE), donated=2)
