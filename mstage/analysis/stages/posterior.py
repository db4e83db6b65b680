"""How probable is each broken line through a noisy curve, and what do the probable ones look like?

The posterior of a broken line is its likelihood (see `broken_lines`) times a prior for where it bends, how steep its
lines are and which label follows which. A forward pass over the knots sums over all broken lines exactly, and a
backward pass samples from them. The lines are continuous, so that a drop cannot hide in a jump; and they are summed and
not maximised, so that the labels hold where the noise leaves many lines equally good.

References:
    Fearnhead 2006, "Exact and efficient Bayesian inference for multiple changepoint problems" (the two passes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int8

    from mstage.analysis.stages.broken_lines import BrokenLines


@dataclass(frozen=True)
class Prior:
    """What is expected of a broken line before the curve is seen, as natural logs of probabilities.

    Attributes:
        steepness: Slope between a plateau and a descent or a rise.
        least_change: Of the height along a line, below which it is a plateau however steep it is.
        initial: Of the label of the first line, shape (3,).
        final: Of the label of the last line, shape (3,).
        transition: Of a label (second index) after another one (first index) at a knot, shape (3, 3).
    """

    steepness: float
    least_change: float
    initial: Float[np.ndarray, " 3"]
    final: Float[np.ndarray, " 3"]
    transition: Float[np.ndarray, "3 3"]


class Posterior:
    """The probability of every broken line of a table.

    Attributes:
        total: Log of the sum over all of them, of likelihood times prior.
    """

    def __init__(self, table: BrokenLines, prior: Prior) -> None:
        """Run the forward pass.

        Args:
            table: The lines.
            prior: What is expected of them.
        """
        self._table = table
        self._prior = prior
        count, choices = table.heights.shape
        self._forward = np.full((3, count, choices), -np.inf)  # log messages, by the label of the last line
        self._backpointers: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0))]
        onward = np.empty((3, count, choices))  # the same, by the label of the next line
        onward[:, 0] = prior.initial[:, None]
        spacing = np.gradient(table.heights, axis=1)
        for end in range(1, count):
            log, label = self._lines_to(end, spacing[end])
            before = onward[:, table.lines_from(end) : end, :, None]
            log += np.where(label == 0, before[0], np.where(label == 1, before[1], before[2]))
            log, label = log.reshape(-1, choices), label.reshape(-1, choices)
            most = np.maximum(log.max(axis=0), -np.finfo(float).max)
            weight = np.exp(log - most)
            self._backpointers.append((weight, label))
            falls, rises = (np.where(label == kind, weight, 0.0).sum(axis=0) for kind in (1, 2))
            sums = np.stack([np.where(label == 0, weight, 0.0).sum(axis=0), falls, rises])
            with np.errstate(divide="ignore"):
                self._forward[:, end] = np.log(sums) + most
            onward[:, end] = np.logaddexp.reduce(self._forward[:, None, end] + prior.transition[:, :, None], axis=0)
        self.total = float(np.logaddexp.reduce((self._forward[:, -1] + prior.final[:, None]).ravel()))

    def _lines_to(self, end: int, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log of likelihood times prior of each line to a knot, and its label, shape (a, i, j).

        The prior of a plateau's slope is even, that of a descent's or a rise's falls with its square. It is a density,
        so that a height stands for as much of it as it is away from the next.
        """
        table, steepness = self._table, self._prior.steepness
        begins = slice(table.lines_from(end), end)
        span = (table.at[end] - table.at[begins])[:, None, None]
        change = table.heights[end] - table.heights[begins, :, None]
        slope = change / span
        least = np.maximum(steepness * span, self._prior.least_change)
        label = (change < -least).view(np.int8) + 2 * (change > least).view(np.int8)
        steep = np.maximum(np.abs(slope), steepness)
        density = np.where(steep == steepness, 0.5 / steepness, steepness / steep**2) * (spacing / span)
        return np.log(density) - table.misfit(end) / 2, label

    def draw(
        self, count: int, random: np.random.Generator
    ) -> tuple[Float[np.ndarray, "count knots"], Int8[np.ndarray, "count gaps"]]:
        """Broken lines with their probability.

        Args:
            count: How many.
            random: Where chance comes from.

        Returns:
            Heights at all knots, shape (count, knots), and the label between each two neighbouring knots, shape
            (count, knots - 1).
        """
        knots, choices = self._table.heights.shape
        heights = np.full((count, knots), np.nan)
        labels = np.full((count, knots - 1), -1, np.int8)
        final = (self._forward[:, -1] + self._prior.final[:, None]).reshape(1, -1)
        kind, height = np.divmod(_choose(np.repeat(final, count, axis=0), random.random(count)), choices)
        at = np.full(count, knots - 1)
        heights[:, -1] = self._table.heights[-1, height]
        for end in range(knots - 1, 0, -1):
            here = np.flatnonzero(at == end)
            if not here.size:
                continue
            weight, label = self._backpointers[end]
            states, of = np.unique(kind[here] * choices + height[here], return_inverse=True)
            state_kind, state_height = np.divmod(states, choices)
            sums = np.cumsum(weight[:, state_height] * (label[:, state_height] == state_kind), axis=0)
            reached = sums[:, of] <= random.random(here.size) * sums[-1, of]
            begin, before = np.divmod(reached.sum(axis=0).clip(max=len(sums) - 1), choices)
            begin += self._table.lines_from(end)
            labels[here, begin] = kind[here]
            heights[here, begin] = self._table.heights[begin, before]
            ways = self._forward[:, begin, before].T + self._prior.transition[:, kind[here]].T
            kind[here] = _choose(ways, random.random(here.size))
            at[here], height[here] = begin, before
        return _filled(heights, self._table.at), np.take_along_axis(labels, _last(labels >= 0), axis=1)


def _choose(log_weights: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Index with probability proportional to a weight, for each row.

    Args:
        log_weights: Shape (rows, choices).
        chance: Between 0 and 1, shape (rows,).
    """
    most = np.maximum(log_weights.max(axis=1, keepdims=True), -np.finfo(float).max)
    sums = np.cumsum(np.exp(log_weights - most), axis=1)
    return np.asarray((sums <= (chance * sums[:, -1])[:, None]).sum(axis=1).clip(max=sums.shape[1] - 1))


def _last(known: np.ndarray) -> np.ndarray:
    """For each place in a row the last one up to it that is known."""
    return np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), 0), axis=1)


def _filled(heights: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Heights at all knots by straight lines between those that are no NaN, shape (rows, knots)."""
    known, end = ~np.isnan(heights), at.size - 1
    left, right = _last(known), end - _last(known[:, ::-1])[:, ::-1]
    low, high = np.take_along_axis(heights, left, axis=1), np.take_along_axis(heights, right, axis=1)
    span = at[right] - at[left]
    share = (at - at[left]) / np.where(span > 0, span, 1.0)
    return np.asarray(low + share * (high - low))
