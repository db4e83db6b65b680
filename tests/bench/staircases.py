"""How often does the stage finder name the whole sequence of stages, over families of curves with known stages?

Staircases of one to three modes, an exponential, a power law and a flat null; three noise levels; white noise, AR(1)
noise and spikes; linear and logarithmic logging; 400 and 5,000 points. The truth is the derivative of the curve
without noise: a descent is where |d log loss / d log time| exceeds 0.3 and at least 0.05 decades are lost; a plateau
between two descents counts from 0.1 decades on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from mstage.analysis.stages import StageMethod, stages_of_curve
from mstage.history import Curve
from tests import curves

FAMILIES = ("one mode", "two modes", "three modes", "exponential", "power law", "flat")
NOISES = (0.003, 0.03, 0.1)
KINDS = ("white", "ar", "spikes")
LOGGINGS = ("linear", "log")
POINTS = (400, 5000)
STEEP, LEAST_DROP, LEAST_PLATEAU = 0.3, 0.05 * np.log(10), 0.1 * np.log(10)


@dataclass(frozen=True)
class Case:
    """A noisy curve, the kinds of its true stages, and what it was made from."""

    properties: dict[str, str]
    clock: np.ndarray
    loss: np.ndarray
    truth: list[str]


def cases(seed: int) -> Iterator[Case]:
    """Each family with each noise, logging and size."""
    grid = product(range(len(FAMILIES)), NOISES, KINDS, LOGGINGS, POINTS)
    for family, decades, kind, logging, points in grid:
        random = np.random.default_rng([seed, family, int(1e4 * decades), KINDS.index(kind), points, logging == "log"])
        loss, first, last = family_curve(FAMILIES[family], random)
        clock = np.geomspace(first, last, points) if logging == "log" else last * np.arange(1, points + 1) / points
        factors = curves.noise(kind, points, decades, int(random.integers(2**31)))
        properties = {
            "family": FAMILIES[family], "noise": str(decades), "kind": kind, "logging": logging, "points": str(points),
        }  # fmt: skip
        yield Case(properties, clock, loss(clock) * factors, true_kinds(loss, clock))


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


def true_kinds(loss: curves.Loss, clock: np.ndarray) -> list[str]:
    """Plateaus and descents of a curve without noise."""
    position = np.linspace(np.log(clock[0]), np.log(clock[-1]), 20_000)
    value = np.log(loss(np.exp(position)))
    steep = np.gradient(value, position) < -STEEP
    borders = [0, *(np.flatnonzero(np.diff(steep)) + 1), position.size - 1]
    kinds: list[str] = []
    for first, last in pairwise(borders):
        inner = first > 0 and last < position.size - 1
        descent = bool(steep[first])
        if descent and value[first] - value[last] < LEAST_DROP:
            descent = False
        elif not descent and inner and position[last] - position[first] < LEAST_PLATEAU:
            descent = True
        kind = "descent" if descent else "plateau"
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
    return kinds


def measure(seeds: tuple[int, ...] = (11, 12)) -> None:
    """Print the share of curves whose whole sequence is right, by what they are made of, and the time of a curve."""
    right: dict[tuple[str, str], list[bool]] = {}
    spent = []
    for seed in seeds:
        for case in cases(seed):
            begun = time.perf_counter()
            found = stages_of_curve(Curve({}, case.clock, case.loss, False), StageMethod())
            spent.append(time.perf_counter() - begun)
            exact = [stage.kind for stage in found.stages] == case.truth
            for entry in [("all", "curves"), *case.properties.items()]:
                right.setdefault(entry, []).append(exact)
    for (name, value), results in right.items():
        share = np.mean(results)
        print(f"  {name:8} {value:12} {share:.2f} +- {np.sqrt(share * (1 - share) / len(results)):.02f}")
    print(f"  {1e3 * np.median(spent):.0f} ms a curve (median; 90 % under {1e3 * np.quantile(spent, 0.9):.0f} ms)")
