"""Descent in steps of an Optax optimizer: the step that the compiled trainer repeats.

A block is a few runs that move together, vmapped over what tells them apart; the step number is shared by them and is
no batch axis, so that what depends on it alone (is this step recorded, does an epoch begin) stays a branch. A run that
has ended, for whatever reason, is frozen by a select, which leaves the other lanes as they are to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mstage.history import RunStatus
from mstage.simulate.dynamics.optimizers import transformation

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int, Integer, PyTree, Real

    from mstage.simulate.dynamics.stepper import Plan, Runs
    from mstage.simulate.models.linearisation import Params, Shapes
    from mstage.simulate.models.network import Data, Objective
    from mstage.spec import Optimizer

    Carry: TypeAlias = tuple[jax.Array, jax.Array, "DescentState", jax.Array]  # step, next record, state, losses

Array: TypeAlias = jax.Array
BATCH_ORDER_STREAM = 2  # streams 0 and 1 of a seed's key are the output and the input weights of a two-layer network


class DescentState(NamedTuple):
    """What the next step of runs needs; each leaf leads with the axis of runs."""

    params: Params
    optimizer: PyTree[Array]
    order: Int[Array, "runs samples"]  # this epoch's order of the samples; (runs, 0) in full batch
    status: Int[Array, " runs"]  # RunStatus
    last_step: Int[Array, " runs"]
    final_loss: Float[Array, " runs"]  # the loss measured last


@dataclass(frozen=True)
class DescentStepper:
    """Steps of an optimizer; its clock counts them. See `stepper.Stepper`.

    Attributes:
        objective: The loss over all samples, which is recorded.
        batch_objective: The loss over a batch; None where every step looks at all samples.
        optimizer: The update rule.
        batch_size: Samples a step.
        samples: Of the training set.
    """

    objective: Objective
    batch_objective: Objective | None
    optimizer: Optimizer
    batch_size: int
    samples: int

    state_copies: ClassVar[int] = 3

    def clock(self, steps: Integer[np.ndarray, "*times"]) -> Integer[np.ndarray, "*times"]:
        """The steps themselves."""
        return steps

    def data(self, inputs: Float[np.ndarray, "samples dim"], targets: Float[np.ndarray, " samples"]) -> Data:
        """The training set as the objective takes it."""
        return self.objective.data(inputs, targets)

    def init(self, params: Params, run: Runs, data: Data) -> DescentState:
        """The state of one run at step 0."""
        samples = 0 if self.batch_objective is None else self.samples
        return DescentState(
            params=params,
            optimizer=transformation(self.optimizer, run["learning_rate"]).init(params),
            order=jnp.zeros((samples,), "int32"),
            status=jnp.where(run["horizon"] < 0, RunStatus.FINISHED, RunStatus.RUNNING).astype("int32"),
            last_step=jnp.array(0, "int64"),
            final_loss=jnp.array(jnp.nan, data.targets.dtype),
        )

    def advance(
        self, runs: Runs, data: Data, plan: Plan, state: DescentState, losses: Float[Array, "runs records"]
    ) -> tuple[DescentState, Float[Array, "runs records"]]:
        """Take a block of runs to `plan.end`, or by `plan.most` steps."""
        stop = jnp.minimum(plan.end, plan.begin + plan.most)

        def going(carry: Carry) -> Array:
            step, _, state, _ = carry
            return (step < stop) & (state.status == RunStatus.RUNNING).any()

        def body(carry: Carry) -> Carry:
            step, record, state, losses = carry
            recorded = step == plan.records[record]
            running = state.status == RunStatus.RUNNING
            state, loss = _step(self, runs, data, state, (step, recorded, plan.stop_at))
            # The slot of the next record is written at every step and kept at the step it is meant for.
            losses = losses.at[:, record].set(jnp.where(running & recorded, loss, jnp.nan))
            return step + 1, record + recorded.astype(record.dtype), state, losses

        _, _, state, losses = jax.lax.while_loop(going, body, (plan.begin, jnp.zeros((), "int64"), state, losses))
        return state, losses

    def reached(self, state: DescentState, begin: int, end: int, most: int) -> tuple[int, int]:
        """The step that the runs are at, which is also the number of steps made."""
        del state
        stop = min(end, begin + most)
        return stop, stop

    def read(self, state: DescentState, step: int) -> Params:
        """The current parameters."""
        del step
        return state.params

    def ends(self, state: DescentState, step: int) -> dict[str, Real[np.ndarray, " runs"]]:
        """Status, last step and final loss; of a run that goes on, the last step is the current one."""
        status, last_step = np.asarray(state.status), np.asarray(state.last_step)
        return {
            "status": status,
            "last_step": np.where(status == RunStatus.RUNNING, step, last_step),
            "final_loss": np.asarray(state.final_loss),
        }

    def largest_block(self, params: Shapes, data: Data) -> int:
        """How many runs fit into the cache with the samples of a step."""
        return self._of_a_step.largest_block(params, _first(data, self.batch_size))

    def working_bytes(self, params: Shapes, data: Data) -> int:
        """Working memory of a gradient, or of the loss over all samples where that is more."""
        batch = self._of_a_step.working_bytes(params, _first(data, self.batch_size))
        return max(batch, self.objective.working_bytes(params, data))

    @property
    def _of_a_step(self) -> Objective:
        return self.batch_objective or self.objective


def _first(data: Data, samples: int) -> Data:
    """The shapes of so many samples."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((samples, *leaf.shape[1:]), leaf.dtype), data)


def _step(
    stepper: DescentStepper, runs: Runs, data: Data, state: DescentState, now: tuple[Array, Array, Array]
) -> tuple[DescentState, Array]:
    """Measure the loss where the runs are, find which of them end here, and move the others by one update."""
    step, recorded, stop_at = now
    objective = stepper.batch_objective or stepper.objective
    whole = stepper.batch_objective is None
    order = state.order if whole else _epoch_order(stepper, runs, state.order, step)
    batch, batch_axis = (data, None) if whole else (_batch(stepper, objective, data, order, step), 0)

    measure: Callable[[Params, Data], tuple[Array, Params]] = jax.vmap(
        objective.loss_and_gradient, in_axes=(0, batch_axis)
    )
    batch_loss, gradient = measure(state.params, batch)
    if whole:
        measured, loss = jnp.array(True), batch_loss
    else:  # the loss over all samples costs more than a step, so it is measured where it is recorded
        measured = recorded
        loss = jax.lax.cond(
            recorded,
            lambda: jax.vmap(lambda params: stepper.objective.loss(params, data))(state.params),
            lambda: jnp.full_like(batch_loss, jnp.nan),
        )

    was_running = state.status == RunStatus.RUNNING
    ends: list[tuple[Array, Array | RunStatus]] = [  # the first condition that holds decides
        (~was_running, state.status),
        (~jnp.isfinite(batch_loss) | (measured & ~jnp.isfinite(loss)), RunStatus.DIVERGED),
        (measured & (loss <= stop_at), RunStatus.STOPPED),
        (step >= runs["horizon"], RunStatus.FINISHED),
    ]
    status = jnp.select([when for when, _ in ends], [what for _, what in ends], RunStatus.RUNNING).astype("int32")
    moved = jax.vmap(partial(_update, stepper.optimizer, objective), in_axes=(0, 0, 0, 0, 0, batch_axis))(
        runs["learning_rate"], state.params, state.optimizer, gradient, batch_loss, batch
    )
    going_on = status == RunStatus.RUNNING
    params, optimizer = jax.tree.map(
        lambda new, old: jnp.where(going_on.reshape((-1,) + (1,) * (old.ndim - 1)), new, old).astype(old.dtype),
        moved,
        (state.params, state.optimizer),
    )
    return DescentState(
        params=params,
        optimizer=optimizer,
        order=order,
        status=status,
        last_step=jnp.where(was_running, step, state.last_step),
        final_loss=jnp.where(was_running & measured, loss, state.final_loss),
    ), loss


def _update(
    optimizer: Optimizer, objective: Objective, rate: Array, params: Params, inner: PyTree[Array], gradient: Params,
    value: Array, batch: Data,
) -> tuple[Params, PyTree[Array]]:  # fmt: skip
    """The parameters of one run after an update, and the state of its optimizer."""
    rule = transformation(optimizer, rate)
    extra = {"value": value, "grad": gradient, "value_fn": partial(objective.loss, data=batch)}
    updates, inner = rule.update(gradient, inner, params, **extra)
    return optax.apply_updates(params, updates), inner


def _epoch_order(stepper: DescentStepper, runs: Runs, order: Array, step: Array) -> Int[Array, "runs samples"]:
    """Each run's order of the samples in the epoch of this step, drawn anew when an epoch begins."""
    count = stepper.samples
    epoch, place = jnp.divmod(step, count // stepper.batch_size)

    def shuffled(seed: Array) -> Array:
        key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), BATCH_ORDER_STREAM)
        return jax.random.permutation(jax.random.fold_in(key, epoch), count).astype("int32")

    return jax.lax.cond(place == 0, lambda: jax.vmap(shuffled)(runs["seed"]), lambda: order)


def _batch(stepper: DescentStepper, objective: Objective, data: Data, order: Array, step: Array) -> Data:
    """The samples of this step, leading with the axis of runs; what is left of an epoch below a batch is left out."""
    size = stepper.batch_size
    place = step % (stepper.samples // size)
    rows = jax.lax.dynamic_slice_in_dim(order, place * size, size, axis=1)
    return objective.data(data.inputs[rows], data.targets[rows])
