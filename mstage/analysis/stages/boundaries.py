"""Where exactly does a stage end, and how sure is that?

The segmentation says which stages there are; where they end is read off the records, by a definition that is alike on
every curve. A plateau ends where the loss has come a tenth of the way to the next level, which for the initial plateau
is the exit time T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10}; a descent ends where the log loss has come nine tenths of
its way. So a boundary is where the records pass a level: where the monotone curve nearest to them does. Of that curve
only the crossing is needed, which is where the running sum of the records' heights above the level is largest.

Its interval comes from a parametric bootstrap: the same is read off lines drawn from the posterior, with noise as the
records have it.

References:
    Barlow, Bartholomew, Bremner, Brunk 1972, "Statistical inference under order restrictions" (level sets of the
        isotonic regression).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.tuning import BREAK, FASTER, MIN_RECORDS_OFF, TREND_SHARES, WIDEN

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.analysis.stages.records import Records
    from mstage.analysis.stages.segmentation import Segmentation

PLATEAU_SHARE = 0.1  # of the way, on the scale of the loss, that ends a plateau
DESCENT_SHARE = 0.9  # of the way, on the scale of log loss, that ends a descent
MARKS = 33  # places along a plateau at which its level is read
PARTS = 24  # of a plateau, of which the flattest tells from where it is left
SURE = 5.0  # standard deviations from the level, at which a record alone is surely on its side
BESIDE = 12  # records that are looked at besides
WINDOW = 300  # records or means of records in which a crossing is sought
CLEAR_TREND = 3.0  # standard errors of the slope of a plateau's second half, beyond which it has a trend
CLEAR_MISS = 2.0  # standard errors of the records off the line, beyond which a level follows the records
QUANTILES = (0.05, 0.95)


@dataclass(frozen=True)
class Boundary:
    """End of a stage and start of the next, with its 90 % interval, in units of the clock."""

    position: float
    low: float
    high: float


def locate_boundaries(records: Records, segmentation: Segmentation) -> list[Boundary]:
    """The boundaries between the segments of a curve, one fewer than there are segments, ascending."""
    return _Locator(records, segmentation).boundaries()


@dataclass(frozen=True)
class _Trend:
    """How the level of a plateau goes on: straight, on the clock or on the scale of the segmentation."""

    origin: float
    slope: float
    on_clock: bool

    def rise(self, position: np.ndarray, clock: np.ndarray) -> np.ndarray:
        """Since its origin."""
        return np.asarray(self.slope * ((clock if self.on_clock else position) - self.origin))


NO_TREND = _Trend(0.0, 0.0, False)


class _Locator:
    """The curve, its segments, and lines drawn through them."""

    def __init__(self, records: Records, segmentation: Segmentation) -> None:
        self.records = records
        self.kinds = [one.kind for one in segmentation.segments]
        self.at, self.lines = segmentation.at, segmentation.lines
        self.mean = self.lines.mean(axis=0)
        self.edges = segmentation.edges
        rho, size = records.noise.correlation, (len(self.lines), WINDOW)
        self.noise = _ar_noise(rho, size, np.random.default_rng(0))

    def boundaries(self) -> list[Boundary]:
        out: list[Boundary] = []
        for index in range(len(self.kinds) - 1):
            boundary = self._boundary(index)
            if out and boundary.position <= out[-1].position:  # noise can turn two round: the later is at its edge
                position = max(out[-1].position, float(self._clock(np.array([self.edges[index + 1]]))[0]))
                boundary = Boundary(position, min(boundary.low, position), max(boundary.high, position))
            out.append(boundary)
        return out

    def _boundary(self, index: int) -> Boundary:
        early = self.kinds[index] == "plateau"
        if not early and self.kinds[index + 1] != "plateau":
            return self._turn(index)
        way = index + 1 if early else index
        start, goal, trend = self._start(way), self._goal(way), NO_TREND
        length = abs(float(np.median(goal - start)))
        if way > 0 and (leaving := self._trend(way - 1, way, length)):
            start, trend = leaving
        if way + 1 < len(self.kinds) and (arriving := self._trend(way + 1, way, length)) and arriving[1].on_clock:
            begin = np.array([self.edges[way + 1]])
            goal = arriving[0] + arriving[1].rise(begin, self._clock(begin))[0]
        falls = 1.0 if self.kinds[way] == "descent" else -1.0
        if falls * float(np.median(start - goal)) <= 0:  # the plateau before or after it goes against it
            return self._at_edge(index)
        level = self.records.scale.share_of_the_way(PLATEAU_SHARE, start, goal) if early else start + DESCENT_SHARE * (goal - start)
        return self._crossing(index, level, (start + goal) / 2, trend, falls, early)

    def _heights(self, position: np.ndarray) -> np.ndarray:
        """Of the lines drawn at some positions, shape (draws, positions)."""
        left = (np.searchsorted(self.at, position, side="right") - 1).clip(0, self.at.size - 2)
        share = (position - self.at[left]) / (self.at[left + 1] - self.at[left])
        return np.asarray(self.lines[:, left] * (1 - share) + self.lines[:, left + 1] * share)

    def _line(self, position: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(position, self.at, self.mean))

    def _level(self, first: float, last: float) -> np.ndarray:
        """Median height of each line from one position to another, moved to the records where they clearly lie off."""
        heights = np.median(self._heights(np.linspace(first, last, MARKS)), axis=1)
        a, b = np.searchsorted(self.records.position, [first, last], side="left")
        b = max(min(b + 1, self.records.position.size), a + 1)
        return np.asarray(heights + self._miss(a, b))

    def _miss(self, a: int, b: int) -> float:
        """How far records lie off the mean line on average; 0 where that may be noise."""
        b = min(b, self.records.position.size)
        a = min(a, b - 1)
        step = max((b - a) // 2000, 1)
        chosen = slice(a, b, step)
        miss = float(np.mean(self.records.value[chosen] - self._line(self.records.position[chosen])))
        variance = float(np.mean(self.records.sigma[chosen] ** 2)) * self.records.noise.inflation / len(range(a, b, step))
        return miss * max(1 - CLEAR_MISS**2 * variance / miss**2, 0.0) if miss else 0.0

    def _start(self, way: int) -> np.ndarray:
        """Height from which a descent or a rise starts, for each line.

        After the initial plateau that is where the curve begins, after a later one where it is flattest.
        """
        if way == 0 or self.kinds[way - 1] != "plateau":
            return self._end_height(self.edges[way])
        first, last = self.edges[way - 1], self.edges[way]
        return self._first_height(first, last) if way == 1 else self._flattest(first, last)

    def _slope(self, a: int, b: int, on_clock: bool) -> tuple[float, float]:
        """Of the records from a up to b, on the clock or on the scale of the segmentation, and its standard error."""
        if b - a < 3:
            return 0.0, np.inf
        chosen = slice(a, b, max((b - a) // 2000, 1))
        x = (self.records.clock if on_clock else self.records.position)[chosen]
        x = x - x.mean()
        spread = float(x @ x)
        variance = float(np.mean(self.records.sigma[chosen] ** 2)) * self.records.noise.inflation / spread
        return float(x @ self.records.value[chosen]) / spread, float(np.sqrt(variance))

    def _flattest(self, first: float, last: float) -> np.ndarray:
        """Level of each line in the two neighbouring parts of a plateau between which the curve changes least."""
        marks = np.linspace(first, last, PARTS + 1)
        at = np.searchsorted(self.records.position, marks)
        middles = self._line((marks[1:] + marks[:-1]) / 2)
        levels = middles + [self._miss(a, max(b, a + 1)) for a, b in pairwise(at.tolist())]
        part = int(np.abs(np.diff(levels)).argmin())
        return self._level(float(marks[part]), float(marks[part + 2]))

    def _goal(self, way: int) -> np.ndarray:
        """Height to which a descent or a rise leads, for each line: the median of the plateau after it."""
        if way + 1 == len(self.kinds) or self.kinds[way + 1] != "plateau":
            return self._end_height(self.edges[way + 1])
        return self._level(self.edges[way + 1], self.edges[way + 2])

    def _trend(self, index: int, way: int, length: float) -> tuple[np.ndarray, _Trend] | None:
        """Height of each line in the second half of a plateau that goes on steadily, and its trend; else None.

        Args:
            index: The plateau.
            way: The descent or rise before or after it.
            length: Of that, from height to height.

        Steadily on the scale of the segmentation or on the clock itself, whichever is the steadier; by a share of the
        way beside it that counts and is not all of it; and many times less steeply. Such a plateau is left, and
        reached, where its trend is, and not its level.
        """
        if self.kinds[index] != "plateau":
            return None
        first, last = self.edges[index], self.edges[index + 1]
        best: tuple[float, bool, np.ndarray] | None = None
        for on_clock in (False, True):
            scale = self.records.clock if on_clock else self.records.position
            begin, end = self._clock(np.array([first, last])) if on_clock else (first, last)
            marks = np.searchsorted(scale, begin + (end - begin) * np.array([0.1, 0.5, 0.9]))
            before, after = self._slope(marks[0], marks[1], on_clock), self._slope(marks[1], marks[2], on_clock)
            clear = abs(after[0]) > max(CLEAR_TREND * after[1], 2 * before[1])
            slow, fast = sorted((abs(before[0]), abs(after[0])))
            same = fast < FASTER * slow or fast - slow < np.hypot(before[1], after[1])
            if clear and same and before[0] * after[0] > 0 and (best is None or fast < best[0] * slow):
                best = fast / slow, on_clock, marks
        if best is None:
            return None
        _, on_clock, (a, b, c) = best
        origin = self.records.position[[(b + c) // 2]]
        trend = _Trend(float((self._clock(origin) if on_clock else origin)[0]), self._slope(a, c, on_clock)[0], on_clock)
        heights = self._heights(origin)[:, 0] + self._miss(b, c)
        ends, sides = np.array([first, last]), np.array(self.edges[way : way + 2])
        rise = float(np.ptp(trend.rise(ends, self._clock(ends))))
        span = float(np.ptp(self._clock(sides) if on_clock else sides))
        counts = TREND_SHARES[0] * length <= rise <= TREND_SHARES[1] * length
        return (heights, trend) if counts and length > BREAK * abs(trend.slope) * span else None

    def _first_height(self, first: float, last: float) -> np.ndarray:
        """Height of each line where the initial plateau begins, with the miss of the records that are still up there."""
        marks = np.linspace(first, last, MARKS)
        line = self._line(marks)
        noise = self.records.sigma[0]
        moved = np.abs(line - line[0]) > max(0.01 * abs(line[-1] - line[0]), 0.1 * noise)
        near = marks[int(moved.argmax()) - 1] if moved.any() and moved.argmax() > 0 else marks[-1]
        a, b = np.searchsorted(self.records.position, [first, near])
        if moved.any() and not moved.argmax() > 0:
            b = a + 1
        return np.asarray(self._heights(np.array([first]))[:, 0] + self._miss(a, max(b, a + 1)))

    def _end_height(self, position: float) -> np.ndarray:
        """Height of each line at a position, with the miss of the record there."""
        at = min(int(np.searchsorted(self.records.position, position)), self.records.position.size - 1)
        return np.asarray(self._heights(np.array([position]))[:, 0] + self._miss(at, at + 1))

    def _crossing(
        self, index: int, level: np.ndarray, middle: np.ndarray, trend: _Trend, falls: float, early: bool
    ) -> Boundary:
        """Where the records pass a level.

        Args:
            index: The stage that ends there.
            level: For each line drawn, shape (draws,).
            middle: Half of the way, for each line.
            trend: Of the level.
            falls: 1 for a descent, -1 for a rise.
            early: Whether a plateau ends there, which happens before the middle.
        """
        records = self.records
        a, b = np.searchsorted(records.position, [self.edges[index], self.edges[index + 2]])
        b = min(b + 1, records.position.size)
        position = records.position[a:b]
        line = self._line(position) - trend.rise(position, records.clock[a:b])
        height = falls * (line - level.mean())
        half = falls * (middle.mean() - level.mean())
        reached = height <= half if early else height < half
        turn = int(reached.argmax()) if reached.any() else position.size
        inside = slice(0, min(turn + BESIDE, position.size)) if early else slice(max(turn - BESIDE, 0), position.size)
        unsure = np.flatnonzero(np.abs(height[inside]) <= SURE * records.sigma[a:b][inside]) + inside.start
        cross = int(np.argmax(height[inside] <= 0)) + inside.start
        first = max(min(unsure.min(initial=cross), cross) - BESIDE, inside.start)
        last = min(max(unsure.max(initial=cross), cross) + BESIDE + 1, inside.stop)
        return self._passed(a + first, a + last, height[first:last], level - level.mean(), trend, falls, level.mean())

    def _passed(
        self, a: int, b: int, line: np.ndarray, off: np.ndarray, trend: _Trend, falls: float, level: float
    ) -> Boundary:
        """Where the records from a up to b pass a level that is off by so much for each line drawn."""
        records = self.records
        size = -(-(b - a) // WINDOW)
        starts = np.arange(0, b - a, size)
        sizes = np.diff(np.append(starts, b - a))

        def means(values: np.ndarray) -> np.ndarray:
            return np.asarray(np.add.reduceat(values, starts) / sizes)

        rise = trend.rise(records.position[a:b], records.clock[a:b])
        height = means(falls * (records.value[a:b] - rise - level))
        clock, line, sigma = means(records.clock[a:b]), means(line), np.sqrt(means(records.sigma[a:b] ** 2))
        if size > 1:
            sigma = sigma * np.sqrt(records.noise.inflation / sizes)
        noise = self.noise[0 if size == 1 else 1][:, : sigma.size] * sigma
        at = _crossed(height[None])[0]
        moved = _crossed(line + noise - falls * off[:, None]) - _crossed(line[None])[0]
        low, high = np.quantile(moved, QUANTILES)
        below, above = WIDEN * max(-low, 0.0) + MIN_RECORDS_OFF / size, WIDEN * max(high, 0.0) + MIN_RECORDS_OFF / size
        places = np.interp([at, at - below, at + above], np.arange(clock.size), clock)
        return Boundary(*places.tolist())

    def _turn(self, index: int) -> Boundary:
        """Where a descent and a rise meet: the lowest (highest) record near where the lines turn."""
        records, falls = self.records, 1.0 if self.kinds[index] == "descent" else -1.0
        inside = np.flatnonzero((self.at >= self.edges[index]) & (self.at <= self.edges[index + 2]))
        turns = inside[(falls * self.lines[:, inside]).argmin(axis=1)]
        low, middle, high = np.quantile(turns, [QUANTILES[0], 0.5, QUANTILES[1]], method="nearest")
        around = [max(middle - 1, 0), min(middle + 1, self.at.size - 1), max(low - 1, 0), min(high + 1, self.at.size - 1)]
        a, b, first, last = np.searchsorted(records.position, self.at[around])
        at = a + int(np.argmin(falls * records.value[a : b + 1]))
        clock = records.clock[[at, min(first, at), max(min(last, records.clock.size - 1), at)]]
        return Boundary(*clock.tolist())

    def _at_edge(self, index: int) -> Boundary:
        return Boundary(*[float(self._clock(np.array([self.edges[index + 1]]))[0])] * 3)

    def _clock(self, position: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(position, self.records.position, self.records.clock))


def _ar_noise(rho: float, size: tuple[int, int], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """AR(1) noise and white noise of unit variance, each of shape (draws, records)."""
    white = random.standard_normal(size)
    if rho == 0:
        return white, white
    out = white.copy()
    for k in range(1, size[1]):
        out[:, k] = rho * out[:, k - 1] + np.sqrt(1 - rho * rho) * white[:, k]
    return out, white


def _crossed(heights: Float[np.ndarray, "curves records"]) -> Float[np.ndarray, " curves"]:
    """At which record the isotonic regression of falling curves passes 0, between records by a straight line."""
    sums = np.pad(np.cumsum(heights, axis=1), ((0, 0), (1, 0)))
    after = sums.argmax(axis=1)  # the first record that counts as below
    rows = np.arange(len(heights))
    last = heights.shape[1] - 1
    above, below = heights[rows, (after - 1).clip(0, last)], heights[rows, after.clip(0, last)]
    step = above - below
    share = np.where(step > 0, above / np.where(step > 0, step, 1.0), 0.0).clip(0, 1)
    return np.asarray(np.where(after == 0, 0.0, np.where(after > last, last, after - 1 + share)))
