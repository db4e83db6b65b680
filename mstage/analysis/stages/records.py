"""On which scale are the stages of a loss curve seen?

Stages are seen on a logarithmic clock and a logarithmic loss: a plateau is as long as what came before it, a drop is as
large as its factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import median_filter

from mstage.analysis.stages.noise import Noise, estimate_noise, local_scale
from mstage.analysis.stages.tuning import FLOOR_SHARE, SPIKE_SIGMAS

if TYPE_CHECKING:
    from jaxtyping import Float

LINEAR_CLOCK_SPAN = 10.0  # length of a linear clock, in the units in which a logarithmic one has 2.3 a decade
ROUNDED = 2.0**-46  # of the size of losses, that their range is at least if it is no rounding
MIN_LENGTH = 1e-6  # of a log clock, below which the logarithms of its values would have too few digits

ClockScale = Literal["log", "linear"]


@dataclass(frozen=True)
class Records:
    """The records of a curve on the scale on which stages are seen.

    Attributes:
        clock: Ascending, shape (records,).
        position: The same on the scale of the segmentation: natural log of the clock, or the clock stretched to 0..10.
        value: log(loss - floor), single outlying records replaced by the median around them.
        sigma: Standard deviation of the noise of each.
        noise: Over all of them.
        floor: What was taken off the losses before the logarithm; 0 for positive losses.
    """

    clock: Float[np.ndarray, " records"]
    position: Float[np.ndarray, " records"]
    value: Float[np.ndarray, " records"]
    sigma: Float[np.ndarray, " records"]
    noise: Noise
    floor: float

    @classmethod
    def of(cls, clock: np.ndarray, loss: np.ndarray, scale: ClockScale) -> Records:
        """Put clean records on their scale.

        Args:
            clock: Ascending, shape (records,), at least two different values, on a log clock two of them positive.
            loss: Shape (records,).
            scale: Scale of the clock.
        """
        floor = loss_floor(loss)
        values = log_loss(loss, floor)
        noise = estimate_noise(values)
        sigma = noise.sigma * local_scale(values)
        return cls(clock, positions(clock, scale), _without_lone_spikes(values, sigma), sigma, noise, floor)


def clean(
    clock: Float[np.ndarray, " records"], loss: Float[np.ndarray, " records"]
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, " kept"]]:
    """The finite records in the order of the clock, of several with the same clock the one that was recorded last."""
    finite = np.isfinite(clock) & np.isfinite(loss)
    clock, loss = clock[finite], loss[finite]
    if clock.size and (clock[1:] <= clock[:-1]).any():
        order = np.argsort(clock, kind="stable")
        clock, loss = clock[order], loss[order]
        last = np.append(clock[1:] > clock[:-1], True)
        clock, loss = clock[last], loss[last]
    return clock, loss


def loss_floor(loss: np.ndarray) -> float:
    """What to take off the losses so that their logarithm exists: 0 where they are positive.

    Some zeros among positive losses are losses below what the log could write, and are left to `log_loss`. Where there
    are negative losses, the floor lies a little below the least of them (spikes apart); so it moves with the losses
    when a constant is added or multiplied.
    """
    if loss.size == 0 or (loss >= 0).all():
        return 0.0
    low, high = np.quantile(loss, [0.001, 0.999])
    size = max(abs(low), abs(high))
    span = high - low if high - low > ROUNDED * size else size  # a range of some roundings is that of a constant
    return float(low - FLOOR_SHARE * (span or 1.0))


def log_loss(loss: np.ndarray, floor: float) -> np.ndarray:
    """log(loss - floor); what is not above the floor counts as the least that is."""
    above = loss - floor
    positive = above[above > 0]
    least = positive.min() if positive.size else 1.0
    return np.log(np.maximum(above, least))


def positions(clock: np.ndarray, scale: ClockScale) -> np.ndarray:
    """Clock values on the scale of the segmentation.

    A clock that starts at 0 or below has no logarithm there: such records stand at half the first positive one.
    """
    if scale == "linear":
        return np.asarray(LINEAR_CLOCK_SPAN * (clock - clock[0]) / (clock[-1] - clock[0]))
    positive = clock[clock > 0]
    if positive.size == clock.size and np.log(clock[-1]) - np.log(clock[0]) < MIN_LENGTH:
        return np.asarray(np.log1p((clock - clock[0]) / clock[0]))
    return np.asarray(np.log(np.maximum(clock, positive[0] / 2 or positive[0])))


def _without_lone_spikes(values: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """The values, single ones far from the median of the five around them replaced by it.

    Where a curve goes one way, however steeply, that median is the value itself.
    """
    middle = median_filter(values, 5, mode="nearest")
    return np.where(np.abs(values - middle) > SPIKE_SIGMAS * sigma, middle, values)
