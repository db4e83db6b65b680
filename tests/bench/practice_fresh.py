"""Kinds of curves made apart from those the finder was tuned on; two of them have a descent with a true rate."""

from __future__ import annotations

import numpy as np

from tests.bench.pieces import (
    Course,
    Piece,
    descent,
    plateau,
    relaxing,
    rise,
    sigmoid,
    straight,
    towards_floor,
)
from tests.bench.practice_kinds import Kinds, Random, beginning


def warm_up_and_drops(random: Random) -> Course:
    """A rise at first, then eight drops of any size at any time, each of which relaxes."""
    level = random.uniform(-0.3, 0.3)
    pieces: list[Piece] = [plateau(0.005, level), rise(0.02, level + random.uniform(0.3, 0.6), straight)]
    ends = 0.05 + 0.9 * (np.arange(8) + random.uniform(0, 0.5, 8)) / 8
    level = random.uniform(-0.5, 0)
    pieces.append(descent(0.04, level, straight))
    for end in ends.tolist():
        pieces.append(plateau(end, level))
        level -= random.uniform(0.15, 0.6)
        pieces.append(descent(end + 0.03, level, relaxing))
    return Course(pieces[0].height, [*pieces, plateau(1.0, level)])


def restarts(random: Random) -> Course:
    """Warm restarts: a jump up at once, a descent after it."""
    level = random.uniform(-0.5, 0.5)
    start, pieces = beginning(random, level, 0.2)
    count = int(random.integers(2, 5))
    for k in range(count):
        at = 0.2 + 0.8 * k / count
        pieces.append(rise(at + 0.001, level + random.uniform(0.8, 1.2), straight))
        level -= random.uniform(0.1, 0.4)
        pieces.append(descent(at + 0.8 / count, level, straight))
    return Course(start, pieces)


def overfitting(random: Random) -> Course:
    """A validation loss: down, flat, slowly up."""
    level = random.uniform(-0.5, 0.5)
    start, pieces = beginning(random, level, random.uniform(0.05, 0.1))
    return Course(start, [*pieces, plateau(0.3, level), rise(1.0, level + random.uniform(0.5, 1), straight)])


def one_jump(random: Random) -> Course:
    """A drop from one record to the next."""
    at = random.uniform(0.2, 0.9)
    level = -random.uniform(0.4, 2)
    return Course(0.0, [plateau(at, 0.0), descent(at + 1e-4, level, straight), plateau(1.0, level)])


def drift_and_plunge(random: Random) -> Course:
    """A slow drift that breaks off."""
    at = random.uniform(0.4, 0.7)
    drift = -random.uniform(0.1, 0.2)
    return Course(0.0, [plateau(at, drift), descent(1.0, drift - random.uniform(2, 4), straight)])


def ceiling(random: Random) -> Course:
    """A return from below 0 to a ceiling, with a dip."""
    a = random.uniform(0.05, 0.15)
    pieces = [
        plateau(a, -5.0), rise(0.35, 6.0, sigmoid), plateau(0.6, 6.0),
        descent(0.63, 2.0, straight), rise(0.75, 6.0, relaxing), plateau(1.0, 6.0),
    ]  # fmt: skip
    return Course(-5.0, pieces, logarithmic=False)


def exponential(random: Random) -> Course:
    """Waits, then decays exponentially to a floor, of which it comes within a hundredth."""
    begin, end = random.uniform(0.1, 0.3), random.uniform(0.5, 0.8)
    floor = random.uniform(0.02, 0.2)
    times = np.log(100 * (1 - floor) / floor)
    way = towards_floor(lambda x: floor + (1 - floor) * np.exp(-times * x))
    low = float(np.log(1.01 * floor))
    pieces = [plateau(begin, 0.0), descent(end, low, way), plateau(1.0, low)]
    return Course(0.0, pieces, rate=float(times) / (end - begin), model="exponential")


def power_law(random: Random) -> Course:
    """A power of the clock from the first record on, and a floor at which it does not arrive."""
    exponent, first = random.uniform(0.5, 1.0), 1e-4
    floor = random.uniform(0, exponent / 0.35 - 1)  # at the end its slope in log loss and log clock is 0.35 or more

    def loss(time: np.ndarray) -> np.ndarray:
        return np.asarray(floor + np.maximum(time, first) ** -exponent)

    ends = np.log(loss(np.array([0.0, 1.0]))).tolist()
    return Course(ends[0], [descent(1.0, ends[1], towards_floor(loss))], rate=exponent, model="power law")


FRESH: Kinds = {
    "warm-up, 8 drops": warm_up_and_drops, "restarts": restarts, "overfitting": overfitting,
    "one jump": one_jump, "drift and plunge": drift_and_plunge, "ceiling": ceiling, "exponential": exponential,
    "power law": power_law,
}  # fmt: skip
