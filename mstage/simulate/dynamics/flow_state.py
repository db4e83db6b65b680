"""Where a run of the gradient flow is, and its values within the last step.

Steps are not clipped to records. Between two steps the logarithm of the loss, and the parameters for snapshots, are
interpolated by cubic Hermite polynomials.

References:
    Fritsch and Carlson, "Monotone piecewise cubic interpolation", SIAM J. Numer. Anal. 17 (1980).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from mstage.history import RunStatus

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, PyTree

    from mstage.simulate.dynamics.flow_solver import Control
    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.models.network import AnyArray

Array: TypeAlias = jax.Array
BISECTIONS = 60


class Moment(NamedTuple):
    """Where a run is between two steps, and how it moves there."""

    time: Float[Array, "*runs"]
    params: Params
    velocity: Params
    residual: Float[Array, "*runs samples"]
    slope: Float[Array, "*runs samples"]  # how the residuals move


class FlowState(NamedTuple):
    """What a run needs to go on."""

    last: Moment  # before the last step
    now: Moment
    is_measured: Bool[Array, "*runs"]  # whether velocity, residual and slope are those of `now`
    length: Float[Array, "*runs"]  # of the next step
    control: Control
    status: Int[Array, "*runs"]  # RunStatus
    end_time: Float[Array, "*runs"]  # infinite while the run goes on
    final_loss: Float[Array, "*runs"]
    accepted: Int[Array, "*runs"]
    rejected: Int[Array, "*runs"]


def unmeasured(params: Params, targets: Array, is_empty: Array) -> FlowState:
    """The state of a run at time 0; that of a place that no run takes has ended there."""
    zero, one = jnp.zeros((), "float64"), jnp.ones((), "float64")
    still = Moment(zero, params, jax.tree.map(jnp.zeros_like, params), targets, jnp.zeros_like(targets))
    return FlowState(
        last=still,
        now=still,
        is_measured=jnp.array(False),
        length=zero,
        control=(zero, one, jnp.array(False)),
        status=jnp.where(is_empty, RunStatus.FINISHED, RunStatus.RUNNING).astype("int32"),
        end_time=jnp.where(is_empty, 0.0, jnp.inf).astype("float64"),
        final_loss=jnp.full((), jnp.nan, targets.dtype),
        accepted=jnp.zeros((), "int64"),
        rejected=jnp.zeros((), "int64"),
    )


def is_arrived(state: FlowState, target: AnyArray) -> Bool[AnyArray, "*runs"]:
    """Whether a run is past a time or has ended before it."""
    return (state.is_measured & (state.now.time >= target)) | (state.end_time <= state.now.time)


def params_at(state: FlowState, time: float) -> PyTree[np.ndarray]:
    """The parameters of runs, as arrays of NumPy, at a time within the last step of each.

    Args:
        state: Of several runs, each leaf leading with their axis.
        time: When; the last step of every run has to hold it.
    """
    start, end = np.asarray(state.last.time), np.asarray(state.now.time)
    length = end - start
    share = np.divide(time - start, length, out=np.ones_like(length), where=length > 0)

    def read(y0: Array, f0: Array, y1: Array, f1: Array) -> np.ndarray:
        leaves = [np.asarray(leaf) for leaf in (y0, f0, y1, f1)]
        shape = (-1,) + (1,) * (leaves[0].ndim - 1)
        ratio, extent = (part.reshape(shape).astype(leaves[0].dtype) for part in (share, length))
        with np.errstate(invalid="ignore", over="ignore"):  # of runs that diverged
            found: np.ndarray = _hermite(ratio, extent, (leaves[0], leaves[1]), (leaves[2], leaves[3]))
        return found

    last, now = state.last, state.now
    return jax.tree.map(read, last.params, last.velocity, now.params, now.velocity)


def crossing(state: FlowState, level: Array) -> Array:
    """When the loss has fallen to a level within the last step, at whose end it is below."""

    def halve(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        above, below = bracket
        middle = (above + below) / 2
        fallen = loss_at(state, middle) <= level
        return jnp.where(fallen, above, middle), jnp.where(fallen, middle, below)

    above = jnp.where(loss_of(state.last.residual) <= level, state.now.time, state.last.time)
    bracket: tuple[Array, Array] = jax.lax.fori_loop(0, BISECTIONS, halve, (above, state.now.time))
    return bracket[1]


def loss_at(state: FlowState, time: Array) -> Array:
    """The loss of a run at a time within its last step, by a cubic of its logarithm that, as in a flow, never rises.

    Interpolating the residuals would overshoot where a step is much longer than they take to settle, for their slopes
    at both ends belong to transients.
    """
    last, now = state.last, state.now
    dtype = now.residual.dtype
    share, length = _share(state, time).astype(dtype), (now.time - last.time).astype(dtype)
    (y0, f0), (y1, f1) = _log_loss(last), _log_loss(now)
    steepest = 3 * (y1 - y0) / jnp.where(length > 0, length, 1)
    return jnp.exp(_hermite(share, length, (y0, jnp.maximum(f0, steepest)), (y1, jnp.maximum(f1, steepest))))


def _log_loss(at: Moment) -> tuple[Array, Array]:
    """The logarithm of the loss and its slope, which is at most 0."""
    loss = jnp.maximum(loss_of(at.residual), np.finfo(at.residual.dtype).tiny)
    return jnp.log(loss), jnp.minimum(at.residual @ at.slope / at.residual.shape[0] / loss, 0)


def _share(state: FlowState, time: Array) -> Array:
    """How far into the last step a time lies; at its end if the step has no length."""
    length = state.now.time - state.last.time
    return jnp.where(length > 0, (time - state.last.time) / jnp.where(length > 0, length, 1), 1)


def loss_of(residual: Array) -> Array:
    """1/(2n) sum_i e_i^2."""
    return residual @ residual / (2 * residual.shape[0])


def _hermite(
    share: AnyArray, length: AnyArray, start: tuple[AnyArray, AnyArray], end: tuple[AnyArray, AnyArray]
) -> AnyArray:
    """The cubic through two values with two slopes, a share of the way from one to the other; exact at both ends."""
    (y0, f0), (y1, f1) = start, end
    rest = 1 - share
    bend = length * (rest * f0 - share * f1) - (1 - 2 * share) * (y1 - y0)
    return rest * y0 + share * y1 + share * rest * bend
