"""What does a curve look like without its noise, between one record and another?

The lines drawn from the posterior tell it, each one probable; where the records clearly lie off them, as they do on a
curve without noise, the records do.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.tuning import CLEAR_MISS, CLEAR_TREND, FASTER

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.analysis.stages.broken_lines import Kind
    from mstage.analysis.stages.records import Records
    from mstage.analysis.stages.segmentation import Segmentation

MARKS = 33  # places along a plateau at which its level is read
PARTS = 24  # of a plateau, of which the flattest tells from where it is left
SAME = 1e-9  # between positions, up to which they are one
READ = 2000  # records at most, that a mean or a slope is taken from
FLAT_STEP = 0.01  # of the way over the initial plateau, within which it has not begun to be left
FLAT_SIGMA = 0.1  # of the noise of a record, the same
UNMOVED = 3.0  # standard deviations over the lines drawn, the same


@dataclass(frozen=True)
class Trend:
    """How the level of a plateau goes on: straight, on the clock or on the scale of the segmentation."""

    origin: float
    slope: float
    on_clock: bool

    def rise(self, position: np.ndarray, clock: np.ndarray) -> np.ndarray:
        """Since its origin."""
        return np.asarray(self.slope * ((clock if self.on_clock else position) - self.origin))


class DrawnCurve:
    """The records of a curve, and the lines drawn through them.

    Attributes:
        records: The records.
        kinds: Of the segments.
        edges: Positions at which the segments begin and the last ends.
        at: Positions at which the lines may bend, shape (knots,).
        lines: Heights there, shape (draws, knots).
    """

    def __init__(self, records: Records, segmentation: Segmentation) -> None:
        """Take them as they are."""
        self.records = records
        self.kinds: list[Kind] = [one.kind for one in segmentation.segments]
        self.edges = segmentation.edges
        self.at, self.lines = segmentation.at, segmentation.lines
        self._mean = self.lines.mean(axis=0)

    def clock(self, position: np.ndarray) -> np.ndarray:
        """Clock at some positions."""
        return np.asarray(np.interp(position, self.records.position, self.records.clock))

    def position(self, clock: np.ndarray) -> np.ndarray:
        """Positions of some values of the clock."""
        return np.asarray(np.interp(clock, self.records.clock, self.records.position))

    def line(self, position: np.ndarray) -> np.ndarray:
        """Height of the mean of the lines at some positions."""
        return np.asarray(np.interp(position, self.at, self._mean))

    def heights(self, position: np.ndarray) -> Float[np.ndarray, "draws positions"]:
        """Of each line at some positions."""
        left = (np.searchsorted(self.at, position, side="right") - 1).clip(0, self.at.size - 2)
        share = (position - self.at[left]) / (self.at[left + 1] - self.at[left])
        return np.asarray(self.lines[:, left] * (1 - share) + self.lines[:, left + 1] * share)

    def height(self, position: float) -> Float[np.ndarray, " draws"]:
        """Of each line at a position, with the miss of the record there."""
        at = self.first(position)
        return np.asarray(self.heights(np.array([position]))[:, 0] + self._miss(at, at + 1))

    def beginning(self, last: float) -> Float[np.ndarray, " draws"]:
        """Height of each line where an initial plateau begins that lasts to a position.

        With the miss of those records that are still up there. Where noise hides for longer whether the plateau has
        moved from where it began, it began at its level until then.
        """
        marks = np.linspace(self.edges[0], last, MARKS)
        line, lines = self.line(marks), self.heights(marks)
        allowed = max(FLAT_STEP * abs(float(line[-1] - line[0])), FLAT_SIGMA * float(self.records.sigma[0]))
        spread = (lines - lines[:, :1]).std(axis=0)
        unsure = np.where(spread < self.records.sigma[0], UNMOVED * spread, 0.0)  # else it is not of the noise
        near, hidden = (
            int(moved.argmax()) - 1 if moved.any() else MARKS - 1
            for moved in (np.abs(line - line[0]) > allowed, np.abs(line - line[0]) > np.maximum(allowed, unsure))
        )
        if hidden > near:
            return self.level(self.edges[0], float(marks[hidden]))
        end = self.first(float(marks[near])) if near > 0 else 1
        return np.asarray(lines[:, 0] + self._miss(0, end))

    def level(self, first: float, last: float) -> Float[np.ndarray, " draws"]:
        """Median height of each line from one position to another, moved to the records where they clearly lie off."""
        heights = np.median(self.heights(np.linspace(first, last, MARKS)), axis=1)
        return np.asarray(heights + self._miss(self.first(first), self.first(last) + 1))

    def flattest(self, first: float, last: float) -> Float[np.ndarray, " draws"]:
        """Level of each line in the two neighbouring parts of a plateau between which the curve changes least."""
        marks = np.linspace(first, last, PARTS + 1)
        at = [self.first(mark) for mark in marks.tolist()]
        middles = self.line((marks[1:] + marks[:-1]) / 2)
        levels = middles + [self._miss(a, b) for a, b in pairwise(at)]
        part = int(np.abs(np.diff(levels)).round(9).argmin())  # the first of those along one straight line
        return self.level(float(marks[part]), float(marks[part + 2]))

    def trend(self, first: float, last: float) -> tuple[Float[np.ndarray, " draws"], Trend] | None:
        """Height of each line in the second half of a plateau that goes on steadily, and its trend; else None.

        Steadily on the scale of the segmentation or on the clock itself, whichever is the steadier: the slope of the
        second half is clear, and that of the first is the same within its error.
        """
        best: tuple[float, bool, list[int]] | None = None
        for on_clock in (False, True):
            scale = self.records.clock if on_clock else self.records.position
            begin, end = self.clock(np.array([first, last])) if on_clock else (first, last)
            a, b, c = np.searchsorted(scale, begin + (end - begin) * np.array([0.1, 0.5, 0.9])).tolist()
            (before, error), (after, after_error) = self._slope(a, b, on_clock), self._slope(b, c, on_clock)
            clear = abs(after) > max(CLEAR_TREND * after_error, 2 * error)
            slow, fast = sorted((abs(before), abs(after)))
            same = fast < FASTER * slow or fast - slow < np.hypot(error, after_error)
            if clear and same and before * after > 0 and (best is None or fast < best[0] * slow):
                best = fast / slow, on_clock, [a, b, c]
        if best is None:
            return None
        _, on_clock, (a, b, c) = best
        origin = self.records.position[[(b + c) // 2]]
        trend = Trend(float((self.clock(origin) if on_clock else origin)[0]), self._slope(a, c, on_clock)[0], on_clock)
        return np.asarray(self.heights(origin)[:, 0] + self._miss(b, c)), trend

    def first(self, position: float) -> int:
        """The first record at or after a position, within what the logarithm of another unit of the clock rounds."""
        return int(np.searchsorted(self.records.position, position - SAME))

    def _miss(self, a: int, b: int) -> float:
        """How far the records from a up to b lie off the mean line on average; 0 where that may be noise."""
        b = min(max(b, a + 1), self.records.position.size)
        chosen = slice(min(a, b - 1), b, max((b - a) // READ, 1))
        off = self.records.value[chosen] - self.line(self.records.position[chosen])
        miss = float(np.mean(off))
        variance = self._variance(chosen) / off.size
        return miss * max(1 - CLEAR_MISS**2 * variance / miss**2, 0.0) if miss**2 > 0 else 0.0

    def _slope(self, a: int, b: int, on_clock: bool) -> tuple[float, float]:
        """Of the records from a up to b, on the clock or on the scale of the segmentation, and its standard error."""
        if b - a < 3:
            return 0.0, np.inf
        chosen = slice(a, b, max((b - a) // READ, 1))
        x = (self.records.clock if on_clock else self.records.position)[chosen]
        x = x - x.mean()
        unit = float(np.abs(x).max())  # whose square may be no float64
        if unit == 0:
            return 0.0, np.inf
        x = x / unit
        spread = float(x @ x)
        variance = self._variance(chosen) / spread
        return float(x @ self.records.value[chosen]) / spread / unit, float(np.sqrt(variance)) / unit

    def _variance(self, chosen: slice) -> float:
        """Mean variance of the noise of some records, as one counts in a mean of many."""
        return float(np.mean(self.records.sigma[chosen] ** 2)) * self.records.noise.inflation
