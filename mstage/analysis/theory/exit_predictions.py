"""What the weights have done at the exit of the initial plateau, by the linear flow and the order after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.theory.prediction import Prediction

if TYPE_CHECKING:
    from mstage.analysis.theory.constants import Taylor
    from mstage.analysis.theory.linear_flow import LinearFlow

HOLDS_TO = 1.15  # times T1, up to which weights grow exponentially
SMALL = 0.15  # part of W2 that the next order may make at 0.9 T1, of squares 1 %
NAMES = (
    ("minimum of the V", "argmin W2(|a|, |w|)"),
    ("W2 over its closed form", "W2/W2_lin"),
    ("alignment at exit", "|w.z|/|w|"),
    ("relative distance at exit", "RD"),
)


def exit_predictions(
    exit_time: Prediction, flow: LinearFlow | None, taylor: Taylor | None, deviation: float
) -> tuple[Prediction, ...]:
    """Minimum of the V, W2 over its closed form, alignment and relative distance of the input weights.

    Args:
        exit_time: T1.
        flow: Of the run; None where there is none.
        taylor: The activation near 0.
        deviation: m^-alpha, the standard deviation of the initial weights.
    """
    if exit_time.value is None or flow is None or taylor is None:
        return tuple(Prediction.none(*name, exit_time.why) for name in NAMES)
    at, (_, _, alignment, distance) = np.array(exit_time.value), NAMES
    return (
        *_distance_predictions(exit_time.value, flow, taylor, deviation),
        Prediction.of(*alignment, float(flow.alignment(at))),
        Prediction.of(*distance, float(flow.relative_distance(at))),
    )


def _distance_predictions(
    exit_time: float, flow: LinearFlow, taylor: Taylor, deviation: float
) -> tuple[Prediction, Prediction]:
    """Where W2(|a|, |w|) turns, and whether it follows the linear flow as long as to 0.9 T1.

    In the linear flow W2 falls as L = c m^-alpha exp(-lambda t/2), c of order 1 and taken as 1. The third order adds
    d(a^2 - |w|^2)/dt = -(2/3) sigma''' a (w.z)^3 K, K = (1/n) sum y_i (z.x_i)^3, so that |a| - |w| grows to
    |sigma''' K p^3| exp(3 lambda t)/(12 lambda); over p ~ N(0, m^(-2 alpha)/2) its root mean square is N = sqrt(15)
    |sigma''' K| (m^-alpha/sqrt 2)^3 exp(3 lambda t)/(12 lambda). L^2 + N^2 is least where L^2 = 6 N^2.
    """
    minimum, ratio = NAMES[:2]
    grows = abs(taylor.third * flow.constants.steering)
    if taylor.curvature or not grows:
        what = "sigma''(0) is not 0" if taylor.curvature else "sigma'''(0) or (1/n) sum y (z.x)^3 is 0"
        none = f"{what}: what makes |a| and |w| unequal is of another order"
        return Prediction.none(*minimum, none), Prediction.none(*ratio, none)
    rate = flow.rate
    unequal = np.sqrt(15 / 8) * grows * deviation**2 / (12 * rate)  # N over L at time 0 ...
    turn = float(-np.log(np.sqrt(6) * unequal) / (3.5 * rate))  # ... and it grows as exp(7 lambda t/2)
    share = unequal * np.exp(3.5 * rate * 0.9 * exit_time)
    late = "W2 falls on past the exit, where the weights no longer grow exponentially"
    early = "the next order of the activation turns W2 before 0.9 T1"
    return (
        Prediction.of(*minimum, turn) if 0 < turn <= HOLDS_TO * exit_time else Prediction.none(*minimum, late),
        Prediction.of(*ratio, 1.0) if share <= SMALL else Prediction.none(*ratio, early),
    )
