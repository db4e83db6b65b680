"""What does each broken line through some knots and heights leave of a noisy curve?

The curve is a continuous broken line. Its knots are some dozen places along the clock and its heights there some values
around the smoothed curve; a line between two knots is a plateau, a descent or a rise by its slope. The misfit of every
line between two knots and heights is known in units of the noise of the bins, which is AR(1): the residuals
are whitened, and as they are linear in the two heights of a line, sums over its bins are differences of running sums.

References:
    Maidstone, Fearnhead, Letchford 2019, "Detecting changes in slope with an L0 penalty" (the continuous broken line).
    Runge, Pascucci, Deschamps de Boishebert 2020, "Change-in-slope optimal partitioning algorithm in a finite-size
        parameter space", arXiv 2012.11573 (heights on a grid).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from mstage.analysis.stages.bins import Bins

Kind: TypeAlias = Literal["plateau", "descent", "rise"]
KINDS: tuple[Kind, ...] = ("plateau", "descent", "rise")
LONGEST = 60  # knots that a line goes over at most


class BrokenLines:
    """All the broken lines through some knots and heights, with the misfit of each of their lines.

    A line goes over `LONGEST` knots at most; where the curve is straight, knots are few.
    """

    def __init__(
        self, bins: Bins, knots: Int[np.ndarray, " knots"], heights: Float[np.ndarray, "knots heights"]
    ) -> None:
        """Take the running sums of which misfits are made.

        Args:
            bins: The curve.
            knots: Bins at which a line may begin or end, shape (knots,), the first and the last bin among them.
            heights: Heights tried at each knot, shape (knots, heights).
        """
        self.knots = knots
        self.heights = heights
        self.at = bins.position[knots]
        self.records = np.cumsum(bins.records)[knots]  # up to each knot
        self.is_last = True  # whether they go to the end of the curve
        self._origin, self._middle = float(bins.position[0]), float(bins.value.mean())
        weight = 1 / bins.innovation_variance

        def whitened(values: np.ndarray) -> np.ndarray:
            return np.asarray(values - bins.ar_coefficient * np.append(0.0, values[:-1]))

        one, x, y = (
            whitened(v) for v in (np.ones(knots[-1] + 1), bins.position - self._origin, bins.value - self._middle)
        )
        terms = np.stack([one * one, one * x, one * y, x * x, x * y, y * y])
        sums = np.pad(np.cumsum(weight * terms, axis=1), ((0, 0), (1, 0)))
        self._begins, self._ends = sums[:, np.append(0, knots[1:] + 1)], sums[:, knots + 1]

    def lines_from(self, end: int) -> int:
        """The first knot from which a line may lead to a knot."""
        return max(end - LONGEST, 0)

    def misfit(self, end: int) -> Float[np.ndarray, "begins heights heights"]:
        """Square misfit of each line to a knot, from knot `lines_from(end) + a` at height i to height j, (a, i, j).

        The bins after the line's first knot up to its last count for it, for the first line also bin 0. A misfit is the
        sum of (r_k - m_k r_(k-1))^2 / v_k, r the residuals, m the AR coefficients and v the innovation variances. As r
        is linear in the line's two heights, the sum is a quadratic form in them, whose coefficients are differences of
        running sums.
        """
        begins = slice(self.lines_from(end), end)
        w, wx, wy, wxx, wxy, wyy = self._ends[:, end, None] - self._begins[:, begins]
        start = self.at[begins] - self._origin
        span = self.at[end] - self.at[begins]
        low, high = (self.heights[begins] - self._middle)[:, :, None], (self.heights[end] - self._middle)[None, None, :]
        first, mixed = (wx - start * w) / span, (wxy - start * wy) / span  # sums of 1 tau and of y tau
        second = (wxx - 2 * start * wx + start * start * w) / span**2  # sums of tau^2

        def each(values: np.ndarray) -> np.ndarray:
            return values[:, None, None]

        of_low = each(wyy) + low * (low * each(w - 2 * first + second) - 2 * each(wy - mixed))
        of_high = high * (high * each(second) - 2 * each(mixed))
        return np.asarray(np.maximum(of_low + of_high + 2 * each(first - second) * low * high, 0.0))

    def part(self, first: int, last: int) -> BrokenLines:
        """Those between two knots (inclusive), as a view."""
        part = object.__new__(BrokenLines)
        knots = slice(first, last + 1)
        part.knots, part.heights, part.at = self.knots[knots], self.heights[knots], self.at[knots]
        part.records = self.records[knots]
        part.is_last = self.is_last and last == self.at.size - 1
        part._origin, part._middle = self._origin, self._middle
        part._begins, part._ends = self._begins[:, knots], self._ends[:, knots]
        return part
