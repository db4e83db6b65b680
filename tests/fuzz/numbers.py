"""Clocks and losses at the ends of what float64 holds, and ordinary ones between them."""

from __future__ import annotations

import math
import random

import numpy as np

SIZES = (0, 1, 2, 7, 8, 9, 10, 11, 12, 16, 17, 30, 60, 200, 1000, 3000)
LARGEST, SMALLEST, LEAST = 1.7976931348623157e308, 2.2250738585072014e-308, 5e-324
EXTREMES = (
    0.0, -0.0, 1.0, -1.0, LARGEST, -LARGEST, SMALLEST, -SMALLEST, LEAST, -LEAST, 1e308, -1e308, 1e154, 1e155, 1e-154,
    1e-162, 1e-200, 1e16, 2.0**53, 2.0**63, 1e-16, 1.0000000000000002, 0.1, 3.0, 1e5, math.nan, math.inf, -math.inf,
)  # fmt: skip


def generator(chance: random.Random) -> np.random.Generator:
    """NumPy's random numbers, of the seed of a case."""
    return np.random.default_rng(chance.getrandbits(32))


def clock(chance: random.Random, size: int) -> np.ndarray:
    """Places of some records; nearly anything but what a clock should be."""
    numbers, count = generator(chance), np.arange(1.0, size + 1)
    start, step = chance.choice([0.0, 1.0, -5.0, 1e9, 1.7e9, 1e17, -1e308]), chance.choice([1.0, 1e-3, 10.0, 1e12, 128])
    scale = chance.choice(EXTREMES)
    made = (
        lambda: start + step * count,
        lambda: start + step * count,
        lambda: np.full(size, scale),
        lambda: np.where(count <= chance.randrange(size + 1), scale, chance.choice(EXTREMES)),
        lambda: start - step * count,
        lambda: np.geomspace(1e-300, 1e300, size),
        lambda: np.geomspace(LEAST, LARGEST, size),
        lambda: -np.geomspace(1e-300, 1e300, size),
        lambda: LEAST * count,
        lambda: SMALLEST * (1 + count * 2.0**-52),
        lambda: np.linspace(0.999, 1.0, size) * LARGEST,
        lambda: np.linspace(-LARGEST / 2, LARGEST / 2, size),
        lambda: (-1.0) ** count * LARGEST,
        lambda: 1 + count * 2.0**-52,
        lambda: 1e16 + 2 * count,
        lambda: np.repeat(count, 3)[:size],
        lambda: np.floor(count / chance.choice([2, 10, 100])),
        lambda: np.sort(numbers.exponential(1, size)),
        lambda: numbers.permutation(count),
        lambda: np.append(count[1:], scale)[:size],
        lambda: np.append(scale, count[1:])[:size],
        lambda: np.append(LEAST, count[1:])[:size],
        lambda: np.array(chance.choices(EXTREMES, k=size)),
        lambda: np.where(numbers.random(size) < chance.random(), count, np.nan),
        lambda: count % chance.choice([2, 7, 50]),
        lambda: np.zeros(size) + (count == size),
    )
    with np.errstate(all="ignore"):
        return np.asarray(chance.choice(made)(), float).reshape(size)


def losses(chance: random.Random, size: int) -> np.ndarray:
    """Losses of some records; ordinary ones, and what overflow and rounding make of them."""
    numbers, count = generator(chance), np.arange(1.0, size + 1)
    curve = 1 / (1 + (count / chance.choice([2.0, 40.0, 300.0])) ** 4) + chance.choice([0.0, 0.1, 1e-12])
    rough = curve * 10 ** (chance.choice([1e-3, 0.1, 1.0]) * numbers.standard_normal(size))
    scale = chance.choice(EXTREMES)
    made = (
        lambda: curve,
        lambda: rough,
        lambda: np.full(size, scale),
        lambda: chance.choice([1.0, 0.1, -3.0, 1e300, 1e-300]) * (1 + 2.0**-52 * numbers.integers(0, 3, size)),
        lambda: np.nextafter(scale, np.where(numbers.random(size) < 0.5, np.inf, -np.inf)),
        lambda: np.geomspace(LARGEST, LEAST, size),
        lambda: np.geomspace(LEAST, LARGEST, size),
        lambda: numbers.permutation(np.geomspace(LEAST, LARGEST, size)),
        lambda: np.linspace(1, chance.choice([0.0, 0.5, -1.0]), size) * LARGEST,
        lambda: (-1.0) ** count * LARGEST,
        lambda: (-1.0) ** count * chance.choice([LEAST, SMALLEST, 1.0]),
        lambda: LEAST * numbers.integers(0, 5, size),
        lambda: SMALLEST * curve,
        lambda: curve * chance.choice([1e300, 1e308, 1e-300, 1e-308, 1e-320]),
        lambda: -curve * chance.choice([1.0, 1e300, 1e-300, 1e-320]),
        lambda: rough - chance.choice([1.0, 0.5, 1e10]),
        lambda: chance.choice([1e10, 1e16, -1e16]) + rough,
        lambda: np.where(numbers.random(size) < 0.9, chance.choice([np.nan, np.inf, -np.inf]), curve),
        lambda: np.where(count == chance.randrange(1, size + 2), scale, curve),
        lambda: np.where(count == chance.randrange(1, size + 2), 1e308, rough),
        lambda: np.where(count > chance.random() * size, scale, curve),
        lambda: np.where(numbers.random(size) < 0.5, 0.0, curve),
        lambda: np.array(chance.choices(EXTREMES, k=size)),
        lambda: np.array(chance.choices([scale, chance.choice(EXTREMES)], k=size)),
        lambda: np.cumsum(numbers.standard_normal(size)),
        lambda: np.exp(count * chance.choice([1.0, -1.0]) * 700 / max(size, 1)),
        lambda: numbers.standard_cauchy(size),
    )
    with np.errstate(all="ignore"):
        return np.asarray(chance.choice(made)(), float).reshape(size)
