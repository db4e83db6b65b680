"""Curves such as practitioners log, whose stages are known by construction: learning rates that drop, blow-ups, epochs.

A curve is made of pieces: each has a kind, a length and the way on which its log loss (or, where losses are negative
or rise to a ceiling, its value) goes from one height to the next. The true borders follow the tool's definition on the
curve without noise: a plateau ends where the loss has gone a tenth of the way from the plateau's level to that of the
next stage, a descent or a rise where it has come nine tenths of its way in log loss. The level of a plateau is that
where it is left: a plateau that drifts is left where its trend is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Random = np.random.Generator

NOISES = (0.01, 0.05)
TUNING_SEEDS = tuple(range(1, 11))
REPORTING_SEEDS = tuple(range(101, 121))


@dataclass(frozen=True)
class Practical:
    """A noisy curve and its truth; `borders` are ends of the stages but the last, in units of the clock."""

    kind: str
    clock: np.ndarray
    loss: np.ndarray
    kinds: tuple[str, ...]
    borders: tuple[float, ...]


@dataclass(frozen=True)
class Piece:
    """A part of a curve, from one clock value to another, between two values; `share` gives the way gone, 0 to 1."""

    kind: str
    end: float
    value: float
    share: Callable[[np.ndarray], np.ndarray]


def straight(x: np.ndarray) -> np.ndarray:
    """Evenly."""
    return x


def relaxing(x: np.ndarray, times: float = 5.0) -> np.ndarray:
    """Fast at first."""
    return np.asarray(np.expm1(-times * x) / np.expm1(-times))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Slow at both ends."""
    return np.asarray(x * x * (3 - 2 * x))


def growing(x: np.ndarray, times: float = 4.0) -> np.ndarray:
    """Fast in the end."""
    return np.asarray(np.expm1(times * x) / np.expm1(times))


def power(x: np.ndarray) -> np.ndarray:
    """Evenly on a logarithmic clock."""
    return np.asarray(np.log1p(1000 * x) / np.log1p(1000))


def beginning(random: Random, level: float, end: float) -> tuple[float, list[Piece]]:
    """Down to a level: as a power of the clock from the first record on, or after a plateau."""
    if random.random() < 0.5:
        return level + random.uniform(2.5, 3.5), [Piece("descent", end, level, power)]
    top = level + random.uniform(0.7, 2)
    return top, [Piece("plateau", end / 4, top, straight), Piece("descent", end, level, sigmoid)]


def height(start: float, pieces: list[Piece], clock: np.ndarray) -> np.ndarray:
    """Values of the curve."""
    begin, value = 0.0, start
    out = np.full(clock.shape, start)
    for piece in pieces:
        inside = clock > begin
        x = np.clip((clock[inside] - begin) / (piece.end - begin), 0, 1)
        out[inside] = value + (piece.value - value) * piece.share(x)
        begin, value = piece.end, piece.value
    return out


def borders(start: float, pieces: list[Piece], first: float, logs: bool) -> tuple[float, ...]:
    """Ends of the pieces but the last by definition."""
    out: list[float] = []
    value, begin = start, first
    values, begins = [], []
    for piece in pieces:
        values.append(value)
        begins.append(begin)
        value, begin = piece.value, piece.end
    for index in range(len(pieces) - 1):
        this, after = pieces[index], pieces[index + 1]
        if this.kind == "plateau":
            fine = np.linspace(this.end, after.end, 20_001)
            y = height(start, pieces, fine)
            loss = np.exp(y) if logs else y
            way = np.abs(loss - loss[0]) >= 0.1 * abs(loss[-1] - loss[0])
        elif after.kind == "plateau":
            fine = np.linspace(begins[index], this.end, 20_001)
            y = height(start, pieces, fine)
            way = np.abs(y - y[0]) >= 0.9 * abs(y[-1] - y[0])
        else:
            out.append(this.end)
            continue
        out.append(float(fine[int(np.argmax(way))]))
    return tuple(out)


def _noise(random: Random, count: int, sigma: float, rho: float) -> np.ndarray:
    white = random.normal(size=count)
    if rho:
        for k in range(1, count):
            white[k] = rho * white[k - 1] + np.sqrt(1 - rho * rho) * white[k]
    return sigma * white


def lr_drops(random: Random) -> tuple[float, list[Piece], bool]:
    """Four drops of the learning rate."""
    first = random.uniform(0.04, 0.12)
    level = random.uniform(-0.5, 0.3)
    start, pieces = beginning(random, level, first)
    for at, until in zip((0.3, 0.6, 0.8, 0.9), (0.6, 0.8, 0.9, 1.0), strict=True):
        pieces.append(Piece("plateau", at, level - random.uniform(0, 0.03), straight))
        level = pieces[-1].value - random.uniform(0.2, 0.9)
        pieces.append(Piece("descent", at + random.uniform(0.002, 0.01), level, relaxing))
        if until == 1.0:
            pieces.append(Piece("plateau", 1.0, level - random.uniform(0, 0.02), straight))
    return start, pieces, True


def decay(random: Random) -> tuple[float, list[Piece], bool]:
    """Warm-up, stable, decay in the last tenth to fifth."""
    level = random.uniform(0.8, 1.3)
    first = random.uniform(0.05, 0.2)
    slow = level - random.uniform(0.02, 0.06)
    start, pieces = beginning(random, level, first)
    return (
        start,
        [
            *pieces,
            Piece("plateau", random.uniform(0.8, 0.9), slow, straight),
            Piece("descent", 1.0, slow - random.uniform(0.1, 0.3), straight),
        ],
        True,
    )


def grokking(random: Random) -> tuple[float, list[Piece], bool]:
    """A late fall of four decades."""
    top = random.uniform(0.5, 2)
    begin = random.uniform(0.4, 0.7)
    end = begin + random.uniform(0.05, 0.2)
    return (
        top,
        [
            Piece("plateau", begin, top + random.uniform(-0.02, 0.02), straight),
            Piece("descent", end, top - random.uniform(7, 10), sigmoid),
            Piece("plateau", 1.0, 0, straight),
        ],
        True,
    )


def healing_spike(random: Random) -> tuple[float, list[Piece], bool]:
    """A spike that heals over 1-5 % of the run."""
    level = random.uniform(0, 1)
    at = random.uniform(0.4, 0.8)
    rise = random.uniform(0.001, 0.004)
    start, pieces = beginning(random, level, random.uniform(0.05, 0.15))
    return (
        start,
        [
            *pieces,
            Piece("plateau", at, level - 0.02, straight),
            Piece("rise", at + rise, level + random.uniform(0.7, 1.5), straight),
            Piece("descent", at + rise + random.uniform(0.01, 0.05), level - 0.03, relaxing),
            Piece("plateau", 1.0, level - 0.05, straight),
        ],
        True,
    )


def _blow_up(random: Random, length: float) -> tuple[float, list[Piece], bool]:
    level = random.uniform(-0.5, 1)
    start, pieces = beginning(random, level, random.uniform(0.05, 0.2))
    return (
        start,
        [
            *pieces,
            Piece("plateau", 1 - length, level - 0.03, straight),
            Piece("rise", 1.0, level + random.uniform(0.8, 3), growing),
        ],
        True,
    )


def late_blow_up(random: Random) -> tuple[float, list[Piece], bool]:
    """In the last 1 %."""
    return _blow_up(random, 0.01)


def blow_up(random: Random) -> tuple[float, list[Piece], bool]:
    """In the last 5 %."""
    return _blow_up(random, 0.05)


def double_descent(random: Random) -> tuple[float, list[Piece], bool]:
    """Down, up, down."""
    a = random.uniform(0.05, 0.15)
    b = a + random.uniform(0.1, 0.2)
    c = b + random.uniform(0.15, 0.4)
    return (
        1.5,
        [
            Piece("plateau", a / 5, 1.5, straight),
            Piece("descent", a, random.uniform(0, 0.3), straight),
            Piece("rise", b, random.uniform(0.7, 1.2), straight),
            Piece("descent", c, random.uniform(-0.8, -0.3), relaxing),
            Piece("plateau", 1.0, 0, straight),
        ],
        True,
    )


def epochs(random: Random) -> tuple[float, list[Piece], bool]:
    """A drop at each epoch's edge."""
    count = int(random.integers(3, 7))
    level = random.uniform(0.2, 0.8)
    start, pieces = beginning(random, level, random.uniform(0.04, 0.08))
    for k in range(1, count):
        level -= random.uniform(0, 0.03)
        pieces.append(Piece("plateau", k / count, level, straight))
        level -= random.uniform(0.2, 0.5)
        pieces.append(Piece("descent", k / count + random.uniform(0.001, 0.004), level, straight))
    pieces.append(Piece("plateau", 1.0, level - random.uniform(0, 0.03), straight))
    return start, pieces, True


def late_escape(random: Random) -> tuple[float, list[Piece], bool]:
    """A second descent in the last tenth."""
    level = random.uniform(0, 0.5)
    start, pieces = beginning(random, level, random.uniform(0.04, 0.1))
    return (
        start,
        [
            *pieces,
            Piece("plateau", random.uniform(0.91, 0.96), level - 0.02, straight),
            Piece("descent", 1.0, level - random.uniform(0.7, 2), growing),
        ],
        True,
    )


def negative(random: Random) -> tuple[float, list[Piece], bool]:
    """Values from above to below 0, as a log density."""
    low = random.uniform(-4, -1)
    a = random.uniform(0.05, 0.2)
    b = random.uniform(0.4, 0.6)
    top = random.uniform(1, 3)
    return (
        top,
        [
            Piece("plateau", a / 5, top, straight),
            Piece("descent", a, 0.0, sigmoid),
            Piece("plateau", b, -0.02, straight),
            Piece("descent", b + random.uniform(0.1, 0.2), low, sigmoid),
            Piece("plateau", 1.0, low - 0.02, straight),
        ],
        False,
    )


def accuracy(random: Random) -> tuple[float, list[Piece], bool]:
    """Rises to a ceiling."""
    a = random.uniform(0.05, 0.2)
    return (
        0.1,
        [
            Piece("plateau", a, 0.1, straight),
            Piece("rise", a + random.uniform(0.2, 0.4), random.uniform(0.85, 0.95), sigmoid),
            Piece("plateau", 1.0, 0, straight),
        ],
        False,
    )


def noisy_return(random: Random) -> tuple[float, list[Piece], bool]:
    """Heavy tails."""
    a = random.uniform(0.1, 0.3)
    return (
        1.0,
        [
            Piece("plateau", a, 1.0, straight),
            Piece("descent", a + random.uniform(0.2, 0.4), random.uniform(-2.5, -1.5), sigmoid),
            Piece("plateau", 1.0, 0, straight),
        ],
        True,
    )


def constant(random: Random) -> tuple[float, list[Piece], bool]:
    """Nothing but noise."""
    level = random.uniform(-1, 1)
    return level, [Piece("plateau", 1.0, level, straight)], True


Kinds: TypeAlias = dict[str, Callable[[Random], tuple[float, list[Piece], bool]]]

KINDS: Kinds = {
    "lr drops": lr_drops, "wsd": decay, "grokking": grokking, "spike": healing_spike, "blow-up 1%": late_blow_up,
    "blow-up 5%": blow_up, "double descent": double_descent, "epochs": epochs, "late escape": late_escape,
    "negative": negative, "accuracy": accuracy, "rl": noisy_return, "constant": constant,
}  # fmt: skip


def many_epochs(random: Random) -> tuple[float, list[Piece], bool]:
    """Twenty epochs, each with a drop at its edge."""
    level = random.uniform(0.5, 1)
    start, pieces = beginning(random, level, 0.025)
    for k in range(1, 20):
        pieces.append(Piece("plateau", k / 20, level, straight))
        level -= random.uniform(0.15, 0.3)
        pieces.append(Piece("descent", k / 20 + 0.003, level, straight))
    pieces.append(Piece("plateau", 1.0, level, straight))
    return start, pieces, True


def long_staircase(random: Random) -> tuple[float, list[Piece], bool]:
    """65 stages."""
    level, ends = 0.0, np.linspace(0.02, 1, 33)
    pieces = []
    for k in range(32):
        pieces.append(Piece("plateau", float(ends[k]), level, straight))
        level -= random.uniform(0.2, 0.35)
        pieces.append(Piece("descent", float(ends[k]) + 0.008, level, sigmoid))
    pieces.append(Piece("plateau", 1.0, level, straight))
    return 0.0, pieces, True


def restarts(random: Random) -> tuple[float, list[Piece], bool]:
    """Warm restarts: a jump up at once, a descent after it."""
    level = random.uniform(-0.5, 0.5)
    start, pieces = beginning(random, level, 0.2)
    count = int(random.integers(2, 5))
    for k in range(count):
        at = 0.2 + 0.8 * k / count
        pieces.append(Piece("rise", at + 0.001, level + random.uniform(0.8, 1.2), straight))
        level -= random.uniform(0.1, 0.4)
        pieces.append(Piece("descent", at + 0.8 / count, level, straight))
    return start, pieces, True


def overfitting(random: Random) -> tuple[float, list[Piece], bool]:
    """A validation loss: down, flat, slowly up."""
    level = random.uniform(-0.5, 0.5)
    start, pieces = beginning(random, level, random.uniform(0.05, 0.1))
    return start, [
        *pieces, Piece("plateau", 0.3, level, straight), Piece("rise", 1.0, level + random.uniform(0.5, 1), straight)
    ], True  # fmt: skip


def one_jump(random: Random) -> tuple[float, list[Piece], bool]:
    """A drop from one record to the next."""
    at = random.uniform(0.2, 0.9)
    level = -random.uniform(0.4, 2)
    return 0.0, [
        Piece("plateau", at, 0.0, straight), Piece("descent", at + 1e-4, level, straight),
        Piece("plateau", 1.0, level, straight),
    ], True  # fmt: skip


def drift_and_plunge(random: Random) -> tuple[float, list[Piece], bool]:
    """A slow drift that breaks off."""
    at = random.uniform(0.4, 0.7)
    drift = -random.uniform(0.1, 0.2)
    return 0.0, [
        Piece("plateau", at, drift, straight), Piece("descent", 1.0, drift - random.uniform(2, 4), straight)
    ], True  # fmt: skip


def ceiling(random: Random) -> tuple[float, list[Piece], bool]:
    """A return from below 0 to a ceiling, with a dip."""
    a = random.uniform(0.05, 0.15)
    return -5.0, [
        Piece("plateau", a, -5.0, straight), Piece("rise", 0.35, 6.0, sigmoid), Piece("plateau", 0.6, 6.0, straight),
        Piece("descent", 0.63, 2.0, straight), Piece("rise", 0.75, 6.0, relaxing), Piece("plateau", 1.0, 6.0, straight),
    ], False  # fmt: skip


FRESH: Kinds = {
    "many epochs": many_epochs, "65 stages": long_staircase, "restarts": restarts, "overfitting": overfitting,
    "one jump": one_jump, "drift and plunge": drift_and_plunge, "ceiling": ceiling,
}  # fmt: skip


def cases(seeds: tuple[int, ...] = TUNING_SEEDS, kinds: Kinds = KINDS) -> Iterator[Practical]:
    """Each kind with each noise."""
    for seed in seeds:
        for number, (name, make) in enumerate(kinds.items()):
            for level, sigma in enumerate(NOISES):
                random = np.random.default_rng([seed, number, level])
                start, pieces, logs = make(random)
                last = pieces[-1]
                if last.value == 0 and len(pieces) > 1:  # stays where it is
                    pieces = [*pieces[:-1], Piece(last.kind, last.end, pieces[-2].value, last.share)]
                points = int(random.choice([1000, 3000]))
                steps = int(random.choice([points, 10 * points, 50 * points]))
                clock = np.arange(1, points + 1) / points
                y = height(start, pieces, clock)
                rho = float(random.choice([0.0, 0.0, 0.5]))
                tails = 5 * sigma * random.standard_t(3, points)
                noise = tails if name == "rl" else _noise(random, points, sigma, rho)
                loss = np.exp(y + noise) if logs else y + noise * (0.3 if name == "accuracy" else 1)
                ends = tuple(end * steps for end in borders(start, pieces, float(clock[0]), logs))
                yield Practical(name, clock * steps, loss, tuple(piece.kind for piece in pieces), ends)
