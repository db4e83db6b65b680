"""A curve made of pieces, each of a kind and a length, and the true ends of its stages.

Each piece goes from one height to the next on a way of its own: heights of the log loss or, where losses are negative
or rise to a ceiling, of the loss. The true boundaries follow the tool's definition on the curve without noise: a
plateau ends where the loss has gone a tenth of the way from where the plateau is left to where the next stage leads, a
descent or a rise where it has come nine tenths of its way in height. A plateau that drifts is left where its trend is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

Way = Callable[[np.ndarray], np.ndarray]  # share of the way that is gone at a share of the time, both from 0 to 1

FINE = 20_001  # places at which the end of a stage is sought


@dataclass(frozen=True)
class Piece:
    """A part of a curve, up to a time, at which it has come to a height."""

    kind: str
    end: float
    height: float
    way: Way


@dataclass(frozen=True)
class Course:
    """A curve without noise over the times from 0 to 1.

    Attributes:
        start: Height at 0.
        pieces: In order; a curve that is made longer stays where they end.
        logarithmic: Whether heights are those of log loss.
        rate: Of its one descent: that of an exponential, for each time unit, or the exponent of a power law.
        model: Which of the two.
    """

    start: float
    pieces: Sequence[Piece]
    logarithmic: bool = True
    rate: float | None = None
    model: str | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the stages."""
        return tuple(piece.kind for piece in self.pieces)

    def height(self, time: np.ndarray) -> np.ndarray:
        """At some times."""
        begin, height = 0.0, self.start
        out = np.full(time.shape, self.start)
        for piece in self.pieces:
            inside = time > begin
            gone = np.clip((time[inside] - begin) / (piece.end - begin), 0, 1)
            out[inside] = height + (piece.height - height) * piece.way(gone)
            begin, height = piece.end, piece.height
        return out

    def boundaries(self, first: float) -> tuple[float, ...]:
        """Times at which the stages but the last end, of a curve recorded from a first time on."""
        begins = [first, *(piece.end for piece in self.pieces)]
        return tuple(self._end(index, begins) for index in range(len(self.pieces) - 1))

    def _end(self, index: int, begins: list[float]) -> float:
        this, after = self.pieces[index : index + 2]
        if this.kind == "plateau":
            fine = np.linspace(this.end, after.end, FINE)
            loss = np.exp(self.height(fine)) if self.logarithmic else self.height(fine)
            passed = np.abs(loss - loss[0]) >= 0.1 * np.abs(loss[-1] - loss[0])
        elif after.kind == "plateau":
            fine = np.linspace(begins[index], this.end, FINE)
            height = self.height(fine)
            passed = np.abs(height - height[0]) >= 0.9 * np.abs(height[-1] - height[0])
        else:
            return this.end
        return float(fine[int(np.argmax(passed))])


def plateau(end: float, height: float) -> Piece:
    """Flat, or straight to a height near by."""
    return Piece("plateau", end, height, straight)


def descent(end: float, height: float, way: Way) -> Piece:
    """Down to a height."""
    return Piece("descent", end, height, way)


def rise(end: float, height: float, way: Way) -> Piece:
    """Up to a height."""
    return Piece("rise", end, height, way)


def staying(pieces: list[Piece]) -> list[Piece]:
    """The pieces, with a plateau at their last height to the end."""
    return [*pieces, plateau(1.0, pieces[-1].height)]


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


def towards_floor(loss: Callable[[np.ndarray], np.ndarray]) -> Way:
    """The way of the log of a loss, given over shares of the time."""

    def way(x: np.ndarray) -> np.ndarray:
        begin, end = np.log(loss(np.array([0.0, 1.0])))
        return np.asarray((np.log(loss(x)) - begin) / (end - begin))

    return way


def ar_noise(random: np.random.Generator, count: int, sigma: float, rho: float) -> np.ndarray:
    """AR(1) noise of a standard deviation."""
    white = random.normal(size=count)
    if rho:
        innovation = np.sqrt(1 - rho * rho)
        white = np.fromiter(accumulate(white, lambda last, new: rho * last + innovation * new), float, count)
    return sigma * white
