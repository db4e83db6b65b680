"""The kinds of curves that the stage finder's constants were tuned on: what practitioners log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tests.bench.pieces import (
    Course,
    Piece,
    descent,
    growing,
    plateau,
    power,
    relaxing,
    rise,
    sigmoid,
    staying,
    straight,
)

Random = np.random.Generator
Kinds: TypeAlias = dict[str, Callable[[Random], Course]]


def beginning(random: Random, level: float, end: float) -> tuple[float, list[Piece]]:
    """Down to a level: as a power of the clock from the first record on, or after a plateau."""
    if random.random() < 0.5:
        return level + random.uniform(2.5, 3.5), [descent(end, level, power)]
    top = level + random.uniform(0.7, 2)
    return top, [plateau(end / 4, top), descent(end, level, sigmoid)]


def lr_drops(random: Random) -> Course:
    """Four drops of the learning rate."""
    first = random.uniform(0.04, 0.12)
    level = random.uniform(-0.5, 0.3)
    start, pieces = beginning(random, level, first)
    for at in (0.3, 0.6, 0.8, 0.9):
        waiting = level - random.uniform(0, 0.03)
        level = waiting - random.uniform(0.2, 0.9)
        pieces += [plateau(at, waiting), descent(at + random.uniform(0.002, 0.01), level, relaxing)]
    return Course(start, [*pieces, plateau(1.0, level - random.uniform(0, 0.02))])


def decay(random: Random) -> Course:
    """Warm-up, stable, decay in the last tenth to fifth."""
    level = random.uniform(0.8, 1.3)
    first = random.uniform(0.05, 0.2)
    slow = level - random.uniform(0.02, 0.06)
    start, pieces = beginning(random, level, first)
    begin = random.uniform(0.8, 0.9)
    return Course(start, [*pieces, plateau(begin, slow), descent(1.0, slow - random.uniform(0.1, 0.3), straight)])


def grokking(random: Random) -> Course:
    """A late fall of four decades."""
    top = random.uniform(0.5, 2)
    begin = random.uniform(0.4, 0.7)
    end = begin + random.uniform(0.05, 0.2)
    waiting = plateau(begin, top + random.uniform(-0.02, 0.02))
    return Course(top, staying([waiting, descent(end, top - random.uniform(7, 10), sigmoid)]))


def healing_spike(random: Random) -> Course:
    """A spike that heals over 1-5 % of the run."""
    level = random.uniform(0, 1)
    at = random.uniform(0.4, 0.8)
    top = at + random.uniform(0.001, 0.004)
    start, pieces = beginning(random, level, random.uniform(0.05, 0.15))
    pieces += [
        plateau(at, level - 0.02),
        rise(top, level + random.uniform(0.7, 1.5), straight),
        descent(top + random.uniform(0.01, 0.05), level - 0.03, relaxing),
        plateau(1.0, level - 0.05),
    ]
    return Course(start, pieces)


def _blow_up(random: Random, length: float) -> Course:
    level = random.uniform(-0.5, 1)
    start, pieces = beginning(random, level, random.uniform(0.05, 0.2))
    pieces += [plateau(1 - length, level - 0.03), rise(1.0, level + random.uniform(0.8, 3), growing)]
    return Course(start, pieces)


def late_blow_up(random: Random) -> Course:
    """In the last 1 %."""
    return _blow_up(random, 0.01)


def blow_up(random: Random) -> Course:
    """In the last 5 %."""
    return _blow_up(random, 0.05)


def double_descent(random: Random) -> Course:
    """Down, up, down."""
    a = random.uniform(0.05, 0.15)
    b = a + random.uniform(0.1, 0.2)
    c = b + random.uniform(0.15, 0.4)
    pieces = [
        plateau(a / 5, 1.5),
        descent(a, random.uniform(0, 0.3), straight),
        rise(b, random.uniform(0.7, 1.2), straight),
        descent(c, random.uniform(-0.8, -0.3), relaxing),
    ]
    return Course(1.5, staying(pieces))


def epochs(random: Random) -> Course:
    """A drop at each epoch's edge."""
    count = int(random.integers(3, 7))
    level = random.uniform(0.2, 0.8)
    start, pieces = beginning(random, level, random.uniform(0.04, 0.08))
    for k in range(1, count):
        level -= random.uniform(0, 0.03)
        pieces.append(plateau(k / count, level))
        level -= random.uniform(0.2, 0.5)
        pieces.append(descent(k / count + random.uniform(0.001, 0.004), level, straight))
    return Course(start, [*pieces, plateau(1.0, level - random.uniform(0, 0.03))])


def late_escape(random: Random) -> Course:
    """A second descent in the last tenth."""
    level = random.uniform(0, 0.5)
    start, pieces = beginning(random, level, random.uniform(0.04, 0.1))
    begin = random.uniform(0.91, 0.96)
    pieces += [plateau(begin, level - 0.02), descent(1.0, level - random.uniform(0.7, 2), growing)]
    return Course(start, pieces)


def negative(random: Random) -> Course:
    """Values from above to below 0, as a log density."""
    low = random.uniform(-4, -1)
    a = random.uniform(0.05, 0.2)
    b = random.uniform(0.4, 0.6)
    top = random.uniform(1, 3)
    pieces = [
        plateau(a / 5, top),
        descent(a, 0.0, sigmoid),
        plateau(b, -0.02),
        descent(b + random.uniform(0.1, 0.2), low, sigmoid),
        plateau(1.0, low - 0.02),
    ]
    return Course(top, pieces, logarithmic=False)


def accuracy(random: Random) -> Course:
    """Rises to a ceiling."""
    a = random.uniform(0.05, 0.2)
    learned = rise(a + random.uniform(0.2, 0.4), random.uniform(0.85, 0.95), sigmoid)
    return Course(0.1, staying([plateau(a, 0.1), learned]), logarithmic=False)


def noisy_return(random: Random) -> Course:
    """Heavy tails."""
    a = random.uniform(0.1, 0.3)
    learned = descent(a + random.uniform(0.2, 0.4), random.uniform(-2.5, -1.5), sigmoid)
    return Course(1.0, staying([plateau(a, 1.0), learned]))


def constant(random: Random) -> Course:
    """Nothing but noise."""
    level = random.uniform(-1, 1)
    return Course(level, [plateau(1.0, level)])


def many_epochs(random: Random) -> Course:
    """Twenty epochs, each with a drop at its edge."""
    level = random.uniform(0.5, 1)
    start, pieces = beginning(random, level, 0.025)
    for k in range(1, 20):
        pieces.append(plateau(k / 20, level))
        level -= random.uniform(0.15, 0.3)
        pieces.append(descent(k / 20 + 0.003, level, straight))
    return Course(start, [*pieces, plateau(1.0, level)])


def long_staircase(random: Random) -> Course:
    """65 stages."""
    level, ends = 0.0, np.linspace(0.02, 1, 33).tolist()
    pieces: list[Piece] = []
    for end in ends[:-1]:
        pieces.append(plateau(end, level))
        level -= random.uniform(0.2, 0.35)
        pieces.append(descent(end + 0.008, level, sigmoid))
    return Course(0.0, [*pieces, plateau(1.0, level)])


KINDS: Kinds = {
    "lr drops": lr_drops, "wsd": decay, "grokking": grokking, "spike": healing_spike, "blow-up 1%": late_blow_up,
    "blow-up 5%": blow_up, "double descent": double_descent, "epochs": epochs, "late escape": late_escape,
    "negative": negative, "accuracy": accuracy, "rl": noisy_return, "constant": constant,
    "20 epochs": many_epochs, "65 stages": long_staircase,
}  # fmt: skip
