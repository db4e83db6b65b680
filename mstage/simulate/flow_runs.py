"""One run of the gradient flow: the step that the compiled integrator repeats, and what is recorded on the way.

A run steps as its own error allows and is never clipped to a record, so its steps do not depend on what is recorded nor
on how the calls are cut; what lies between two steps is read off them (see `flow_state`). diffrax's own loop ends each
call in a clipped step and holds all that it saves in memory; so its solver and step control are called from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from mstage.history import RunStatus
from mstage.simulate import networks
from mstage.simulate.flow_linearisation import linearise_network
from mstage.simulate.flow_solver import ORDER, GradientFlow, PredictiveController, RosenbrockW, velocity
from mstage.simulate.flow_state import FlowState, Moment, crossing, is_arrived, loss_at, loss_of
from mstage.simulate.networks import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mstage.simulate.flow_linearisation import Linearisation
    from mstage.simulate.networks import Weights
    from mstage.simulate.runs import Data, Value

Array: TypeAlias = jax.Array

RECORDS_AT_ONCE = 32  # a divisor of the number of records of a call


@dataclass(frozen=True)
class FlowProgram:
    """All that the compiled integrator depends on besides shapes; two equal ones share one compilation.

    Attributes:
        activation: sigma.
        width: Hidden neurons.
        dtype: Of the weights.
        products: Dtype of the products with J.
    """

    activation: str
    width: int
    dtype: str
    products: str


class FlowRuns(NamedTuple):
    """What tells runs apart, each of shape (runs,)."""

    alpha: Value
    seed: Value
    horizon: Value  # time at which the run is finished; below 0 for a place that no run takes


class FlowPlan(NamedTuple):
    """How far to go and what to record on the way."""

    is_start: Value  # whether the weights are to be drawn first
    target: Value  # time to arrive at
    record_times: Value  # (records,): ascending, then infinity
    stop_at: Value  # loss at which a run ends
    tolerance: Value
    most: Value  # attempts of a run after which it returns in any case


def initial_state(program: FlowProgram, run: FlowRuns, data: Data) -> FlowState:
    """The state of one run at time 0, unmeasured."""
    weights = networks.initial_weights(run.alpha, run.seed, program.width, data.inputs.shape[1], program.dtype)
    zero, one = jnp.zeros((), "float64"), jnp.ones((), "float64")
    still = Moment(zero, weights, jax.tree.map(jnp.zeros_like, weights), data.targets, jnp.zeros_like(data.targets))
    return FlowState(
        last=still,
        now=still,
        is_measured=jnp.array(False),
        length=zero,
        control=(zero, one, jnp.array(False)),
        status=jnp.where(run.horizon < 0, RunStatus.FINISHED, RunStatus.RUNNING).astype("int32"),
        end_time=jnp.where(run.horizon < 0, 0.0, jnp.inf).astype("float64"),
        final_loss=jnp.full((), jnp.nan, program.dtype),
        accepted=jnp.zeros((), "int64"),
        rejected=jnp.zeros((), "int64"),
    )


def advance_run(
    program: FlowProgram, run: FlowRuns, data: Data, plan: FlowPlan, place: tuple[FlowState, Array]
) -> tuple[FlowState, Array]:
    """Take one run to `plan.target`, or as far as `plan.most` attempts lead.

    What is measured, recorded or attempted is so at one place of the program, inside the loop, and therefore rounded in
    one way however the calls are cut.

    Args:
        program: What is compiled.
        run: Which run.
        data: The training set.
        plan: How far.
        place: The state, and the losses at `plan.record_times`, NaN where they are yet to come.

    Returns:
        The state and the losses, filled in for the steps that were taken.
    """
    flow = flow_of(program, data)
    state, losses = place
    state = jax.lax.cond(plan.is_start, lambda: initial_state(program, run, data), lambda: state)
    nothing = jax.eval_shape(flow.linearise, state.now.weights, data)

    def going(carry: tuple[Array, FlowState, Array]) -> Array:
        tries, state, _ = carry
        more: Array = (tries < plan.most) & ((tries == 0) | ~is_arrived(state, plan.target))
        return more

    def body(carry: tuple[Array, FlowState, Array]) -> tuple[Array, FlowState, Array]:
        tries, state, losses = carry
        at = jax.lax.cond(
            is_arrived(state, plan.target),
            lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), nothing),
            lambda: flow.linearise(state.now.weights, data),
        )
        state = _unless_arrived(partial(_measured, run, at, plan), state, plan)
        losses = _recorded(state, plan, losses)
        return tries + 1, _unless_arrived(partial(_attempted, flow, data, at, plan), state, plan), losses

    _, state, losses = jax.lax.while_loop(going, body, (jnp.zeros((), "int64"), state, losses))
    return state, losses


def _unless_arrived(act: Callable[[FlowState], FlowState], state: FlowState, plan: FlowPlan) -> FlowState:
    done: FlowState = jax.lax.cond(is_arrived(state, plan.target), lambda s: s, act, state)
    return done


def flow_of(program: FlowProgram, data: Data) -> GradientFlow:
    """The vector field of a program's networks; J is kept where there are fewer weights than samples."""
    sigma = ACTIVATIONS[program.activation]
    samples, dim = data.inputs.shape
    has_few_weights = program.width * (dim + 1) < samples

    def linearised(weights: Weights, data: Data) -> Linearisation:
        at = linearise_network(sigma, program.products, weights, *data)
        return at.explicit() if has_few_weights else at

    return GradientFlow(linearised)


def _measured(run: FlowRuns, at: Linearisation, plan: FlowPlan, state: FlowState) -> FlowState:
    """The state with what is known of its present moment, and whether the run ends within the step that led there."""
    speed = velocity(at)
    slope = at.push(speed).astype(at.residual.dtype)
    now = state.now._replace(velocity=speed, residual=at.residual, slope=slope)
    is_first = now.time == 0
    length = jax.lax.cond(
        is_first & ~state.is_measured,
        lambda: PredictiveController(plan.tolerance).first_step(now.weights, speed, ORDER),
        lambda: state.length,
    )
    state = state._replace(now=now, is_measured=jnp.array(True), length=length)

    loss = loss_of(now.residual)
    passed = loss <= plan.stop_at
    stop = jax.lax.cond(passed, lambda: crossing(state, plan.stop_at), lambda: jnp.full((), jnp.inf, "float64"))
    stuck = now.time + length <= now.time
    lost = ~jnp.isfinite(loss) | stuck
    end = jnp.where(lost, now.time, jnp.minimum(stop, jnp.where(now.time >= run.horizon, run.horizon, jnp.inf)))
    status = jnp.select([lost, end == jnp.inf, stop <= run.horizon],
                        [RunStatus.DIVERGED, RunStatus.RUNNING, RunStatus.STOPPED], RunStatus.FINISHED)  # fmt: skip
    final = jnp.where(lost | (end == jnp.inf), loss, loss_at(state, jnp.minimum(end, now.time)))
    was_running = state.status == RunStatus.RUNNING
    return state._replace(
        status=jnp.where(was_running, status, state.status).astype("int32"),
        end_time=jnp.where(was_running, end, state.end_time),
        final_loss=jnp.where(was_running, final, state.final_loss),
    )


def _attempted(flow: GradientFlow, data: Data, at: Linearisation, plan: FlowPlan, state: FlowState) -> FlowState:
    """The state after one more attempt, accepted or not."""
    controller = PredictiveController(plan.tolerance)
    now, length = state.now, state.length
    weights, error = RosenbrockW(flow).attempt(at, now.weights, length, data)
    step = (now.weights, weights, error)
    accepted, factor, control = controller.judge((length, now.time + length), step, ORDER, state.control)
    there = now._replace(
        time=jnp.where(accepted, now.time + length, now.time),
        weights=jax.tree.map(lambda new, old: jnp.where(accepted, new, old), weights, now.weights),
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


def _recorded(state: FlowState, plan: FlowPlan, losses: Array) -> Array:
    """The losses with those that lie in the last step filled in, some of them at once."""
    end_time = jnp.where(state.is_measured, jnp.minimum(state.now.time, state.end_time), -jnp.inf)
    begin = jnp.where(state.last.time > 0, state.last.time, -1.0)
    first = jnp.searchsorted(plan.record_times, begin, side="right")
    end = jnp.searchsorted(plan.record_times, end_time, side="right")
    size = min(RECORDS_AT_ONCE, plan.record_times.shape[0])

    def record(block: Array, out: Array) -> Array:
        times = jax.lax.dynamic_slice_in_dim(plan.record_times, size * block, size)
        found = jax.vmap(partial(loss_at, state))(jnp.where(jnp.isfinite(times), times, state.now.time))
        place = size * block + jnp.arange(size, dtype=block.dtype)
        kept = jax.lax.dynamic_slice_in_dim(out, size * block, size)
        chosen = jnp.where((first <= place) & (place < end), found, kept)
        return jax.lax.dynamic_update_slice_in_dim(out, chosen, size * block, 0)

    filled: Array = jax.lax.fori_loop(first // size, -(-end // size), record, losses)
    return filled
