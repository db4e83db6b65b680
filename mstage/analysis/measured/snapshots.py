"""What have the weights done when the loss leaves the initial plateau?

Of snapshots that were kept:

* The minimum of the V: W2 between the distributions of |a_k| and of |w_k| falls on the initial plateau and grows after
  it. Where it turns, by a parabola through the three snapshots around its least one, in logarithms of both.
* Relative distance and alignment of the input weights at T1, between the snapshots on their own scale: in their
  logarithms, against that of s, which the loss tells at every record.
* W2 over its closed form: the same distance over that of the linear flow from the run's own weights at step 0; of the
  snapshots up to 0.9 T1, the ratio that is farthest from 1.

References:
    Chen, Luo, Wang 2024, arXiv 2410.20119 (the pairing of output and input weights).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.measured.crossing import value_at
from mstage.analysis.measured.quantity import Measured

if TYPE_CHECKING:
    import xarray as xr
    from jaxtyping import Float

AT_EXIT = ("relative distance at exit", "alignment at exit", "W2 over its closed form")
GROWN = 1.25  # W2 over its least, from which the V has turned
HOLDS_TO = 0.9  # of T1: how long the linear flow describes the weights


def measure_weights(
    clock: Float[np.ndarray, " snapshots"],
    weights: xr.Dataset,
    exit_time: Measured,
    escape_time: Measured,
    along: Float[np.ndarray, " snapshots"],
    exit_along: float,
) -> dict[str, Measured]:
    """The quantities of one run that its weights show, by the names of theory's predictions.

    Args:
        clock: Of its snapshots, shape (snapshots,).
        weights: Its `spread`, `closed_form`, `relative_distance` and `alignment` over `snapshot` (see
            `measure_initial_plateau`).
        exit_time: T1 of the run.
        escape_time: T2 of it, up to which the minimum is looked for.
        along: x = s/s* at the snapshots, from the loss (see `along_z`), shape (snapshots,).
        exit_along: x at T1.
    """
    spread = weights["spread"].values
    last = np.inf if escape_time.value is None else escape_time.value
    turn = turning_point(clock[clock <= last], spread[clock <= last])
    if escape_time.value is not None and turn.not_by is not None:
        turn = Measured.none("escaped before W2 turned")
    found = {"minimum of the V": turn}
    if exit_time.value is None:
        return found | dict.fromkeys(AT_EXIT, Measured.none(exit_time.why, exit_time.not_by))
    scale, at = _own_scale(clock, along, exit_time.value, exit_along)
    distance = value_at(scale, weights["relative_distance"].values, at)
    apart = value_at(scale, 1 - weights["alignment"].values, at)
    inside = (clock > 0) & (clock <= HOLDS_TO * exit_time.value) & np.isfinite(weights["closed_form"].values)
    ratios = weights["closed_form"].values[inside]
    farthest = float(ratios[np.abs(ratios - 1).argmax()]) if ratios.size else None
    values = (distance, None if apart is None else 1 - apart, farthest)
    reasons = ("no snapshot on both sides of the exit",) * 2 + ("no snapshot before 0.9 T1, or no linear flow",)
    told = zip(AT_EXIT, values, reasons, strict=True)
    return found | {name: Measured(v) if v is not None else Measured.none(why) for name, v, why in told}


def _own_scale(clock: np.ndarray, along: np.ndarray, exit_time: float, exit_along: float) -> tuple[np.ndarray, float]:
    """Where the snapshots and the exit stand on the scale on which the weights move evenly.

    The input weights have moved as sqrt(s), and are off z as 1/s: beside log x both are lines in their logarithms, also
    where they cease to grow exponentially. Where x does not grow from the snapshot before the exit to the one after
    it, as from weights that are not small, the clock is the scale.
    """
    right = min(int(np.searchsorted(clock, exit_time)), clock.size - 1)
    left = max(right - 1, 0)
    if not 0 < along[left] <= exit_along <= along[right]:
        return clock, exit_time
    scale = np.full(clock.size, np.nan)
    scale[:left], scale[right:] = -np.inf, np.inf
    scale[left], scale[right] = np.log(along[left]), np.log(along[right])
    return scale, float(np.log(exit_along))


def turning_point(clock: Float[np.ndarray, " snapshots"], values: Float[np.ndarray, " snapshots"]) -> Measured:
    """Where a V turns: its least value before it has first grown a quarter above that.

    Deeper dips after that are where the two distributions happen to cross, and depend on the snapshots.

    Args:
        clock: Ascending, shape (snapshots,).
        values: Shape (snapshots,); those that are not finite, and those at clock 0, are left out.
    """
    kept = (clock > 0) & np.isfinite(values) & (values > 0)
    if np.count_nonzero(kept) < 3:
        return Measured.none("fewer than three snapshots of its weights")
    x, y = np.log(clock[kept]), np.log(values[kept])
    apart = np.diff(x, prepend=-np.inf) > 0  # two times so near each other have one logarithm
    x, y = x[apart], y[apart]
    grown = np.flatnonzero(y >= np.minimum.accumulate(y) + np.log(GROWN))
    if not grown.size:
        return Measured.none("W2 has not turned", float(clock[kept][-1]))
    at = int(y[: grown[0]].argmin())
    if at == 0:
        return Measured.none("W2 is least at the first snapshot")
    left, right = (y[at] - y[at - 1]) / (x[at] - x[at - 1]), (y[at + 1] - y[at]) / (x[at + 1] - x[at])
    middles = (x[at - 1] + x[at]) / 2, (x[at] + x[at + 1]) / 2  # where a parabola has these two slopes
    vertex = middles[0] - left * (middles[1] - middles[0]) / (right - left) if right > left else x[at]
    return Measured(float(np.exp(vertex)))
