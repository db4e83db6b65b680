"""Where may the slope of a curve change, and around which heights is it to be sought there?

Neighbouring bins are joined to straight pieces as long as these fit, the best fitting first; knots lie where pieces
meet, at both sides of a jump, and evenly in long pieces. So there are as many as the curve asks for, to the bin where
it turns, and the height at each is that of the pieces that meet there.

References:
    Keogh, Chu, Hart, Pazzani 2001, "An online algorithm for segmenting time series" (bottom-up segmentation).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.tuning import (
    BENT_ERROR,
    JOIN_MISFIT,
    JUMP_SIGMAS,
    MOST_KNOTS,
    SHAPE_SHARE,
    SHAPE_SIGMA,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from mstage.analysis.stages.bins import Bins


DIGITS = 5  # of what joining two pieces costs: less than that is rounding, which is not to choose among them


def choose_knots(
    bins: Bins, least: int
) -> tuple[Int[np.ndarray, " knots"], Float[np.ndarray, " knots"], Float[np.ndarray, " knots"]]:
    """Bins for the knots, the height of the curve at each and its error.

    Args:
        bins: The curve.
        least: Knots there are at least, evenly over the bins and the clock, where the pieces ask for fewer.
    """
    variance = bins.variance + shape_sigma(bins) ** 2
    starts = _pieces(bins.position, bins.value, 1 / variance)
    lines = _fits(bins, 1 / variance, starts)
    size = bins.position.size
    last = np.append(starts[1:], size) - 1
    joints = starts[1:]  # first bin of the piece after
    right = _height(lines, np.arange(1, starts.size), joints, bins)
    across = _height(lines, np.arange(joints.size), joints, bins)
    jump = np.abs(across[0] - right[0]) > JUMP_SIGMAS * np.hypot(across[1], right[1])
    even = np.searchsorted(_even(bins), np.linspace(0, 1, least) - 1e-9).clip(0, size - 1)
    knots = np.unique(np.concatenate([even, joints - 1, joints[jump], [0, size - 1]]))
    piece = np.searchsorted(starts, knots, side="right") - 1
    height, error = _height(lines, piece, knots, bins)
    ends = (knots == last[piece]) & (piece < starts.size - 1)
    after = np.minimum(piece + 1, starts.size - 1)
    other, other_error = _height(lines, after, knots, bins)
    jumps = np.zeros(starts.size, bool)
    jumps[:-1] = jump
    pool = ends & ~jumps[piece]
    weight = np.where(pool, error**2 / (error**2 + other_error**2), 0.0)
    pooled = height + weight * (other - height)
    apart = np.where(pool, np.abs(other - height) / BENT_ERROR, 0.0)
    return knots, pooled, np.hypot(error * np.sqrt(1 - weight), apart)


def shape_sigma(bins: Bins) -> Float[np.ndarray, " bins"]:
    """How far a straight line through a few bins may be off because the curve is bent, for each bin."""
    step = np.abs(np.gradient(bins.value))
    noise = np.sqrt(bins.variance)
    return np.asarray(SHAPE_SIGMA + SHAPE_SHARE * np.maximum(step - noise, 0.0))


def _even(bins: Bins) -> np.ndarray:
    x = bins.position - bins.position[0]
    return np.asarray((np.linspace(0, 1, x.size) + x / x[-1]) / 2)


def _pieces(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """First bin of each straight piece."""
    terms = np.stack([weight, weight * (x - x[0]), weight * (y - y[0]), weight * (x - x[0]) ** 2,
                      weight * (x - x[0]) * (y - y[0]), weight * (y - y[0]) ** 2])  # fmt: skip
    w, wx, wy, wxx, wxy, wyy = (np.append(0.0, np.cumsum(one)).tolist() for one in terms)

    def misfit(a: int, b: int) -> float:
        """Of the best line through the bins from a up to b (exclusive)."""
        if b - a < 3:
            return 0.0
        s = w[b] - w[a]
        sx, sy = wx[b] - wx[a], wy[b] - wy[a]
        xx = wxx[b] - wxx[a] - sx * sx / s
        xy = wxy[b] - wxy[a] - sx * sy / s
        yy = wyy[b] - wyy[a] - sy * sy / s
        return max(yy - xy * xy / xx if xx > 0 else yy, 0.0)

    def with_neighbour(a: int) -> float:
        """Of the better line through two bins, which by themselves are always straight, and one beside them."""
        return min((misfit(first, first + 3) for first in (a - 1, a) if 0 <= first <= size - 3), default=0.0)

    size = len(w) - 1
    after = list(range(1, size + 1))  # the piece that follows, by its first bin
    before = list(range(-1, size - 1))
    cost = [0.0] * size
    version = [0] * size
    heap = [(round(with_neighbour(a), DIGITS), a, 0) for a in range(size - 1)]
    heapq.heapify(heap)
    pieces = size
    while heap:
        added, a, seen = heap[0]
        if version[a] != seen or after[a] >= size:
            heapq.heappop(heap)
            continue
        if added > JOIN_MISFIT and pieces <= MOST_KNOTS:
            break
        heapq.heappop(heap)
        b = after[a]
        c = after[b]
        cost[a] = misfit(a, c)
        version[b] = -1
        after[a] = c
        if c < size:
            before[c] = a
        pieces -= 1
        for first in (a, before[a]) if before[a] >= 0 else (a,):
            version[first] += 1
            second = after[first]
            if second < size:
                joined = misfit(first, after[second]) - cost[first] - cost[second]
                heapq.heappush(heap, (round(joined, DIGITS), first, version[first]))
    starts = [0]
    while after[starts[-1]] < size:
        starts.append(after[starts[-1]])
    return np.array(starts)


def _fits(bins: Bins, weight: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The line through each piece: mean position, height there, slope and the errors of both, shape (5, pieces)."""
    x, y = bins.position, bins.value
    total = np.add.reduceat(weight, starts)
    mean_x, mean_y = np.add.reduceat(weight * x, starts) / total, np.add.reduceat(weight * y, starts) / total
    sizes = np.diff(np.append(starts, x.size))
    away, above = x - np.repeat(mean_x, sizes), y - np.repeat(mean_y, sizes)
    spread = np.add.reduceat(weight * away**2, starts)
    known = spread > 0
    inverse = 1 / np.where(known, spread, 1.0)
    slope = np.where(known, np.add.reduceat(weight * away * above, starts) * inverse, 0.0)
    return np.stack([mean_x, mean_y, slope, np.sqrt(1 / total), np.where(known, np.sqrt(inverse), 0.0)])


def _height(lines: np.ndarray, piece: np.ndarray, at: np.ndarray, bins: Bins) -> tuple[np.ndarray, np.ndarray]:
    """Height and its error of the lines of some pieces at some bins."""
    mean_x, mean_y, slope, error, slope_error = lines[:, piece]
    away = bins.position[at] - mean_x
    return mean_y + slope * away, np.hypot(error, slope_error * away)
