"""When does a loss leave its plateaus, at what level does it hold, and how fast does it go from one to the other?

Everything is read off the recorded losses and three constants of the training set: R0, the loss of f = 0; R_z, that of
the best fit along the growing direction z; R_lin, that of the best linear fit.

* Initial level: R(0).
* Exit time: T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10}.
* Initial growth: while the network is linear and along z, R = R0 - lambda s + s^2 (z^T Sigma z)/2, so that x = s/s* =
  1 - sqrt(1 - (R0 - R)/(R0 - R_z)), which is logistic: x' = 2 lambda x (1 - x). Its growth is the slope of
  log(x/(1 - x)) from x = 1/10 to x = 1/2: log(9) over the time between.
* 10-90 % rise along z: the time from x = 1/10 to x = 9/10.
* End of the descent: inf{t : R0 - R(t) > 9 (R0 - R_lin)/10}, from which on the loss is on the secondary plateau.
* Secondary level: the mean loss over the stretch between the descent and the escape in which it falls least, the
  stretches being those over which the time since T1 grows by half. Theory's level is what the loss stands at when the
  descent has died away and the drift that ends the plateau has hardly begun.
* Gap to R_lin: R_lin less that level, where it can test |A|^2 c3/m: where the loss falls by less than a quarter of
  that in that stretch.
* Escape time: T2 = inf{t : R(t) < 9 R_lin/10}.

None of them depends on the horizon, on how many losses were recorded or on where the clock begins, so long as it was
recorded when they came.

References:
    Chen, Luo, Wang 2024, arXiv 2410.20119 (the stages). The definitions are those that theory's formulas are derived
    for (see `theory`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.measured.crossing import crossing
from mstage.analysis.measured.quantity import Measured
from mstage.analysis.theory.predictions import EXIT_SHARE

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.analysis.theory.constants import ProblemConstants
    from mstage.history import Curve

ARRIVAL_SHARE = 0.9  # of R0 - R_lin, that the loss has lost where the descent is over
ESCAPE_SHARE = 0.1  # of R_lin, that it has lost at the escape
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9  # of s*
STRETCH = 1.5  # the time since T1 at the end of a stretch, over that at its start
MIN_STRETCHES = 3
RESOLVED = 0.25  # of |A|^2 c3/m, by which the loss may fall where it falls least
DIVERGED = "diverged before"
UNRELATED = "not defined: v = 0, so that R_lin is R0"
LINEAR = "not defined: R_lin = 0, the targets are linear in the inputs"


def measure_losses(curve: Curve, constants: ProblemConstants) -> dict[str, Measured]:
    """The quantities of one run that its losses show, by the names of theory's predictions.

    Args:
        curve: The run, from its first step on.
        constants: Of its training set.
    """
    sound = np.isfinite(curve.loss)
    end = curve.loss.size if sound.all() else int(sound.argmin())
    clock, loss = curve.clock[:end], curve.loss[:end]
    level = Measured(float(loss[0])) if loss.size else Measured.none(DIVERGED if curve.diverged else "no loss recorded")
    width = float(curve.run["width"])
    return {"initial level": level} | _from_exit(clock, loss, curve.diverged, constants, width)


def _from_exit(
    clock: np.ndarray, loss: np.ndarray, diverged: bool, constants: ProblemConstants, width: float
) -> dict[str, Measured]:
    """All but the initial level, of the finite losses of a run."""
    after = ("secondary level", "gap to R_lin", "escape time")
    descent = ("exit time", "initial growth", "10-90 % rise along z", "end of the descent")
    if constants.is_unrelated:
        return dict.fromkeys((*descent, *after), Measured.none(UNRELATED))

    def found(value: float | None, not_yet: str) -> Measured:
        if value is not None:
            return Measured(value)
        return Measured.none(DIVERGED) if diverged or not clock.size else Measured.none(not_yet, float(clock[-1]))

    lost = (constants.loss_zero - loss) / (constants.loss_zero - constants.loss_linear)
    exit_time = crossing(clock, _log(lost), np.log(EXIT_SHARE))
    arrival = crossing(clock, _log(lost), np.log(ARRIVAL_SHARE))
    low, middle, high = (_along_z_by(clock, loss, constants, share) for share in (LOW, MIDDLE, HIGH))
    growth = rise = None
    if low is not None and middle is not None and middle > low:
        growth = float((_logit(MIDDLE) - _logit(LOW)) / (middle - low))
    if low is not None and high is not None and high > low:
        rise = high - low
    told = {
        "exit time": found(exit_time, "still on the initial plateau"),
        "initial growth": found(growth, "not half-way down the descent"),
        "10-90 % rise along z": found(rise, "not down the descent"),
        "end of the descent": found(arrival, "not down the descent"),
    }
    if constants.is_linear:
        return told | dict.fromkeys(after, Measured.none(LINEAR))
    escape = crossing(clock, _log(1 - loss / constants.loss_linear), np.log(ESCAPE_SHARE))
    level, drift = found(None, "not on the secondary plateau"), 0.0
    if exit_time is not None and arrival is not None:
        last = float(clock[-1]) if escape is None else escape
        level, drift = resting_level(clock, loss, exit_time, arrival, last)
        if level.value is None and escape is not None:
            level = Measured.none("escaped before the loss came to rest")
        elif level.value is None:
            level = found(None, level.why)
    gap = level if level.value is None else Measured(constants.loss_linear - level.value)
    if gap.value is not None and drift > RESOLVED * constants.size**2 * abs(constants.cubic) / width:
        gap = Measured.none("the loss falls by more than a quarter of |A|^2 c3/m where it falls least")
    return told | {
        "secondary level": level, "gap to R_lin": gap, "escape time": found(escape, "not escaped"),
    }  # fmt: skip


def along_z(loss: Float[np.ndarray, "*records"], constants: ProblemConstants) -> Float[np.ndarray, "*records"]:
    """How far along z the fit has come, from the loss: x = s/s* = 1 - sqrt(1 - (R0 - R)/(R0 - R_z)), at most 1.

    Once the fit has turned off z the loss is lower than it is along z, and x too large.
    """
    return np.asarray(1 - np.sqrt(1 - np.minimum(_lost_along_z(loss, constants), 1.0)))


def _lost_along_z(loss: np.ndarray, constants: ProblemConstants) -> np.ndarray:
    return np.asarray((constants.loss_zero - loss) / (constants.loss_zero - constants.loss_along))


def _along_z_by(clock: np.ndarray, loss: np.ndarray, constants: ProblemConstants, share: float) -> float | None:
    """When x passes a share: on the scale of its logit, where the descent is a line, as long as R is above R_z."""
    lost, level = _lost_along_z(loss, constants), 1 - (1 - share) ** 2
    above = np.flatnonzero(lost > level)
    if above.size and lost[above[0]] < 1:
        return crossing(clock, _logit(along_z(loss, constants)), float(_logit(share)))
    return crossing(clock, lost, level)


def resting_level(
    clock: Float[np.ndarray, " records"],
    loss: Float[np.ndarray, " records"],
    exit_time: float,
    arrival: float,
    end: float,
) -> tuple[Measured, float]:
    """Mean loss over the stretch in which it falls least.

    A stretch goes from T1 + u to T1 + 1.5 u. How much the loss falls in it is how far the means of its two halves are
    apart, which noise moves little.

    Args:
        clock: Ascending, shape (records,).
        loss: Finite, shape (records,).
        exit_time: T1.
        arrival: Where the descent is over and the first stretch begins.
        end: Of the plateau, or of the run: the last stretch ends there.

    Returns:
        The mean, or none where the loss falls less and less up to the end, or more and more from the start; and how
        much the loss falls in the stretch.
    """
    since = clock - exit_time
    starts = since[(clock >= arrival) & (exit_time + STRETCH * since <= end)]
    if starts.size < MIN_STRETCHES:
        return Measured.none("not on the secondary plateau for long enough", end), 0.0
    below = loss - loss[-1]  # small numbers, of whose sum little is lost
    total = np.concatenate([[0.0], np.cumsum(np.diff(clock) * (below[1:] + below[:-1]) / 2)])
    middles = starts * np.sqrt(STRETCH)
    first, half, last = (np.interp(at, since, total) for at in (starts, middles, STRETCH * starts))
    fall = np.abs((half - first) / (middles - starts) - (last - half) / (STRETCH * starts - middles))
    at = int(fall.argmin())
    if at in (0, starts.size - 1):
        return Measured.none("the loss has not come to rest", end), 0.0
    mean = (last[at] - first[at]) / ((STRETCH - 1) * starts[at])
    return Measured(float(loss[-1] + mean)), 2 * float(fall[at])  # the halves' middles are half the stretch apart


def _log(values: np.ndarray) -> np.ndarray:
    """The logarithm, -inf of what is not above 0."""
    return np.asarray(np.log(values, out=np.full(values.shape, -np.inf), where=values > 0))


def _logit(share: np.ndarray | float) -> np.ndarray:
    """log(x / (1 - x)), -inf of what is not above 0 and inf from 1 on."""
    share = np.asarray(share, float)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.clip(share, 0, 1)) - np.log1p(-np.clip(share, 0, 1)))
