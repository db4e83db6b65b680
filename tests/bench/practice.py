"""Curves such as practitioners log, whose stages are known: learning rates that drop, blow-ups, epochs.

The stage finder's constants were tuned on `KINDS`, with other seeds than those that are reported, and never on `FRESH`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.bench.pieces import ar_noise
from tests.bench.practice_fresh import FRESH
from tests.bench.practice_kinds import KINDS, Kinds

NOISES = (0.01, 0.05)
TUNING_SEEDS = tuple(range(1, 11))
REPORTING_SEEDS = tuple(range(101, 121))
HEAVY_TAILS = "rl"  # the kind whose noise has them, and five times as much of it
SMALL_NOISE = "accuracy"  # the kind whose noise is 0.3 times as large


@dataclass(frozen=True)
class Practical:
    """A noisy curve and its truth.

    Attributes:
        kind: What it is an example of.
        clock: Shape (records,).
        loss: Shape (records,).
        kinds: Of its stages.
        boundaries: Ends of the stages but the last, in units of the clock.
        rate: Of its one descent, where that has one: per unit of the clock, or the exponent of a power law.
        model: Which of the two.
    """

    kind: str
    clock: np.ndarray
    loss: np.ndarray
    kinds: tuple[str, ...]
    boundaries: tuple[float, ...]
    rate: float | None
    model: str | None


def cases(seeds: tuple[int, ...] = TUNING_SEEDS, kinds: Kinds = KINDS, plateau: float = 1.0) -> Iterator[Practical]:
    """Each kind with each noise.

    Args:
        seeds: Of the curves.
        kinds: Of the curves.
        plateau: How many times as long the last stage is; what is recorded before stays as it is.
    """
    for seed in seeds:
        for number, name in enumerate(kinds):
            for level in range(len(NOISES)):
                yield case(kinds, name, [seed, number, level], NOISES[level], plateau)


def case(kinds: Kinds, name: str, seed: list[int], sigma: float, plateau: float) -> Practical:
    """One of them."""
    random = np.random.default_rng(seed)
    course = kinds[name](random)
    points = int(random.choice([1000, 3000]))
    steps = int(random.choice([points, 10 * points, 50 * points]))
    rho = float(random.choice([0.0, 0.0, 0.5]))
    last = 1.0 - (course.pieces[-2].end if len(course.pieces) > 1 else 0.0)
    time = np.arange(1, points + int((plateau - 1) * last * points) + 1) / points
    height = course.height(time)
    random = np.random.default_rng([*seed, 1])
    if name == HEAVY_TAILS:
        noise = 5 * sigma * random.standard_t(3, time.size)
    else:
        noise = ar_noise(random, time.size, sigma, rho)
    loss = np.exp(height + noise) if course.logarithmic else height + noise * (0.3 if name == SMALL_NOISE else 1)
    boundaries = tuple(end * steps for end in course.boundaries(float(time[0])))
    rate = course.rate / steps if course.rate is not None and course.model == "exponential" else course.rate
    return Practical(name, time * steps, loss, course.kinds, boundaries, rate, course.model)


__all__ = ["FRESH", "KINDS", "NOISES", "REPORTING_SEEDS", "TUNING_SEEDS", "Practical", "cases"]
