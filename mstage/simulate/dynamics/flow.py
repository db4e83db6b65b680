"""The gradient flow: the step that the compiled integrator repeats, and what is recorded on the way.

Between two ticks of the recording clock a run takes as many steps of its own as its error asks for, so a hard run costs
its own steps and nobody else's. A step is never clipped to a record, so the steps do not depend on what is recorded
nor on how training is split into calls; between two steps values are interpolated (see `flow_state`). diffrax's own
loop ends each call in a clipped step and keeps all that it saves in memory, so the solver and the step control are
called from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from mstage.history import RunStatus
from mstage.simulate.dynamics.flow_solver import ORDER, GradientFlow, PredictiveController, RosenbrockW, velocity
from mstage.simulate.dynamics.flow_state import (
    FlowState,
    crossing,
    is_arrived,
    loss_at,
    loss_of,
    params_at,
    unmeasured,
)
from mstage.simulate.models.network import Data, linearisation_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Integer, PyTree, Real

    from mstage.simulate.dynamics.stepper import Plan, Runs
    from mstage.simulate.models.linearisation import Linearisation, Params, Shapes
    from mstage.simulate.models.network import Network

Array: TypeAlias = jax.Array

NARROW_TOLERANCE = 1e-6  # down to here the products with J are of float32, whose rounding is far below
RECORDS_AT_ONCE = 32  # a divisor of the number of records of a call


@dataclass(frozen=True)
class FlowStepper:
    """Gradient flow; its clock is time, and a tick of the recording clock is `tick` of it. See `stepper.Stepper`.

    Attributes:
        network: What is linearised.
        products: Dtype of the products with J.
        tick: Of the host alone: it is no part of what is compiled.
        last: The last tick.
    """

    network: Network
    products: str
    tick: float = field(compare=False)
    last: int = field(compare=False)

    state_copies: ClassVar[int] = 5

    def clock(self, steps: Integer[np.ndarray, "*times"]) -> Float[np.ndarray, "*times"]:
        """The time of ticks, which is that of the last one for all that come after it."""
        return np.minimum(steps, self.last) * self.tick

    def data(self, inputs: Float[np.ndarray, "samples dim"], targets: Float[np.ndarray, " samples"]) -> Data:
        """The samples as they are."""
        return Data(inputs, targets)

    def init(self, params: Params, run: Runs, data: Data) -> FlowState:
        """The state of one run at time 0, unmeasured."""
        return unmeasured(params, data.targets, is_empty=run["horizon"] < 0)

    def advance(
        self, runs: Runs, data: Data, plan: Plan, state: FlowState, losses: Float[Array, "runs records"]
    ) -> tuple[FlowState, Float[Array, "runs records"]]:
        """Take runs, one after the other, to `plan.end`, or as far as `plan.most` attempts of each lead."""
        return jax.lax.map(lambda one: advance_run(self.flow, one[0], data, plan, one[1]), (runs, (state, losses)))

    @property
    def flow(self) -> GradientFlow:
        """The vector field."""
        return GradientFlow(partial(linearisation_of, self.network, self.products))

    def reached(self, state: FlowState, begin: int, end: int, most: int) -> tuple[int, int]:
        """The tick that all runs are past, and the attempts of the run that has made most of them."""
        del most
        measured, time, end_time = (np.asarray(leaf) for leaf in (state.is_measured, state.now.time, state.end_time))
        place: Any = state
        seen = place._replace(is_measured=measured, now=place.now._replace(time=time), end_time=end_time)
        work = int(np.max(np.asarray(state.accepted) + np.asarray(state.rejected)))
        return (end if is_arrived(seen, self.clock(np.array([end]))).all() else begin), work

    def read(self, state: FlowState, step: int) -> PyTree[np.ndarray]:
        """The parameters at a tick."""
        return params_at(state, step * self.tick)

    def ends(self, state: FlowState, step: int) -> dict[str, Real[np.ndarray, " runs"]]:
        """Status, last tick and final loss of every run, and the statistics of its integration.

        The last tick of a run that goes on is the current one; of a run that has ended, the last before its end.
        """
        status, end_time = np.asarray(state.status), np.asarray(state.end_time)
        ticks = np.floor(np.where(np.isfinite(end_time), end_time, 0) / self.tick * (1 + 1e-12)).astype(np.int64)
        accepted, rejected = np.asarray(state.accepted), np.asarray(state.rejected)
        return {
            "status": status,
            "last_step": np.where(status == RunStatus.RUNNING, step, ticks),
            "final_loss": np.asarray(state.final_loss),
            "end_time": np.where(status == RunStatus.RUNNING, np.nan, end_time),
            "accepted_steps": accepted,
            "rejected_steps": rejected,
            "factorisations": accepted + rejected,
        }

    def largest_block(self, params: Shapes, data: Data) -> int:
        """One run, which then never waits for the steps of another."""
        del params, data
        return 1

    def working_bytes(self, params: Shapes, data: Data) -> int:
        """Memory of J, in the form that is kept, and of the matrix that is factorised."""
        samples, numbers = data.targets.shape[0], sum(leaf.size for leaf in jax.tree.leaves(params))
        smaller, at = min(samples, numbers), jax.eval_shape(self.flow.linearise, params, data)
        return int((at.numbers + smaller * (3 * smaller + samples)) * np.dtype(data.targets.dtype).itemsize)


def advance_run(
    flow: GradientFlow, run: Runs, data: Data, plan: Plan, place: tuple[FlowState, Array]
) -> tuple[FlowState, Array]:
    """Take one run to `plan.end`, or as far as `plan.most` attempts lead.

    Measuring, recording and stepping each stand once in the program, inside the loop, so that they round the same way
    however training is split into calls.

    Args:
        flow: The vector field.
        run: Which run.
        data: The training set.
        plan: How far.
        place: The state, and the losses at `plan.records`, NaN where they are yet to come.

    Returns:
        The state and the losses, filled in for the steps that were taken.
    """
    state, losses = place
    nothing = jax.eval_shape(flow.linearise, state.now.params, data)

    def going(carry: tuple[Array, FlowState, Array]) -> Array:
        tries, state, _ = carry
        return (tries < plan.most) & ((tries == 0) | ~is_arrived(state, plan.end))

    def body(carry: tuple[Array, FlowState, Array]) -> tuple[Array, FlowState, Array]:
        tries, state, losses = carry
        at = jax.lax.cond(
            is_arrived(state, plan.end),
            lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), nothing),
            lambda: flow.linearise(state.now.params, data),
        )
        state = _unless_arrived(partial(_measured, run, at, plan), state, plan)
        losses = _recorded(state, plan, losses)
        return tries + 1, _unless_arrived(partial(_attempted, flow, (run, data), at), state, plan), losses

    _, state, losses = jax.lax.while_loop(going, body, (jnp.zeros((), "int64"), state, losses))
    return state, losses


def _unless_arrived(act: Callable[[FlowState], FlowState], state: FlowState, plan: Plan) -> FlowState:
    return jax.lax.cond(is_arrived(state, plan.end), lambda s: s, act, state)


def _measured(run: Runs, at: Linearisation, plan: Plan, state: FlowState) -> FlowState:
    """The state with what is known of its present moment, and whether the run ends within the step that led there."""
    speed = velocity(at)
    slope = at.push(speed).astype(at.residual.dtype)
    now = state.now._replace(velocity=speed, residual=at.residual, slope=slope)
    is_first = now.time == 0
    length = jax.lax.cond(
        is_first & ~state.is_measured,
        lambda: PredictiveController(run["tolerance"]).first_step(now.params, speed, ORDER),
        lambda: state.length,
    )
    state = state._replace(now=now, is_measured=jnp.array(True), length=length)

    loss = loss_of(now.residual)
    passed = loss <= plan.stop_at
    stop = jax.lax.cond(passed, lambda: crossing(state, plan.stop_at), lambda: jnp.full((), jnp.inf, "float64"))
    stuck = now.time + length <= now.time
    lost = ~jnp.isfinite(loss) | stuck
    end = jnp.where(lost, now.time, jnp.minimum(stop, jnp.where(now.time >= run["horizon"], run["horizon"], jnp.inf)))
    status = jnp.select([lost, end == jnp.inf, stop <= run["horizon"]],
                        [RunStatus.DIVERGED, RunStatus.RUNNING, RunStatus.STOPPED], RunStatus.FINISHED)  # fmt: skip
    final = jnp.where(lost | (end == jnp.inf), loss, loss_at(state, jnp.minimum(end, now.time)))
    was_running = state.status == RunStatus.RUNNING
    return state._replace(
        status=jnp.where(was_running, status, state.status).astype("int32"),
        end_time=jnp.where(was_running, end, state.end_time),
        final_loss=jnp.where(was_running, final, state.final_loss),
    )


def _attempted(flow: GradientFlow, of: tuple[Runs, Data], at: Linearisation, state: FlowState) -> FlowState:
    """The state after one more attempt, accepted or not."""
    run, data = of
    controller = PredictiveController(run["tolerance"])
    now, length = state.now, state.length
    params, error = RosenbrockW(flow).attempt(at, now.params, length, data)
    step = (now.params, params, error)
    accepted, factor, control = controller.judge((length, now.time + length), step, ORDER, state.control)
    there = now._replace(
        time=jnp.where(accepted, now.time + length, now.time),
        params=jax.tree.map(lambda new, old: jnp.where(accepted, new, old), params, now.params),
    )
    return state._replace(
        last=now,  # nothing is left to be read off the step before
        now=there,
        is_measured=~accepted,
        length=factor * length,
        control=control,
        accepted=state.accepted + accepted.astype(state.accepted.dtype),
        rejected=state.rejected + (~accepted).astype(state.rejected.dtype),
    )


def _recorded(state: FlowState, plan: Plan, losses: Array) -> Array:
    """The losses with those that lie in the last step filled in, some of them at once."""
    end_time = jnp.where(state.is_measured, jnp.minimum(state.now.time, state.end_time), -jnp.inf)
    begin = jnp.where(state.last.time > 0, state.last.time, -1.0)
    first = jnp.searchsorted(plan.records, begin, side="right")
    end = jnp.searchsorted(plan.records, end_time, side="right")
    size = min(RECORDS_AT_ONCE, plan.records.shape[0])

    def record(block: Array, out: Array) -> Array:
        times = jax.lax.dynamic_slice_in_dim(plan.records, size * block, size)
        found = jax.vmap(partial(loss_at, state))(jnp.where(jnp.isfinite(times), times, state.now.time))
        place = size * block + jnp.arange(size, dtype=block.dtype)
        kept = jax.lax.dynamic_slice_in_dim(out, size * block, size)
        chosen = jnp.where((first <= place) & (place < end), found, kept)
        return jax.lax.dynamic_update_slice_in_dim(out, chosen, size * block, 0)

    return jax.lax.fori_loop(first // size, -(-end // size), record, losses)
