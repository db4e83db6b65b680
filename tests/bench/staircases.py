"""Noisy loss curves whose stages are known: what the stage finder and its rivals are measured on.

Staircases of a deep linear network with one to three modes, an exponential, a power law and a flat null; three noise
levels; white noise, AR(1) noise and spikes; linear and logarithmic logging; 400 and 5,000 points; the parameters of
each curve drawn by its seed. The truth is read off the curve without noise: a descent is where |d log loss / d log
time| exceeds 0.3. What is too short to be called a stage is no stage: a descent loses at least 0.05 decades, a plateau
lasts at least 0.1 decades of the clock, wherever on the curve it lies; a shorter stretch belongs to what surrounds it.
Nothing else is left out: a stage that lies between two records, or far below the noise, counts, and `oracle` says
which of them nobody can see.

True borders follow the definition of the tool: a plateau ends where the loss has gone a tenth of the way from the
plateau's level to that of the next stage, a descent ends where it has come nine tenths of its way in log loss. The
level of a plateau is its median loss over log time, of its first half for what comes after it (the second is where the
escape sets in); a descent at the beginning or the end of the curve counts from the first or to the last loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np

from tests import curves

FAMILIES = ("one mode", "two modes", "three modes", "exponential", "power law", "flat")
NOISES = (0.003, 0.03, 0.1)
KINDS = ("white", "ar", "spikes")
LOGGINGS = ("linear", "log")
POINTS = (400, 5000)
TUNING_SEEDS = (1, 2, 3, 4)
REPORTING_SEEDS = (101, 102, 103, 104)
AR = 0.9
STEEP, LEAST_DROP, LEAST_PLATEAU = 0.3, 0.05 * np.log(10), 0.1 * np.log(10)
GRID = 20_000


@dataclass(frozen=True)
class Truth:
    """The curve without noise on a fine grid of log time, and its stages.

    Attributes:
        position: Log time, shape (grid,).
        value: Log loss there, shape (grid,).
        kinds: `plateau` or `descent`, one a stage.
        edges: Where the slope passes the bar, as indices into the grid, one more than there are stages.
        borders: Ends of the stages but the last by the tool's definition, in log time.
    """

    position: np.ndarray
    value: np.ndarray
    kinds: tuple[str, ...]
    edges: tuple[int, ...]
    borders: tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """A noisy curve, its truth, and what it was made from."""

    properties: dict[str, str]
    clock: np.ndarray
    loss: np.ndarray
    clean: np.ndarray
    sigma: float  # of log loss
    correlation: float
    truth: Truth = field(repr=False)


def cases(seed: int) -> Iterator[Case]:
    """Each family with each noise, logging and size."""
    grid = product(range(len(FAMILIES)), NOISES, KINDS, LOGGINGS, POINTS)
    for family, decades, kind, logging, points in grid:
        random = np.random.default_rng([seed, family, int(1e4 * decades), KINDS.index(kind), points, logging == "log"])
        loss, first, last = family_curve(FAMILIES[family], random)
        clock = np.geomspace(first, last, points) if logging == "log" else last * np.arange(1, points + 1) / points
        clean = loss(clock)
        factors = curves.noise(kind, points, decades, int(random.integers(2**31)))
        properties = {
            "family": FAMILIES[family], "noise": str(decades), "kind": kind, "logging": logging, "points": str(points),
        }  # fmt: skip
        correlation = AR if kind == "ar" else 0.0
        sigma = decades * float(np.log(10))
        yield Case(properties, clock, clean * factors, clean, sigma, correlation, truth_of(loss, clock))


def family_curve(family: str, random: np.random.Generator) -> tuple[curves.Loss, float, float]:
    """A curve of a family, and where to begin and to end."""
    if "mode" in family:
        count = ("one", "two", "three").index(family.split()[0]) + 1
        strengths = np.cumprod(np.append(1.0, random.uniform(0.2, 0.45, count - 1)))
        start = 10 ** random.uniform(-4, -2)
        floor = strengths[-1] ** 2 / 2 * 10 ** random.uniform(-2, -0.7)
        escapes = [curves.escape_time(strength, start) for strength in strengths]
        loss = curves.staircase(tuple(strengths), start, floor)
        return loss, escapes[0] / random.uniform(10, 40), escapes[-1] * random.uniform(5, 15)
    if family == "exponential":
        loss = curves.exponential(1.0, 10 ** random.uniform(-3, -0.7))
        return loss, 10 ** random.uniform(-2, -1), 10 ** random.uniform(1, 2)
    if family == "power law":
        loss = curves.power_law(random.uniform(0.5, 1.2), 10 ** random.uniform(-2.5, -1.5))
        return loss, 10 ** random.uniform(-1.5, -0.5), 10 ** random.uniform(3, 4)
    return np.ones_like, 0.01, 10.0


def truth_of(loss: curves.Loss, clock: np.ndarray) -> Truth:
    """The stages of a curve without noise over the range of a clock."""
    position = np.linspace(np.log(clock[0]), np.log(clock[-1]), GRID)
    value = np.log(loss(np.exp(position)))
    slope = np.gradient(value, position)
    edges = [0, *(np.flatnonzero(np.diff(slope < -STEEP)) + 1).tolist(), GRID - 1]
    kinds: list[str] = []
    starts: list[int] = []
    for first, last in pairwise(edges):
        descent = bool(slope[first] < -STEEP)
        if descent and value[first] - value[last] < LEAST_DROP:
            descent = False
        elif not descent and position[last] - position[first] < LEAST_PLATEAU:
            descent = True
        kind = "descent" if descent else "plateau"
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
            starts.append(first)
    edges = [*starts, GRID - 1]
    return Truth(position, value, tuple(kinds), tuple(edges), _borders(position, value, kinds, edges))


def _borders(position: np.ndarray, value: np.ndarray, kinds: list[str], edges: list[int]) -> tuple[float, ...]:
    """Ends of the stages but the last, in log time."""
    before = [first + (last - first) // 4 for first, last in pairwise(edges)]  # a falling loss has its median half way
    after = [(first + last) // 2 for first, last in pairwise(edges)]
    before[0] = 0  # the initial plateau is left from where the curve begins
    after[-1] = after[-1] if kinds[-1] == "plateau" else value.size - 1
    borders = []
    for index in range(len(kinds) - 1):
        way = index + 1 if kinds[index] == "plateau" else index
        first, last = before[max(way - 1, 0)], after[min(way + 1, len(kinds) - 1)]
        top, bottom = value[first], value[last]
        if kinds[index] == "plateau":
            goal = np.log(0.9 * np.exp(top) + 0.1 * np.exp(bottom))
        else:
            goal = top + 0.9 * (bottom - top)
        borders.append(float(position[first + int(np.argmax(value[first : last + 1] <= goal))]))
    return tuple(borders)
