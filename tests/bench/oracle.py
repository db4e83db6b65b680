"""How well can stages be told from the nearest wrong ones, where the noise hides them or no record was written there?

A method that knew the curve f without noise and the law of the noise would still have to tell f from a curve g with
another sequence of stages. Of two given curves the likelihood ratio decides best, and with even odds it is right in
Phi(D / 2) of the cases, D^2 = (f - g)' Sigma^-1 (f - g) over the records in log loss (Neyman and Pearson; Le Cam's
bound of two points: no method does better on average over such a pair). g is the nearest curve of each wrong sequence
that is one step away: a stage taken out (it keeps to the slopes of its neighbours), or one put in where f itself has
begun it (its slope has a turn there or ends on its way to the bar). Stages that f shows no trace of are left out: the
flat curve has no nearest wrong one, though a bump below the noise could be hidden in it. So are all sequences further
away and the spikes, and what f does in other stages is held: all of which makes the bound higher than it could be.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import nnls
from scipy.stats import norm

from tests.bench.staircases import LEAST_DROP, LEAST_PLATEAU, STEEP, Case, Truth

LINES = 100  # of the broken line g - f
BEGUN = 2.0  # the slope of f has to come within this factor of the bar


def chance(case: Case) -> float:
    """How often the likelihood ratio tells the true sequence of a case from the nearest wrong one: 0.5 to 1."""
    truth = case.truth
    nodes = np.linspace(truth.position[0], truth.position[-1], LINES + 1)
    slope = np.diff(np.interp(nodes, truth.position, truth.value)) / np.diff(nodes)
    root = _misfit_root(case, nodes)
    kinds = np.array([kind == "descent" for kind in truth.kinds])
    middles = (nodes[1:] + nodes[:-1]) / 2
    true = kinds[(np.searchsorted(truth.position[list(truth.edges[1:-1])], middles)).clip(0, kinds.size - 1)]
    squares = [_nearest(root, slope, wrong, changed) for wrong, changed in _wrong_sequences(truth, true, middles)]
    return float(norm.cdf(np.sqrt(min(squares, default=np.inf)) / 2))


def _misfit_root(case: Case, nodes: np.ndarray) -> np.ndarray:
    """Matrix whose product with the slopes of g - f has the length D, the height of g - f being free."""
    position = np.log(case.clock)
    ramps = np.clip(position[:, None] - nodes[None, :-1], 0, np.diff(nodes))
    columns = np.column_stack([np.ones(position.size), ramps])
    rho = case.correlation
    white = np.vstack([columns[:1], (columns[1:] - rho * columns[:-1]) / np.sqrt(1 - rho**2)]) / case.sigma
    root = np.linalg.qr(white, mode="r")[1:, 1:]
    return np.asarray(np.linalg.qr(np.vstack([root, 1e-6 * np.abs(root).max() * np.eye(root.shape[1])]), mode="r"))


def _nearest(root: np.ndarray, slope: np.ndarray, steep: np.ndarray, changed: np.ndarray) -> float:
    """Least D^2 of a curve whose slopes pass the bar where `steep` says and stay below it elsewhere.

    That is the least distance to a polyhedron, which is a problem of nonnegative least squares (Lawson, Hanson 1974,
    chapter 23).
    """
    least = np.where(steep, -np.inf, -STEEP - slope)
    most = np.where(steep, -STEEP - slope, STEEP - slope)
    least = np.where(changed, least, np.minimum(least, 0))
    most = np.where(changed, most, np.maximum(most, 0))
    if not (least > 0).any() and not (most < 0).any():
        return 0.0
    inverse = np.linalg.inv(root)
    bounds = np.append(least, -most)
    kept = np.isfinite(bounds)
    scale = np.abs(bounds[kept]).max()
    sides = np.vstack([inverse, -inverse])[kept]
    system = np.vstack([sides.T, bounds[kept] / scale])
    answer, _ = nnls(system, np.append(np.zeros(slope.size), 1.0), maxiter=50 * system.shape[1])
    residual = system @ answer - np.append(np.zeros(slope.size), 1.0)
    return float(((residual[:-1] / residual[-1]) ** 2).sum() * scale**2)


def _wrong_sequences(truth: Truth, true: np.ndarray, middles: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where lines are steep in each wrong sequence, and which of the lines that changes."""
    at = truth.position
    spans = [(at[a], at[b]) for a, b in zip(truth.edges, truth.edges[1:], strict=False)]
    for (begin, end), kind in zip(spans, truth.kinds, strict=True):
        inside = (middles >= begin) & (middles <= end)
        if len(truth.kinds) > 1:
            yield np.where(inside, kind == "plateau", true), inside
        for low, high in _begun(truth, begin, end, kind):
            window = (middles >= low) & (middles <= high)
            yield np.where(window, kind == "plateau", true), window


def _begun(truth: Truth, begin: float, end: float, kind: str) -> Iterator[tuple[float, float]]:
    """Where a stretch nearly holds a stage of the other kind, as long as the shortest that counts."""
    inside = (truth.position >= begin) & (truth.position <= end)
    position = truth.position[inside]
    slope = -np.gradient(truth.value[inside], position)
    towards = -slope if kind == "descent" else slope
    length = LEAST_PLATEAU if kind == "descent" else LEAST_DROP / STEEP
    turns = np.flatnonzero((towards[1:-1] > towards[:-2]) & (towards[1:-1] >= towards[2:])) + 1
    near = -BEGUN * STEEP if kind == "descent" else STEEP / BEGUN
    turns = turns[towards[turns] > near]
    first, last = truth.position[0], truth.position[-1]
    for turn in turns:
        yield position[turn] - length / 2, position[turn] + length / 2
    if end == last and begin > first and towards[-1] > max(towards[-2], near):
        yield last - length, last
    if begin == first and end < last and towards[0] > max(towards[1], near):
        yield first, first + length
