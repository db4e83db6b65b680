"""Which plateaus, descents and rises does a curve on a logarithmic scale go through?

Broken lines are drawn with their probability (see `posterior`), and the sequence of stages that is drawn most often is
the one that the curve goes through. What counts as flat depends on the curve: a loss that never falls steeply has its
descents too. So a plateau is looked at again with a lower bar for steepness, and split where a descent within it is
several times steeper than what lies to both of its sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.broken_lines import KINDS, BrokenLines, Kind
from mstage.analysis.stages.knots import choose_knots, shape_sigma, smooth
from mstage.analysis.stages.posterior import Posterior, Prior
from mstage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mstage.analysis.stages.bins import Cells

HEIGHTS = np.arange(-6, 7)  # heights tried at a knot, in steps
STEP = 0.5  # of a standard error of the smoothed curve
DRAWS = 128
SURE, DOUBTED = 0.96, 0.6  # how often a stage was there that all, or none, of the lines drawn agree on: the lines share
# what was taken for noise, and a stage that is found is in the most probable sequence (measured on known curves)
LOWER_BARS = (1 / 3, 1 / 9, 1 / 27)  # of the steepness, at which a plateau is looked at again
WHOLE = 4.0  # times `least_drop`, that a curve has to change by to be a single descent or rise at a lower bar
SPLIT = 0.02  # of `change`, the probability of a change there: several bars in several plateaus are to be cleared


@dataclass(frozen=True)
class SegmentationMethod:
    """How a curve is cut into stages.

    Attributes:
        steepness: Slope |d log loss / d log clock| above which a line is a descent or a rise.
        least_drop: Factor by which the loss has to change in a descent or a rise, less 1.
        knots: At how many places the slope may change.
        bend: Probability that it changes at a knot within a stage.
        change: Probability that a stage ends at a knot, the next one being a plateau or a descent.
        rise: The same, the next one being a rise.
        first: Probabilities that a curve begins with a plateau, a descent, a rise.
        last: Probabilities that it ends with one.
    """

    steepness: float = 0.3
    least_drop: float = 0.05
    knots: int = 40
    bend: float = 0.1
    change: float = 0.06
    rise: float = 0.005
    first: tuple[float, float, float] = (0.78, 0.2, 0.02)
    last: tuple[float, float, float] = (0.7, 0.28, 0.02)

    def __post_init__(self) -> None:
        if self.knots < 2:
            raise UsageError(f"knots {self.knots}: has to be at least 2")
        for name in ("steepness", "least_drop"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} {getattr(self, name)}: has to be above 0")
        for name in ("bend", "change", "rise"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}: is a probability, above 0 and below 1")
        for name in ("first", "last"):
            if len(getattr(self, name)) != len(KINDS) or min(getattr(self, name)) <= 0:
                raise UsageError(f"{name} {getattr(self, name)}: three probabilities above 0, of {', '.join(KINDS)}")

    def prior(self) -> Prior:
        """What is expected of a curve before it is seen."""
        bend, change, rise = self.bend, self.change, self.rise
        follow: np.ndarray = np.log([[bend, change, rise], [change, bend, rise], [change, change, bend]])
        return Prior(self.steepness, np.log(self.first), np.log(self.last), follow)


@dataclass(frozen=True)
class Stretch:
    """A part of the curve with one label, from one place to another (inclusive; neighbours share their border).

    Attributes:
        kind: Its label.
        first: First cell; while the curve is being cut, first knot.
        last: Last cell; while the curve is being cut, last knot.
        probability: That there is a stage of this kind here.
    """

    kind: Kind
    first: int
    last: int
    probability: float = np.nan


@dataclass(frozen=True)
class Segmentation:
    """How a curve was cut.

    Attributes:
        stretches: In order, never two of a kind next to each other.
        knots: Cells at which the lines may bend, shape (knots,).
        lines: Heights there of the lines drawn that go through the stages found at the first bar, (draws, knots).
    """

    stretches: tuple[Stretch, ...]
    knots: np.ndarray
    lines: np.ndarray

    def line(self, cells: Cells) -> np.ndarray:
        """The mean of the lines in each cell, shape (cells,)."""
        return np.asarray(np.interp(cells.position, cells.position[self.knots], self.lines.mean(axis=0)))


def segment(cells: Cells, method: SegmentationMethod) -> Segmentation:
    """Cut a curve into plateaus, descents and rises.

    Args:
        cells: The curve, of at least three cells.
        method: Settings.
    """
    knots = choose_knots(cells, method.knots)
    cells = replace(cells, fresh=cells.fresh + shape_sigma(cells, knots) ** 2)
    middle, error, _ = smooth(cells, knots)
    table = BrokenLines(cells, knots, middle[:, None] + STEP * error[:, None] * HEIGHTS)
    found, heights = _most_probable(table, method.prior(), method.least_drop)
    mean = heights.mean(axis=0)
    for share in LOWER_BARS:
        bar = share * method.steepness
        parts = (_split(table, mean, one, bar, method) for one in found)
        found = [part for stretches in parts for part in stretches]
    stretches = tuple(replace(one, first=int(knots[one.first]), last=int(knots[one.last])) for one in found)
    return Segmentation(stretches, knots, heights)


def _most_probable(table: BrokenLines, prior: Prior, least_drop: float) -> tuple[list[Stretch], np.ndarray]:
    """The sequence of stages drawn most often: its stretches, in knots of the table, and the lines that have it."""
    heights, labels = Posterior(table, prior).draw(DRAWS, np.random.default_rng(0))
    labels = _without_small(labels, heights, least_drop)
    change = labels[:, 1:] != labels[:, :-1]
    sequences = np.full(labels.shape, -1, np.int8)  # each line's labels less repetitions, filled up at their end
    place = np.pad(np.cumsum(change, axis=1), ((0, 0), (1, 0)))
    np.put_along_axis(sequences, place, labels.astype(np.int8), axis=1)
    _, first, number, often = np.unique(sequences, axis=0, return_index=True, return_inverse=True, return_counts=True)
    rows = number.ravel() == often.argmax()
    example = first[often.argmax()]
    kinds = labels[example, np.append(0, np.flatnonzero(change[example]) + 1)]
    places = np.nonzero(change[rows])[1].reshape(np.count_nonzero(rows), kinds.size - 1) + 1
    borders = np.median(places, axis=0).astype(int).tolist()
    length = np.diff(table.at)
    found = []
    for kind, (begin, end) in zip(kinds, pairwise([0, *borders, labels.shape[1]]), strict=True):
        here = (labels[:, begin:end] == kind) @ length[begin:end] / length[begin:end].sum()
        agreed = float((here >= 0.5).mean())
        found.append(Stretch(KINDS[kind], begin, end, SURE * agreed + DOUBTED * (1 - agreed)))
    return found, heights[rows]


def _without_small(labels: np.ndarray, heights: np.ndarray, least_drop: float) -> np.ndarray:
    """The labels of lines, descents and rises that change too little made plateau."""
    border = np.pad(labels[:, 1:] != labels[:, :-1], ((0, 0), (1, 1)), constant_values=True)
    row, begin = np.nonzero(border[:, :-1])
    end = np.nonzero(border[:, 1:])[1] + 1
    change = np.abs(heights[row, end] - heights[row, begin])
    labels = labels.copy()
    for one in np.flatnonzero((labels[row, begin] > 0) & (change < np.log1p(least_drop))):
        labels[row[one], begin[one] : end[one]] = 0
    return labels


def _split(
    table: BrokenLines, line: np.ndarray, stretch: Stretch, bar: float, method: SegmentationMethod
) -> list[Stretch]:
    """A plateau as the stretches that a lower bar for steepness shows in it; any other stretch as it is.

    A descent at the plateau's border with another stage is the beginning or the end of that one, and no stage. None of
    the parts is surer than the plateau that they make up.
    """
    if stretch.kind != "plateau" or not _moves(table, line, stretch, bar, np.log1p(method.least_drop)):
        return [stretch]
    sceptical = replace(method, steepness=bar, change=SPLIT * method.change, rise=SPLIT * method.rise).prior()
    found, _ = _most_probable(table.part(stretch.first, stretch.last), sceptical, method.least_drop)
    if stretch.first > 0 and found[0].kind != "plateau":
        found[0] = replace(found[0], kind="plateau", probability=DOUBTED)
    if stretch.last < table.at.size - 1 and found[-1].kind != "plateau":
        found[-1] = replace(found[-1], kind="plateau", probability=DOUBTED)
    found = _merged(found)
    fallen = abs(line[stretch.last] - line[stretch.first])
    if len(found) == 1 and (found[0].kind == "plateau" or fallen < WHOLE * np.log1p(method.least_drop)):
        return [stretch]
    return [
        Stretch(s.kind, stretch.first + s.first, stretch.first + s.last, min(s.probability, stretch.probability))
        for s in found
    ]


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of a kind made one."""
    out: list[Stretch] = []
    for one in stretches:
        if out and out[-1].kind == one.kind:
            out[-1] = replace(out[-1], last=one.last, probability=max(out[-1].probability, one.probability))
        else:
            out.append(one)
    return out


def _moves(table: BrokenLines, line: np.ndarray, stretch: Stretch, bar: float, least: float) -> bool:
    """Whether a line, inside a stretch or at an end of the curve, moves by so much at one go at a slope above a bar."""
    rise = np.diff(line[stretch.first : stretch.last + 1])
    slope = rise / np.diff(table.at[stretch.first : stretch.last + 1])
    label = (slope > bar).view(np.int8) - (slope < -bar).view(np.int8)
    starts = np.append(0, np.flatnonzero(np.diff(label)) + 1)
    moved = np.abs(np.add.reduceat(rise * (label != 0), starts))
    inner = slice(1 if stretch.first > 0 else 0, -1 if stretch.last < table.at.size - 1 else None)
    return bool((moved[inner] >= least).any())
