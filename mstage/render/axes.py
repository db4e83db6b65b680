"""The axis of a drawing: linear or logarithmic as the values need it, and where its ticks go."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LOG_CLOCK_FROM = 30.0  # a clock is drawn logarithmically from this ratio of its last value to its first above 0
MANTISSAS = ((1,), (1, 3), (1, 2, 5))  # of the ticks of a decade


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, linear or logarithmic."""

    low: float
    high: float
    log: bool

    @classmethod
    def of_clock(cls, clock: np.ndarray) -> Axis:
        """The axis over ascending clock values: logarithmic if they span decades, whether or not they start at 0."""
        positive = clock[clock > 0]
        if clock.size - positive.size <= 1 < positive.size and positive[-1] / LOG_CLOCK_FROM >= positive[0]:
            return cls(float(positive[0]), float(positive[-1]), True)
        return cls(float(clock[0]), float(clock[-1]), False)

    @classmethod
    def of_loss(cls, loss: np.ndarray) -> Axis:
        """The axis over losses: logarithmic if all are above 0."""
        low, high = float(loss.min()), float(loss.max())
        return cls(low, high, low > 0)

    @property
    def scale(self) -> str:
        """`log` or `linear`."""
        return "log" if self.log else "linear"

    @property
    def is_flat(self) -> bool:
        """Whether the two ends differ by no more than rounding does."""
        return self.high - self.low <= max(1e-12 * max(abs(self.low), abs(self.high)), 1e-300)

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where values lie, as shares of the axis from 0 to 1; what lies outside is moved to its ends."""
        if self.is_flat:
            return np.full(values.shape, 0.5)
        within = np.clip(values, self.low, self.high)
        ends = np.array([self.low, self.high])
        if self.log:
            within, ends = np.log(within), np.log(ends)
        return np.asarray((within - ends[0]) / (ends[1] - ends[0]))

    def place_of(self, value: float) -> float:
        """Where one value lies."""
        return float(self.place(np.array(value)))

    def ticks(self, most: int) -> list[float]:
        """Round values on the axis in ascending order, at most `most` (2 or more) of them."""
        if self.is_flat:
            return [self.low]
        if not self.log or self.high / 10 < self.low:
            return self._even_ticks(most)
        decades = range(math.floor(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        chosen: list[float] = []
        for mantissas in MANTISSAS:
            ticks = [t for e in decades for m in mantissas if self.low <= (t := float(f"{m}e{e}")) <= self.high]
            if len(ticks) > most and len(chosen) >= 2:
                break
            chosen = ticks
        return chosen[:: math.ceil(len(chosen) / most)]

    def _even_ticks(self, most: int) -> list[float]:
        exponent = math.floor(math.log10(self.high / most - self.low / most))
        for mantissa in (1, 2, 5, 10):
            step = float(f"{mantissa}e{exponent}")
            multiples = range(math.floor(self.low / step), math.ceil(self.high / step) + 1)
            ticks = [t for k in multiples if self.low <= (t := float(f"{k * mantissa}e{exponent}")) <= self.high]
            if len(ticks) <= most:
                break
        return ticks or [self.low]
