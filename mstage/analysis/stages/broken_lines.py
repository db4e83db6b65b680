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

from mstage.analysis.stages.tuning import AROUND

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from mstage.analysis.stages.bins import Bins

Kind: TypeAlias = Literal["plateau", "descent", "rise"]
KINDS: tuple[Kind, ...] = ("plateau", "descent", "rise")
LONGEST = 60  # knots that a line goes over at most
HOPELESS = 80.0  # squared standard errors that a line misfits more than lines between all its knots, and is left out
PLACES = 400  # at which the steepness of a curve is read, besides its knots


class BrokenLines:
    """All the broken lines through some knots and heights, with the misfit of each of their lines.

    A line goes over `LONGEST` knots at most; where the curve is straight, knots are few. Lines between two knots that
    misfit hopelessly at any heights are none of them.

    Attributes:
        knots: Bins at which a line may begin or end, shape (knots,).
        heights: Heights tried at each knot, shape (knots, heights).
        at: Positions of the knots.
        records: Up to each knot.
        travel: Of the curve around each line, up to each knot: see `_travel`.
        is_last: Whether the lines go to the end of the curve.
        begins: First knot of the lines between two knots, shape (pairs,), ascending for each last knot.
        ends: Their last knot, shape (pairs,), ascending.
        misfits: Square misfit of the lines, from the height i to the height j, shape (pairs, heights, heights).
    """

    def __init__(
        self, bins: Bins, knots: Int[np.ndarray, " knots"], heights: Float[np.ndarray, "knots heights"]
    ) -> None:
        """Compute the misfits.

        Args:
            bins: The curve.
            knots: Bins at which a line may begin or end, shape (knots,), the first and the last bin among them.
            heights: Heights tried at each knot, shape (knots, heights).
        """
        self.knots, self.heights, self.at = knots, heights, bins.position[knots]
        self.records = np.cumsum(bins.records)[knots]
        self.travel = _travel(self.at, heights.mean(axis=1))
        self.is_last = True
        origin, middle = float(bins.position[0]), float(bins.value.mean())
        sums = _running_sums(bins, knots, origin, middle)
        self.begins, self.ends = _hopeful(*sums)
        self.misfits = _misfits(
            sums[1][:, self.ends] - sums[0][:, self.begins],
            self.at[self.begins] - origin,
            self.at[self.ends] - self.at[self.begins],
            (heights[self.begins] - middle)[:, :, None],
            (heights[self.ends] - middle)[:, None, :],
        )

    def lines_to(self, end: int) -> slice:
        """Where the lines to a knot stand among all."""
        return slice(*np.searchsorted(self.ends, [end, end + 1]).tolist())

    def part(self, first: int, last: int) -> BrokenLines:
        """Those between two knots (inclusive)."""
        part = object.__new__(BrokenLines)
        knots = slice(first, last + 1)
        part.knots, part.heights, part.at = self.knots[knots], self.heights[knots], self.at[knots]
        part.records, part.travel = self.records[knots], self.travel[knots]
        part.is_last = self.is_last and last == self.at.size - 1
        inside = (self.begins >= first) & (self.ends <= last)
        part.begins, part.ends = self.begins[inside] - first, self.ends[inside] - first
        part.misfits = self.misfits[inside]
        return part


def _running_sums(bins: Bins, knots: np.ndarray, origin: float, middle: float) -> tuple[np.ndarray, np.ndarray]:
    """Sums of w, wx, wy, wxx, wxy and wyy over the bins, up to where a line from each knot begins and one to it ends.

    The bins after the line's first knot up to its last count for it, for the first line also bin 0.
    """
    weight = 1 / bins.innovation_variance

    def whitened(values: np.ndarray) -> np.ndarray:
        return np.asarray(values - bins.ar_coefficient * np.append(0.0, values[:-1]))

    one, x, y = (whitened(v) for v in (np.ones(knots[-1] + 1), bins.position - origin, bins.value - middle))
    terms = np.stack([one * one, one * x, one * y, x * x, x * y, y * y])
    sums = np.pad(np.cumsum(weight * terms, axis=1), ((0, 0), (1, 0)))
    return sums[:, np.append(0, knots[1:] + 1)], sums[:, knots + 1]


def _hopeful(at_begin: np.ndarray, at_end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last knots of the lines that may be probable: those from before misfit too much.

    A line at any height misfits at least as much as the best one, which is set beside the best in each of its gaps.
    """
    end, begin = np.tril_indices(at_end.shape[1], -1)
    near = end - begin <= LONGEST
    end, begin = end[near], begin[near]
    w, wx, wy, wxx, wxy, wyy = at_end[:, end] - at_begin[:, begin]
    spread, shared, left = wxx - wx * wx / w, wxy - wx * wy / w, wyy - wy * wy / w
    least = left - np.where(spread > 0, shared * shared / np.where(spread > 0, spread, 1.0), 0.0)
    gaps = np.append(0.0, np.cumsum(least[end - begin == 1]))
    first = np.arange(-1, at_end.shape[1] - 1)
    hopeful = least - (gaps[end] - gaps[begin]) <= HOPELESS
    np.minimum.at(first, end[hopeful], begin[hopeful])
    chosen = begin >= first[end]
    return begin[chosen], end[chosen]


def _misfits(
    sums: np.ndarray, start: np.ndarray, span: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Float[np.ndarray, "pairs heights heights"]:
    """Square misfit of lines.

    It is the sum of (r_k - m_k r_(k-1))^2 / v_k, r the residuals, m the AR coefficients and v the innovation variances.
    As r is linear in the line's two heights, it is a quadratic form in them.

    Args:
        sums: Of the bins that count for each line, as `_running_sums` has them, shape (6, pairs).
        start: Where each begins, from where the curve does, shape (pairs,).
        span: How long it is.
        low: Heights at its beginning, shape (pairs, heights, 1).
        high: Heights at its end, shape (pairs, 1, heights).
    """
    w, wx, wy, wxx, wxy, wyy = sums
    first, mixed = (wx - start * w) / span, (wxy - start * wy) / span  # sums of 1 tau and of y tau
    second = (wxx - 2 * start * wx + start * start * w) / span**2  # sums of tau^2

    def each(values: np.ndarray) -> np.ndarray:
        return values[:, None, None]

    of_low = each(wyy) + low * (low * each(w - 2 * first + second) - 2 * each(wy - mixed))
    of_high = high * (high * each(second) - 2 * each(mixed))
    out = (2 * each(first - second) * low) * high
    out += of_low
    out += of_high
    return np.maximum(out, 0.0, out=out)


def _travel(at: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """How far a curve would have come up to each knot, everywhere as steep as it is on average around there."""
    places = np.union1d(at, np.linspace(at[0], at[-1], PLACES))
    left, right = np.maximum(places - AROUND, at[0]), np.minimum(places + AROUND, at[-1])
    steepness = np.abs(np.interp(right, at, heights) - np.interp(left, at, heights)) / (right - left)
    steps = (steepness[1:] + steepness[:-1]) / 2 * np.diff(places)
    return np.interp(at, places, np.append(0.0, np.cumsum(steps)))
