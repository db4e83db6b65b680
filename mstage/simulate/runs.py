"""One block of runs: the step that the compiled trainer repeats.

A block is a few runs that move together, vmapped over alpha, seed and learning rate; the step number is shared by them
and is no batch axis, so that what depends on it alone (is this step recorded, does an epoch begin) stays a branch.
A run that has ended, for whatever reason, is frozen by a select, which leaves the other lanes as they are to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mstage.history import RunStatus
from mstage.simulate import networks
from mstage.simulate.blocks import tiles
from mstage.simulate.dynamics import transformation
from mstage.simulate.networks import ACTIVATIONS, Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax import Array

    from mstage.simulate.blocks import Tiles
    from mstage.spec import Optimizer

Value: TypeAlias = Any  # an array: JAX's inside the program, NumPy's or JAX's outside
BATCH_ORDER_STREAM = 2  # streams 0 and 1 of a seed's key are the output and the input weights


@dataclass(frozen=True)
class Program:
    """All that the compiled trainer depends on besides shapes; two equal ones share one compilation."""

    activation: str
    optimizer: Optimizer
    batch_size: int | None
    samples: int
    width: int
    dim: int
    dtype: str
    has_spare_cores: bool

    @property
    def samples_a_step(self) -> int:
        """Samples that an update looks at."""
        return self.samples if self.batch_size is None else self.batch_size

    def tiles(self, samples: int) -> Tiles:
        """How the samples of a training set or a batch are gone through."""
        return tiles(samples, self.width, self.dim, self.dtype, has_spare_cores=self.has_spare_cores)


class Runs(NamedTuple):
    """What tells the runs of a block apart, each of shape (runs,)."""

    alpha: Value
    seed: Value
    learning_rate: Value
    horizon: Value  # step at which the run is finished


class Data(NamedTuple):
    """The training set or a batch of it, with the zeros of its tiles after its samples (see `blocks.Tiles`)."""

    inputs: Value  # (n and zeros, dim)
    targets: Value  # (n and zeros,)

    @classmethod
    def of(cls, inputs: Value, targets: Value, tiles: Tiles) -> Data:
        """Samples with the zeros that tiles ask for; both may have leading axes.

        Arrays of NumPy stay that: outside the program JAX would compile another one for each shape that it pads.
        """
        lead, pad = [(0, 0)] * (targets.ndim - 1), np.pad if isinstance(targets, np.ndarray) else jnp.pad
        return cls(pad(inputs, (*lead, (0, tiles.zeros), (0, 0))), pad(targets, (*lead, (0, tiles.zeros))))


class RunState(NamedTuple):
    """What the next step of the runs of a block needs; each leaf leads with the axis of runs."""

    weights: Weights
    optimizer: Any
    order: Array  # (runs, n): this epoch's order of the samples; (runs, 0) in full batch
    status: Array  # RunStatus
    last_step: Array
    final_loss: Array  # the loss measured last


class Plan(NamedTuple):
    """Which steps to go and which of them to record."""

    step: Value  # the step that the state is at
    stop: Value  # the step to arrive at
    record_steps: Value  # (records,): steps of [step, stop) whose loss is recorded, ascending, then a step never met
    stop_at: Value  # loss at which a run ends


def initial_state(program: Program, runs: Runs, data: Data) -> RunState:
    """The state of one run at step 0; vmapped by the caller."""
    dim = data.inputs.shape[1]
    weights = networks.initial_weights(runs.alpha, runs.seed, program.width, dim, program.dtype)
    samples = 0 if program.batch_size is None else program.samples
    return RunState(
        weights=weights,
        optimizer=transformation(program.optimizer, runs.learning_rate).init(weights),
        order=jnp.zeros((samples,), "int32"),
        status=jnp.array(RunStatus.RUNNING, "int32"),
        last_step=jnp.array(0, "int64"),
        final_loss=jnp.array(jnp.nan, program.dtype),
    )


def advance_block(program: Program, runs: Runs, data: Data, state: RunState, plan: Plan) -> tuple[RunState, Array]:
    """Take a block of runs from `plan.step` to `plan.stop`.

    Returns:
        The state at `plan.stop`, and the recorded losses, shape (runs, records), NaN where there is none.
    """
    start: Callable[[Runs], RunState] = jax.vmap(lambda one: initial_state(program, one, data))
    state = jax.lax.cond(plan.step == 0, lambda: start(runs), lambda: state)
    losses = jnp.full((runs.alpha.shape[0], plan.record_steps.shape[0]), jnp.nan, data.targets.dtype)

    def going(carry: tuple[Any, ...]) -> Array:
        step, _, state, _ = carry
        more: Array = (step < plan.stop) & (state.status == RunStatus.RUNNING).any()
        return more

    def body(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        step, record, state, losses = carry
        recorded = step == plan.record_steps[record]
        running = state.status == RunStatus.RUNNING
        state, loss = _step(program, runs, data, state, (step, recorded, plan.stop_at))
        # The slot of the next record is written at every step and kept at the step it is meant for.
        losses = losses.at[:, record].set(jnp.where(running & recorded, loss, jnp.nan))
        return step + 1, record + recorded.astype(record.dtype), state, losses

    _, _, state, losses = jax.lax.while_loop(going, body, (plan.step, jnp.zeros((), "int64"), state, losses))
    return state, losses


def _step(
    program: Program, runs: Runs, data: Data, state: RunState, now: tuple[Array, Array, Array]
) -> tuple[RunState, Array]:
    """Measure the loss where the runs are, find which of them end here, and move the others by one update."""
    step, recorded, stop_at = now
    sigma = ACTIVATIONS[program.activation]
    a_step, all_samples = program.tiles(program.samples_a_step), program.tiles(program.samples)
    whole = program.batch_size is None
    order = state.order if whole else _epoch_order(program, runs, state.order, step)
    batch, batch_axis = (data, None) if whole else (_batch(program, data, order, step), 0)

    measure: Callable[..., Any] = jax.vmap(
        lambda w, b: networks.loss_and_gradient(sigma, w, b.inputs, b.targets, a_step), in_axes=(0, batch_axis)
    )
    batch_loss, gradient = measure(state.weights, batch)
    if whole:
        measured, loss = jnp.array(True), batch_loss
    else:  # the loss over all samples costs more than a step, so it is measured where it is recorded
        measured = recorded
        loss = jax.lax.cond(
            recorded,
            lambda: jax.vmap(lambda w: networks.loss_alone(sigma, w, *data, all_samples))(state.weights),
            lambda: jnp.full_like(batch_loss, jnp.nan),
        )

    was_running = state.status == RunStatus.RUNNING
    ends: list[tuple[Array, Any]] = [  # the first that holds; all the later ones are of no account
        (~was_running, state.status),
        (~jnp.isfinite(batch_loss) | (measured & ~jnp.isfinite(loss)), RunStatus.DIVERGED),
        (measured & (loss <= stop_at), RunStatus.STOPPED),
        (step >= runs.horizon, RunStatus.FINISHED),
    ]
    status = jnp.select([when for when, _ in ends], [what for _, what in ends], RunStatus.RUNNING).astype("int32")

    def update(rate: Array, weights: Weights, inner: Any, gradient: Weights, value: Array, batch: Data) -> Any:
        rule = transformation(program.optimizer, rate)
        value_fn = partial(networks.loss_alone, sigma, inputs=batch.inputs, targets=batch.targets, tiles=a_step)
        extra = {"value": value, "grad": gradient, "value_fn": value_fn}
        updates, inner = rule.update(gradient, inner, weights, **extra)
        return optax.apply_updates(weights, updates), inner

    moved = jax.vmap(update, in_axes=(0, 0, 0, 0, 0, batch_axis))(
        runs.learning_rate, state.weights, state.optimizer, gradient, batch_loss, batch
    )
    going_on = status == RunStatus.RUNNING
    weights, optimizer = jax.tree.map(
        lambda new, old: jnp.where(going_on.reshape((-1,) + (1,) * (old.ndim - 1)), new, old).astype(old.dtype),
        moved,
        (state.weights, state.optimizer),
    )
    return RunState(
        weights=weights,
        optimizer=optimizer,
        order=order,
        status=status,
        last_step=jnp.where(was_running, step, state.last_step),
        final_loss=jnp.where(was_running & measured, loss, state.final_loss),
    ), loss


def _epoch_order(program: Program, runs: Runs, order: Array, step: Array) -> Array:
    """Each run's order of the samples in the epoch of this step, shape (runs, n), drawn anew when an epoch begins."""
    count = program.samples
    epoch, place = jnp.divmod(step, count // program.samples_a_step)

    def shuffled(seed: Array) -> Array:
        key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), BATCH_ORDER_STREAM)
        return jax.random.permutation(jax.random.fold_in(key, epoch), count).astype("int32")

    drawn: Array = jax.lax.cond(place == 0, lambda: jax.vmap(shuffled)(runs.seed), lambda: order)
    return drawn


def _batch(program: Program, data: Data, order: Array, step: Array) -> Data:
    """The samples of this step, leading with the axis of runs; what is left of an epoch below a batch is left out."""
    size = program.samples_a_step
    place = step % (program.samples // size)
    rows = jax.lax.dynamic_slice_in_dim(order, place * size, size, axis=1)
    return Data.of(data.inputs[rows], data.targets[rows], program.tiles(size))
