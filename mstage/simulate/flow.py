"""The gradient flow of every run of one width: a trainer whose clock is continuous.

It has the shape of `sweep.Trainer`, so whoever drives the one drives the other: steps are ticks of the recording clock,
and between two of them a run takes as many steps of its own as its error asks for. Runs are split over the devices and
each device goes through its runs one after the other, so that a hard run costs its own steps and nobody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from mstage.history import RunStatus
from mstage.simulate.devices import BY_RUN, WHOLE, Layout, lack_of_memory, over_devices, tree_bytes, use_all_cores
from mstage.simulate.flow_runs import FlowPlan, FlowProgram, FlowRuns, advance_run, initial_state
from mstage.simulate.flow_state import FlowState, is_arrived, weights_at
from mstage.simulate.runs import Data
from mstage.simulate.sweep import MAX_SEGMENT_RECORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.sharding import Mesh

    from mstage.spec import Sweep
    from mstage.training_set import TrainingSet

NARROW_TOLERANCE = 1e-6  # down to here the products with J are of float32, whose rounding is far below


@dataclass(frozen=True)
class FlowPosition:
    """Where the runs of one width are.

    Attributes:
        step: The tick that all of them have reached.
        record: The record that comes next, an index into the sweep's `loss_steps`.
        state: What the integrator needs to go on, each leaf leading with the axis of (padded) runs.
        losses: Records that some of the runs have reached, (padded runs, MAX_SEGMENT_RECORDS).
        work: Attempts of the run that has made most of them.
    """

    step: int
    record: int
    state: FlowState
    losses: Any
    work: int = 0


class FlowTrainer:
    """Integrates the gradient flow of the runs of one width."""

    def __init__(self, sweep: Sweep, dataset: TrainingSet, width: int) -> None:
        use_all_cores()
        self.record_steps = np.array(sweep.loss_steps, np.int64)
        self._tick = sweep.tick
        self._stop_at = -np.inf if sweep.stop_at is None else sweep.stop_at
        self._tolerance = float(sweep.tolerance or 0)
        products = "float32" if self._tolerance >= NARROW_TOLERANCE else sweep.dtype
        self._program = FlowProgram(sweep.activation, width, sweep.dtype, products)
        runs = list(product(sweep.alpha, sweep.seed))
        self.run_count = len(runs)
        self._layout = Layout.of(self.run_count, largest=1)
        devices = self._layout.mesh.devices.size
        # Neighbours are alike, so they are dealt out to the devices in turn.
        self._order = np.arange(self._layout.size).reshape(-1, devices).T.ravel()
        with jax.enable_x64(True):
            alpha, seed = (np.array(column)[self._order] for column in zip(*self._layout.pad(runs), strict=True))
            horizon = np.where(self._order < self.run_count, self.record_steps[-1] * self._tick, -1.0)
            self._runs = self._layout.put(FlowRuns(alpha, seed.astype(np.uint32), horizon))
            self._data = Data(dataset.input.astype(sweep.dtype), dataset.target.astype(sweep.dtype))

    def start(self) -> FlowPosition:
        """The position at time 0, the weights drawn. Compiles the program, if it is not yet."""
        with jax.enable_x64(True):
            empty = self._layout.put(jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), self._shapes()))
        state, _ = self._call(self._plan(0, self.record_steps[:0], 0, is_start=True), (empty, self._no_losses()))
        return FlowPosition(0, 0, state, self._no_losses())

    def advance(self, position: FlowPosition, end_record: int, most_steps: int) -> tuple[FlowPosition, np.ndarray]:
        """Go on to the tick of a record, or as far as `most_steps` attempts of each run lead.

        Args:
            position: Where the runs are. It is used up: its memory becomes the new one's.
            end_record: The record to arrive at (and not to take), at most `MAX_SEGMENT_RECORDS` ahead and the same
                until it is reached; the number of records to take them all.
            most_steps: Attempts after which to return in any case, at the tick where it was.

        Returns:
            The new position and the losses recorded on the way, shape (runs, records), NaN after a run's end; none as
            long as a run is still on its way.

        Raises:
            MemoryError: The device has too little memory.
        """
        ahead = self.record_steps[position.record : end_record]
        goal = self.record_steps[min(end_record, self.record_steps.size - 1)]
        state, losses = self._call(self._plan(goal, ahead, most_steps), (position.state, position.losses))
        measured, time, end_time = (np.asarray(leaf) for leaf in (state.is_measured, state.now.time, state.end_time))
        place: Any = state
        seen = place._replace(is_measured=measured, now=place.now._replace(time=time), end_time=end_time)
        arrived = bool(is_arrived(seen, goal * self._tick).all())
        work = int(np.max(np.asarray(state.accepted) + np.asarray(state.rejected)))
        if not arrived:
            return FlowPosition(position.step, position.record, state, losses, work), np.empty((self.run_count, 0))
        step = int(goal) + (end_record >= self.record_steps.size)
        recorded = self._in_order(losses)[:, : ahead.size]
        return FlowPosition(step, position.record + ahead.size, state, self._no_losses(), work), recorded

    def weights(self, position: FlowPosition) -> dict[str, np.ndarray]:
        """The weights, each leading with the axis of runs; NaN for runs that ended before this tick."""
        weights = weights_at(position.state, position.step * self._tick)
        ended = self.ends(position)["last_step"] < position.step
        kept = {name: self._in_order(leaf) for name, leaf in
                (("output_weight", weights.output), ("input_weight", weights.input))}  # fmt: skip
        for leaf in kept.values():
            leaf[ended] = np.nan
        return kept

    def ends(self, position: FlowPosition) -> dict[str, np.ndarray]:
        """Status, last tick and final loss of every run, and the statistics of its integration.

        The last tick of a run that goes on is where it is; that of one that has ended is the last before its end.
        """
        state = position.state
        status, end_time = self._in_order(state.status), self._in_order(state.end_time)
        ticks = np.floor(np.where(np.isfinite(end_time), end_time, 0) / self._tick * (1 + 1e-12)).astype(np.int64)
        accepted, rejected = self._in_order(state.accepted), self._in_order(state.rejected)
        return {
            "status": status,
            "last_step": np.where(status == RunStatus.RUNNING, position.step, ticks),
            "final_loss": self._in_order(state.final_loss),
            "end_time": np.where(status == RunStatus.RUNNING, np.nan, end_time),
            "accepted_steps": accepted,
            "rejected_steps": rejected,
            "factorisations": accepted + rejected,
        }

    def leaves(self, position: FlowPosition) -> list[np.ndarray]:
        """The state as plain arrays, for a checkpoint."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(position.state)]

    def restore(self, record: int, leaves: Sequence[np.ndarray]) -> FlowPosition:
        """The position that `leaves` were taken from.

        Raises:
            ValueError: They are not the leaves of a state of these runs.
        """
        with jax.enable_x64(True):
            state = self._layout.restored(self.start().state, leaves)
        return FlowPosition(int(self.record_steps[record]), record, state, self._no_losses())

    def memory_bytes(self) -> int:
        """Memory that training takes at most, for all that is no snapshot waiting to be written; nothing is allocated.

        The state is there twice, for a call holds the old one until it has the new one, and twice more where a snapshot
        is read off it; each device works on one run, whose largest arrays are J and the matrix that is factorised.
        """
        samples, dim = (int(size) for size in self._data.inputs.shape)
        weights = self._program.width * (dim + 1)
        numbers = 2 * self._program.width * samples + min(samples, weights) * (3 * min(samples, weights) + samples)
        work = numbers * np.dtype(self._program.dtype).itemsize
        losses = 3 * self._layout.size * MAX_SEGMENT_RECORDS * np.dtype(self._program.dtype).itemsize
        return 4 * tree_bytes(self._shapes()) + self._layout.devices * work + losses + tree_bytes(self._data)

    def _shapes(self) -> FlowState:
        """The shapes of the state."""
        with jax.enable_x64(True):
            one = partial(initial_state, self._program)
            shapes: FlowState = jax.eval_shape(jax.vmap(one, in_axes=(0, None)), self._runs, self._data)
        return shapes

    def _call(self, plan: FlowPlan, place: tuple[FlowState, Any]) -> tuple[FlowState, Any]:
        with jax.enable_x64(True), lack_of_memory():
            done: tuple[FlowState, Any] = jax.block_until_ready(self._compiled(self._runs, self._data, plan, place))
        return done

    def _plan(self, goal: int, ahead: np.ndarray, most: int, *, is_start: bool = False) -> FlowPlan:
        times = np.full(MAX_SEGMENT_RECORDS, np.inf)
        times[: ahead.size] = ahead * self._tick
        stop_at = np.asarray(self._stop_at, self._program.dtype)
        return FlowPlan(
            np.bool_(is_start),
            np.float64(goal * self._tick),
            times,
            stop_at,
            np.float64(self._tolerance),
            np.int64(most),
        )

    def _in_order(self, leaf: Any) -> np.ndarray:
        """A leaf of the state as an array of the runs in their own order."""
        values = np.asarray(leaf)
        out = np.empty_like(values)
        out[self._order] = values
        return out[: self.run_count]

    def _no_losses(self) -> Any:
        with jax.enable_x64(True):
            empty = np.full((self._layout.size, MAX_SEGMENT_RECORDS), np.nan, self._program.dtype)
            return self._layout.put(empty)

    @property
    def _compiled(self) -> Any:
        return _compiled(self._program, self._layout.mesh)


@lru_cache(maxsize=64)
def _compiled(program: FlowProgram, mesh: Mesh) -> Any:
    """The integrator over the runs of each device, one after the other, compiled once for each shape it meets."""

    def on_device(runs: FlowRuns, data: Data, plan: FlowPlan, places: tuple[FlowState, Any]) -> Any:
        return jax.lax.map(lambda one: advance_run(program, one[0], data, plan, one[1]), (runs, places))

    return over_devices(on_device, mesh, (BY_RUN, WHOLE, WHOLE, BY_RUN), donated=3)
