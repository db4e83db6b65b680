"""On which scale are the stages of a curve seen?

Stages are seen on a logarithmic clock: a plateau is as long as what came before it. A loss is seen on a logarithmic
scale, on which a drop is as large as its factor; what can be negative, and what rises to a ceiling as an accuracy or a
return does, on its own scale, on which a drop is as large as its share of the whole range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import median_filter

from mstage.analysis.stages.noise import Noise, noise_of_records
from mstage.analysis.stages.tuning import RANGE_LENGTH, RISING_BLOCKS, RISING_FACTOR, RISING_SHARE, SPIKE_SIGMAS

if TYPE_CHECKING:
    from jaxtyping import Float

LINEAR_CLOCK_SPAN = 10.0  # length of a linear clock, in the units in which a logarithmic one has 2.3 a decade
ROUNDED = 2.0**-46  # of the size of losses, that their range is at least if it is no rounding
MIN_LENGTH = 1e-6  # of a log clock, below which the logarithms of its values would have too few digits
LARGEST_LOG = 700.0  # of losses that are computed with as they are

ClockScale = Literal["log", "linear"]
Goal = Literal["min", "max"]


@dataclass(frozen=True)
class ValueScale:
    """How losses are put on the scale on which stages are seen, and back.

    Attributes:
        logarithmic: Whether it is their logarithm; else a straight scale.
        origin: The loss at 0 of a straight scale.
        unit: The loss that a straight scale has as 1; below 0 where losses are to rise, so that heights fall as those
            of a loss do, and what is expected of a loss is expected of them.
    """

    logarithmic: bool
    origin: float = 0.0
    unit: float = 1.0

    @classmethod
    def of(cls, loss: np.ndarray, goal: Goal | None = None) -> ValueScale:
        """The logarithm for losses that are not negative and do not rise to a ceiling.

        Some zeros among positive losses are losses below what the log could write. A straight scale moves with the
        losses when a constant is added or multiplied: their range, spikes apart, has a fixed length on it.

        Args:
            loss: Shape (records,).
            goal: Whether they are to be minimised or maximised, where that is known: what is maximised has a straight
                scale whatever it does, and what is minimised and not negative a logarithmic one.
        """
        up = goal == "max" or (goal is None and _rises(loss))
        nears_ceiling = up and (goal == "max" or _factor(loss) <= RISING_FACTOR)
        if loss.size == 0 or (not nears_ceiling and (loss >= 0).all()):
            return cls(True)
        low, high = np.quantile(loss, [0.001, 0.999])
        size = max(abs(low), abs(high))
        span = high - low if high - low > ROUNDED * size else size  # a range of some roundings is that of a constant
        return cls(False, float(low), (-1 if up else 1) * float(span or 1.0) / RANGE_LENGTH)

    @property
    def is_upside_down(self) -> bool:
        """Whether a height falls where the loss rises."""
        return not self.logarithmic and self.unit < 0

    def height(self, loss: np.ndarray) -> np.ndarray:
        """Losses on the scale; on a logarithmic one what is 0 counts as the least that is not."""
        if not self.logarithmic:
            return np.asarray((loss - self.origin) / self.unit)
        positive = loss[loss > 0]
        return np.log(np.maximum(loss, positive.min() if positive.size else 1.0))

    def loss(self, height: np.ndarray) -> np.ndarray:
        """Losses at some heights."""
        if self.logarithmic:
            return np.exp(np.minimum(height, LARGEST_LOG))
        return self.origin + self.unit * np.asarray(height)

    def share_of_the_way(self, share: float, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Height at which the loss itself has come a share of its way from one height to another."""
        if not self.logarithmic:
            return np.asarray(start + share * (goal - start))
        most = np.maximum(start, goal)
        unit = np.where(np.abs(most) > LARGEST_LOG, most, 0.0)  # exp of more is not finite, exp of less is 0
        return np.asarray(unit + np.log((1 - share) * np.exp(start - unit) + share * np.exp(goal - unit)))


def _rises(loss: np.ndarray) -> bool:
    """Whether losses go up nearly all the way."""
    steps = np.diff(_blocks(loss))
    up, down = float(steps[steps > 0].sum()), float(-steps[steps < 0].sum())
    return up > 0 and down <= RISING_SHARE * up


def _factor(loss: np.ndarray) -> float:
    """By how much losses go up."""
    blocks = _blocks(loss)
    low = float(blocks.min())
    return float(blocks.max()) / low if low > 0 else np.inf


def _blocks(loss: np.ndarray) -> np.ndarray:
    """Medians of losses one after the other."""
    return np.array([np.median(one) for one in np.array_split(loss, RISING_BLOCKS) if one.size])


@dataclass(frozen=True)
class Records:
    """The records of a curve on the scale on which stages are seen.

    Attributes:
        clock: Ascending, shape (records,).
        position: The same on the scale of the segmentation: natural log of the clock, or the clock stretched to 0..10.
        value: Heights of the losses on `scale`, single outlying records replaced by the median around them.
        sigma: Standard deviation of the noise of each.
        noise: Over all of them.
        scale: Of the losses.
        clock_scale: Of the clock.
    """

    clock: Float[np.ndarray, " records"]
    position: Float[np.ndarray, " records"]
    value: Float[np.ndarray, " records"]
    sigma: Float[np.ndarray, " records"]
    noise: Noise
    scale: ValueScale
    clock_scale: ClockScale

    @classmethod
    def of(cls, clock: np.ndarray, loss: np.ndarray, clock_scale: ClockScale, goal: Goal | None = None) -> Records:
        """Put clean records on their scale.

        Args:
            clock: Ascending, shape (records,), at least two different values, on a log clock two of them positive.
            loss: Shape (records,).
            clock_scale: Scale of the clock.
            goal: Whether losses are to be minimised or maximised, where that is known.
        """
        scale = ValueScale.of(loss, goal)
        values = scale.height(loss)
        noise, sigma = noise_of_records(values)
        position, value = positions(clock, clock_scale), _without_lone_spikes(values, sigma)
        return cls(clock, position, value, sigma, noise, scale, clock_scale)


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
