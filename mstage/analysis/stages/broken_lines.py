"""What does each broken line through some knots and heights leave of a noisy curve?

The curve is a continuous broken line. Its knots are some dozen places along the clock and its heights there some values
around the smoothed curve; a line between two knots is a plateau, a descent or a rise by its slope. The misfit of every
line between every two knots and heights is tabulated in units of the noise of the bins, which is AR(1): the residuals
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


class BrokenLines:
    """All the broken lines through some knots and heights, with the misfit of each of their lines."""

    def __init__(
        self, bins: Bins, knots: Int[np.ndarray, " knots"], heights: Float[np.ndarray, "knots heights"]
    ) -> None:
        """Tabulate the lines.

        Args:
            bins: The curve.
            knots: Bins at which a line may begin or end, shape (knots,), the first and the last bin among them.
            heights: Heights tried at each knot, shape (knots, heights).
        """
        self.knots = knots
        self.heights = heights
        self.at = bins.position[knots]
        self.misfit = self._misfits(bins)

    def _misfits(self, bins: Bins) -> np.ndarray:
        """Square misfit of the line from knot a at height i to knot b at height j, shape (a, b, i, j).

        The bins after a up to b count for it, for the first line also bin 0. A misfit is the sum of (r_k - m_k
        r_(k-1))^2 / v_k, r the residuals, m the AR coefficients and v the innovation variances. As r is linear in the
        line's two heights, the sum is a quadratic form in them, whose coefficients are differences of running sums.
        """
        x, y, weight = bins.position - bins.position[0], bins.value - bins.value.mean(), 1 / bins.innovation_variance

        def whitened(values: np.ndarray) -> np.ndarray:
            return np.asarray(values - bins.ar_coefficient * np.append(0.0, values[:-1]))

        one, x, y = whitened(np.ones(x.size)), whitened(x), whitened(y)
        begins, ends = np.append(0, self.knots[1:] + 1), self.knots + 1

        def over(terms: np.ndarray) -> np.ndarray:
            sums = np.append(0.0, np.cumsum(weight * terms))
            return np.asarray(sums[ends][None, :] - sums[begins][:, None])

        start, height = (self.at - bins.position[0])[:, None], self.heights - bins.value.mean()
        span = np.where(np.tri(start.size, k=0, dtype=bool), 1.0, start.T - start)
        w, wx, wy = over(one * one), over(one * x), over(one * y)
        wxx, wxy, wyy = over(x * x), over(x * y), over(y * y)
        first, mixed = (wx - start * w) / span, (wxy - start * wy) / span  # sums of 1 tau and of y tau
        second = (wxx - 2 * start * wx + start * start * w) / span**2  # sums of tau^2
        low, high = height[:, None, :], height[None, :, :]
        of_low = wyy[:, :, None] + low * (low * (w - 2 * first + second)[:, :, None] - 2 * (wy - mixed)[:, :, None])
        of_high = high * (high * second[:, :, None] - 2 * mixed[:, :, None])
        misfit = (2 * (first - second)[:, :, None] * low)[:, :, :, None] * high[:, :, None, :]
        misfit += of_low[:, :, :, None]
        misfit += of_high[:, :, None, :]
        return np.asarray(np.maximum(misfit, 0.0, out=misfit))

    def part(self, first: int, last: int) -> BrokenLines:
        """Those between two knots (inclusive), as a view."""
        part = object.__new__(BrokenLines)
        knots = slice(first, last + 1)
        part.knots, part.heights, part.at = self.knots[knots], self.heights[knots], self.at[knots]
        part.misfit = self.misfit[knots, knots]
        return part
