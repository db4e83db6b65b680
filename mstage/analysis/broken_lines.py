"""Which broken line through a noisy curve is the best, if each of its lines is a plateau, a descent or a rise?

The curve is a continuous broken line. Its knots are some dozen places along the clock and its heights there some values
around the smoothed curve; a line between two knots is a plateau, a descent or a rise by its slope. Over all such broken
lines and labels the best one is found exactly by dynamic programming: the misfit in units of the noise, plus a penalty
for each line, plus one for each change of label. The same program with sums in place of minima gives the probability of
each label at each place. Continuity is what makes the labels hold up in noise: without it a drop can hide in a jump.

References:
    Maidstone, Fearnhead, Letchford 2019, "Detecting changes in slope with an L0 penalty" (the continuous broken line).
    Runge, Pascucci, Deschamps, Romano, slopeOP (heights on a grid).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from mstage.analysis.cells import Cells

Kind: TypeAlias = Literal["plateau", "descent", "rise"]
KINDS: tuple[Kind, ...] = ("plateau", "descent", "rise")
EVERY_KIND = np.arange(3)[:, None, None, None]


class BrokenLines:
    """All the broken lines through some knots and heights, with what each of their lines costs."""

    def __init__(self, cells: Cells, knots: np.ndarray, heights: np.ndarray, line_penalty: float) -> None:
        """Tabulate the lines.

        Args:
            cells: The curve.
            knots: Cells at which a line may begin or end, shape (knots,), the first and the last cell among them.
            heights: Heights tried at each knot, shape (knots, heights).
            line_penalty: What each line pays.
        """
        self.knots = knots
        self.heights = heights
        self.at = cells.position[knots]
        self.cost = self._misfits(cells) + line_penalty

    def _misfits(self, cells: Cells) -> np.ndarray:
        """Weighted square misfit of the line from knot a at height i to knot b at height j, shape (a, b, i, j).

        The cell of a knot counts for the line that begins there, the last cell for the one that ends there. A misfit
        is sum w (y - (1 - tau) low - tau high)^2, tau from 0 to 1 along the line: a quadratic form in low and high,
        whose coefficients are differences of running sums.
        """
        x, y, weight = cells.position - cells.position[0], cells.value - cells.value.mean(), 1 / cells.variance
        ends = np.append(self.knots[:-1], x.size)

        def over(terms: np.ndarray) -> np.ndarray:
            sums = np.append(0.0, np.cumsum(terms))[ends]
            return np.asarray(sums[None, :] - sums[:, None])

        start, height = (self.at - cells.position[0])[:, None], self.heights - cells.value.mean()
        span = np.where(np.tri(start.size, k=0, dtype=bool), 1.0, start.T - start)
        w, wx, wy = over(weight), over(weight * x), over(weight * y)
        wxx, wxy, wyy = over(weight * x * x), over(weight * x * y), over(weight * y * y)
        first, mixed = (wx - start * w) / span, (wxy - start * wy) / span  # sums of w tau and of w y tau
        second = (wxx - 2 * start * wx + start * start * w) / span**2  # sums of w tau^2
        low, high = height[:, None, :], height[None, :, :]
        of_low = wyy[:, :, None] + low * (low * (w - 2 * first + second)[:, :, None] - 2 * (wy - mixed)[:, :, None])
        of_high = high * (high * second[:, :, None] - 2 * mixed[:, :, None])
        misfit = (2 * (first - second)[:, :, None] * low)[:, :, :, None] * high[:, :, None, :]
        misfit += of_low[:, :, :, None]
        misfit += of_high[:, :, None, :]
        return np.asarray(np.maximum(misfit, 0.0, out=misfit))

    def labels(self, steepness: float) -> np.ndarray:
        """Index into `KINDS` of each line, of the shape of `cost`: a plateau is less steep than `steepness`."""
        rise = self.heights[None, :, None, :] - self.heights[:, None, :, None]
        most = steepness * (self.at[None, :] - self.at[:, None])[:, :, None, None]
        return np.asarray((rise < -most) + 2 * (rise > most).view(np.int8))

    def part(self, first: int, last: int) -> BrokenLines:
        """Those between two knots (inclusive), as a view."""
        part = object.__new__(BrokenLines)
        knots = slice(first, last + 1)
        part.knots, part.heights, part.at = self.knots[knots], self.heights[knots], self.at[knots]
        part.cost = self.cost[knots, knots]
        return part


@dataclass(frozen=True)
class Path:
    """One broken line.

    Attributes:
        knots: Indices into the knots of its table, shape (lines + 1,).
        heights: Heights there, shape (lines + 1,).
        kinds: Indices into `KINDS`, shape (lines,).
        reach: Cost of the cheapest way to each knot and height of the table, shape (knots, heights).
    """

    knots: np.ndarray
    heights: np.ndarray
    kinds: np.ndarray
    reach: np.ndarray


def best_path(lines: BrokenLines, steepness: float, change: float) -> Path:
    """The cheapest broken line from the first knot to the last.

    Args:
        lines: The table.
        steepness: Slope between a plateau and a descent or a rise.
        change: Penalty for a change of label.
    """
    labels = lines.labels(steepness)
    count, choices = lines.heights.shape
    arrive = np.full((3, count, choices), np.inf)  # cheapest way to a knot and height by the label of its last line
    leave = np.full((3, count, choices), np.inf)  # and on from there by the label of the next line
    came_from = np.zeros((3, count, choices), np.int64)
    label_before = np.zeros((3, count, choices), np.int8)
    leave[:, 0] = 0.0
    for end in range(1, count):
        cost, label = lines.cost[:end, end], labels[:end, end]
        ways = np.where(label == EVERY_KIND, cost + leave[:, :end, :, None], np.inf).reshape(3, -1, choices)
        came_from[:, end] = ways.argmin(axis=1)
        arrive[:, end] = ways.min(axis=1)
        cheapest, changed = arrive[:, end].argmin(axis=0), arrive[:, end].min(axis=0) + change
        stays = arrive[:, end] <= changed
        leave[:, end] = np.where(stays, arrive[:, end], changed)
        label_before[:, end] = np.where(stays, np.arange(3)[:, None], cheapest)
    kind, height = (int(i) for i in np.unravel_index(arrive[:, -1].argmin(), (3, choices)))
    end, knots, heights, kinds = count - 1, [count - 1], [height], []
    while end > 0:
        kinds.append(kind)
        begin, height = divmod(int(came_from[kind, end, height]), choices)
        kind, end = int(label_before[kind, begin, height]), begin
        knots.append(begin)
        heights.append(height)
    reach = arrive.min(axis=0)
    reach[0] = 0.0
    along = np.array(knots[::-1])
    return Path(along, lines.heights[along, heights[::-1]], np.array(kinds[::-1]), reach)


def label_probabilities(lines: BrokenLines, path: Path, steepness: float, change: float) -> np.ndarray:
    """Probability of each label between each two neighbouring knots, shape (3, knots - 1).

    Every broken line has the probability exp(-cost/2), up to a factor; the sums over all of them are taken by a pass
    forwards and one backwards. Costs are counted from the cheapest way to each place, which keeps the exponentials
    between 0 and exp(change/2) and the sums the same.

    Args:
        lines: The table.
        path: The cheapest broken line of that table, with the same steepness and change.
        steepness: Slope between a plateau and a descent or a rise.
        change: Penalty for a change of label.
    """
    labels = lines.labels(steepness)
    count, choices = lines.heights.shape
    reach = path.reach
    excess = lines.cost + reach[:, None, :, None] - reach[None, :, None, :]
    ordered = np.triu(np.ones((count, count), bool), 1)[:, :, None, None]
    weight = np.exp(np.where(ordered, -excess / 2, -np.inf))
    by_label = np.where(labels == EVERY_KIND[..., None], weight, 0.0)
    switch = np.full((3, 3), np.exp(-change / 2))
    np.fill_diagonal(switch, 1.0)
    forward = np.zeros((3, count, choices))  # on from a place, by the label of the next line
    forward[:, 0] = 1.0
    backward = np.zeros((3, count, choices))  # on from a place, by the label of the line that ended there
    backward[:, -1] = np.exp(-(reach[-1] - reach[-1].min()) / 2)
    for at in range(1, count):
        forward[:, at] = switch @ np.einsum("kaij,kai->kj", by_label[:, :at, at], forward[:, :at])
    for at in range(count - 2, -1, -1):
        backward[:, at] = switch @ np.einsum("kbij,kbj->ki", by_label[:, at, at + 1 :], backward[:, at + 1 :])
    onward = np.einsum("kabij,kbj->kabi", by_label, backward)
    mass = np.einsum("kai,kabi->kab", forward, onward)
    covering = np.cumsum(mass.sum(axis=2) - mass.sum(axis=1), axis=1)[:, :-1].clip(min=0.0)
    return np.asarray(covering / covering.sum(axis=0))
