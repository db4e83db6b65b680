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
        share: Of the slope that the curve has around a line, below which that is a plateau however steep it is.
    """

    steepness: float
    least_change: float
    initial: Float[np.ndarray, " 3"]
    final: Float[np.ndarray, " 3"]
    transition: Float[np.ndarray, "3 3"]
    share: float = 0.0


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
        self._table, self._prior = table, prior
        count, choices = table.heights.shape
        log, self._labels = _lines(table, prior)
        kinds = [self._labels == kind for kind in range(3)]
        self._weights = np.empty_like(log)
        self._forward = np.full((3, count, choices), -np.inf)  # log messages, by the label of the last line
        onward = np.empty((count, 3, choices))  # the same, by the label of the next line
        onward[0] = prior.initial[:, None]
        follows = np.exp(prior.transition).T
        heights = np.arange(choices)[:, None]
        for end in range(1, count):
            lines = table.lines_to(end)
            here = log[lines]
            here += onward[table.begins[lines, None, None], self._labels[lines], heights]
            most = np.maximum(here.max(axis=(0, 1)), -np.finfo(float).max)
            here -= most
            weight = np.exp(here, out=self._weights[lines])
            sums = np.stack([np.einsum("aij,aij->j", weight, kind[lines]) for kind in kinds])
            with np.errstate(divide="ignore"):
                self._forward[:, end] = np.log(sums) + most
                onward[end] = np.log(follows @ sums) + most
        self.total = float(np.logaddexp.reduce((self._forward[:, -1] + prior.final[:, None]).ravel()))

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
            lines = self._table.lines_to(end)
            to = height[here]
            sums = self._weights[lines][:, :, to] * (self._labels[lines][:, :, to] == kind[here])
            sums = np.cumsum(sums.reshape(-1, here.size), axis=0)
            reached = sums <= random.random(here.size) * sums[-1]
            begin, before = np.divmod(reached.sum(axis=0).clip(max=len(sums) - 1), choices)
            begin += self._table.begins[lines.start]
            labels[here, begin] = kind[here]
            heights[here, begin] = self._table.heights[begin, before]
            ways = self._forward[:, begin, before].T + self._prior.transition[:, kind[here]].T
            kind[here] = _choose(ways, random.random(here.size))
            at[here], height[here] = begin, before
        return _filled(heights, self._table.at), np.take_along_axis(labels, _last(labels >= 0), axis=1)


def _lines(
    table: BrokenLines, prior: Prior
) -> tuple[Float[np.ndarray, "pairs heights heights"], Int8[np.ndarray, "pairs heights heights"]]:
    """Log of likelihood times prior of each line of a table, and its label.

    The prior of a plateau's slope is even, that of a descent's or a rise's falls with its square. It is a density, so
    that a height stands for as much of it as it is away from the next.
    """
    begins, ends = table.begins, table.ends
    span = table.at[ends] - table.at[begins]
    flat = prior.steepness * span
    if prior.share:
        flat = np.maximum(flat, prior.share * (table.travel[ends] - table.travel[begins]))
    change = table.heights[ends, None, :] - table.heights[begins, :, None]
    size = np.abs(change)
    label = (size > np.maximum(flat, prior.least_change)[:, None, None]).view(np.int8)
    label <<= change > 0
    log = -2 * np.log(np.maximum(size, flat[:, None, None], out=size))  # of the square of what the steeper changes by
    spacing = np.gradient(table.heights, axis=1)
    log += (np.log(flat)[:, None] + np.log(spacing)[ends])[:, None, :]
    log -= np.where(size <= flat[:, None, None], np.log(2), 0.0) + table.misfits / 2
    return log, label


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
