"""Which plateaus, descents and rises does a curve on a logarithmic scale go through?

Broken lines are sampled from their posterior (see `posterior`), and the most frequent sequence of stages is that of the
curve. What counts as flat depends on the curve: a loss that never falls steeply has descents too. So each plateau is
segmented again with a lower threshold for steepness, and split where a descent in it is several times steeper than both
of its sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.broken_lines import KINDS, BrokenLines, Kind
from mstage.analysis.stages.knots import choose_knots, shape_sigma, smooth
from mstage.analysis.stages.posterior import Posterior, Prior
from mstage.analysis.stages.tuning import (
    HEIGHT_STEP,
    LOWER_BARS,
    PROBABILITY_AGREED,
    PROBABILITY_DOUBTED,
    SPLIT_DOUBT,
    WHOLE_DROPS,
)
from mstage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float, Int

    from mstage.analysis.stages.bins import Bins

HEIGHTS = np.arange(-6, 7)  # heights tried at a knot, in steps
DRAWS = 128


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
class Segment:
    """A part of the curve with one label, from one place to another (inclusive; neighbours share their boundary).

    Attributes:
        kind: Its label.
        first: First bin; while the curve is being cut, first knot.
        last: Last bin; while the curve is being cut, last knot.
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
        segments: In order, never two of a kind next to each other.
        knots: Bins at which the lines may bend, shape (knots,).
        lines: Heights there of the lines drawn that go through the stages found at the first bar, (draws, knots).
    """

    segments: tuple[Segment, ...]
    knots: Int[np.ndarray, " knots"]
    lines: Float[np.ndarray, "draws knots"]

    def line(self, bins: Bins) -> np.ndarray:
        """The mean of the lines in each bin, shape (bins,)."""
        return np.asarray(np.interp(bins.position, bins.position[self.knots], self.lines.mean(axis=0)))


def segment(bins: Bins, method: SegmentationMethod) -> Segmentation:
    """Cut a curve into plateaus, descents and rises.

    Args:
        bins: The curve, of at least three bins.
        method: Settings.
    """
    knots = choose_knots(bins, method.knots)
    bins = replace(bins, innovation_variance=bins.innovation_variance + shape_sigma(bins, knots) ** 2)
    middle, error, _ = smooth(bins, knots)
    table = BrokenLines(bins, knots, middle[:, None] + HEIGHT_STEP * error[:, None] * HEIGHTS)
    found, heights = _most_probable(table, method.prior(), method.least_drop)
    mean = heights.mean(axis=0)
    for share in LOWER_BARS:
        bar = share * method.steepness
        parts = (_split(table, mean, one, bar, method) for one in found)
        found = [part for segments in parts for part in segments]
    segments = tuple(replace(one, first=int(knots[one.first]), last=int(knots[one.last])) for one in found)
    return Segmentation(segments, knots, heights)


def _most_probable(table: BrokenLines, prior: Prior, least_drop: float) -> tuple[list[Segment], np.ndarray]:
    """The sequence of stages drawn most often: its segments, in knots of the table, and the lines that have it."""
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
    boundaries = np.median(places, axis=0).astype(int).tolist()
    length = np.diff(table.at)
    found = []
    for kind, (begin, end) in zip(kinds, pairwise([0, *boundaries, labels.shape[1]]), strict=True):
        here = (labels[:, begin:end] == kind) @ length[begin:end] / length[begin:end].sum()
        agreed = float((here >= 0.5).mean())
        found.append(Segment(KINDS[kind], begin, end, PROBABILITY_AGREED * agreed + PROBABILITY_DOUBTED * (1 - agreed)))
    return found, heights[rows]


def _without_small(labels: np.ndarray, heights: np.ndarray, least_drop: float) -> np.ndarray:
    """The labels of lines, descents and rises that change too little made plateau."""
    boundary = np.pad(labels[:, 1:] != labels[:, :-1], ((0, 0), (1, 1)), constant_values=True)
    row, begin = np.nonzero(boundary[:, :-1])
    end = np.nonzero(boundary[:, 1:])[1] + 1
    change = np.abs(heights[row, end] - heights[row, begin])
    labels = labels.copy()
    for one in np.flatnonzero((labels[row, begin] > 0) & (change < np.log1p(least_drop))):
        labels[row[one], begin[one] : end[one]] = 0
    return labels


def _split(
    table: BrokenLines, line: np.ndarray, part: Segment, bar: float, method: SegmentationMethod
) -> list[Segment]:
    """A plateau as the segments that a lower bar for steepness shows in it; any other segment as it is.

    A descent that begins or ends the plateau belongs to the stage next to it and is none of its own. No part is more
    probable than the plateau was.
    """
    if part.kind != "plateau" or not _moves(table, line, part, bar, np.log1p(method.least_drop)):
        return [part]
    sceptical = replace(
        method, steepness=bar, change=SPLIT_DOUBT * method.change, rise=SPLIT_DOUBT * method.rise
    ).prior()
    found, _ = _most_probable(table.part(part.first, part.last), sceptical, method.least_drop)
    if part.first > 0 and found[0].kind != "plateau":
        found[0] = replace(found[0], kind="plateau", probability=PROBABILITY_DOUBTED)
    if part.last < table.at.size - 1 and found[-1].kind != "plateau":
        found[-1] = replace(found[-1], kind="plateau", probability=PROBABILITY_DOUBTED)
    found = _merged(found)
    fallen = abs(line[part.last] - line[part.first])
    if len(found) == 1 and (found[0].kind == "plateau" or fallen < WHOLE_DROPS * np.log1p(method.least_drop)):
        return [part]
    return [
        Segment(s.kind, part.first + s.first, part.first + s.last, min(s.probability, part.probability)) for s in found
    ]


def _merged(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours of a kind made one."""
    out: list[Segment] = []
    for one in segments:
        if out and out[-1].kind == one.kind:
            out[-1] = replace(out[-1], last=one.last, probability=max(out[-1].probability, one.probability))
        else:
            out.append(one)
    return out


def _moves(table: BrokenLines, line: np.ndarray, part: Segment, bar: float, least: float) -> bool:
    """Whether a line, inside a segment or at an end of the curve, moves by so much at one go at a slope above a bar."""
    rise = np.diff(line[part.first : part.last + 1])
    slope = rise / np.diff(table.at[part.first : part.last + 1])
    label = (slope > bar).view(np.int8) - (slope < -bar).view(np.int8)
    starts = np.append(0, np.flatnonzero(np.diff(label)) + 1)
    moved = np.abs(np.add.reduceat(rise * (label != 0), starts))
    inner = slice(1 if part.first > 0 else 0, -1 if part.last < table.at.size - 1 else None)
    return bool((moved[inner] >= least).any())
