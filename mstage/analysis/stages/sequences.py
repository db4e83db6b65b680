"""Which sequence of stages do most of the probable broken lines go through?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.broken_lines import KINDS, Kind
from mstage.analysis.stages.posterior import Posterior
from mstage.analysis.stages.tuning import (
    PLATEAU_RECORDS,
    PROBABILITY_AGREED,
    PROBABILITY_DOUBTED,
    SHARED_DRAWS,
    SHORT,
    TURN_SHARE,
    WHOLE_SIDES,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mstage.analysis.stages.broken_lines import BrokenLines
    from mstage.analysis.stages.posterior import Prior

DRAWS = 128


@dataclass(frozen=True)
class Segment:
    """A part of the curve with one label, from one place to another (inclusive; neighbours share their boundary).

    Attributes:
        kind: Its label.
        first: First knot.
        last: Last knot.
        probability: That there is a stage of this kind here.
    """

    kind: Kind
    first: int
    last: int
    probability: float = np.nan


def most_probable(table: BrokenLines, prior: Prior, least_drop: float) -> tuple[list[Segment], np.ndarray]:
    """The sequence of stages drawn most often: its segments, in knots of the table, and the lines that have it."""
    heights, labels = Posterior(table, prior).draw(DRAWS, np.random.default_rng(0))
    labels = _without_small(labels, table, heights, least_drop)
    change = labels[:, 1:] != labels[:, :-1]
    sequences = np.full(labels.shape, -1, np.int8)  # each line's labels less repetitions, filled up at their end
    place = np.pad(np.cumsum(change, axis=1), ((0, 0), (1, 0)))
    np.put_along_axis(sequences, place, labels.astype(np.int8), axis=1)
    _, first, number, often = np.unique(sequences, axis=0, return_index=True, return_inverse=True, return_counts=True)
    if often.max() >= SHARED_DRAWS * DRAWS:
        rows = number.ravel() == often.argmax()
        example = first[often.argmax()]
        kinds = labels[example, np.append(0, np.flatnonzero(change[example]) + 1)]
        places = np.nonzero(change[rows])[1].reshape(np.count_nonzero(rows), kinds.size - 1) + 1
        boundaries = np.median(places, axis=0).astype(int).tolist()
    else:  # of so many stages that few lines agree on all of them: what most say of each place
        rows = np.ones(DRAWS, bool)
        likeliest = np.stack([(labels == kind).sum(axis=0) for kind in range(len(KINDS))]).argmax(axis=0)
        boundaries = (np.flatnonzero(np.diff(likeliest)) + 1).tolist()
        kinds = likeliest[[0, *boundaries]]
    length = np.diff(table.at)
    found = []
    for kind, (begin, end) in zip(kinds, pairwise([0, *boundaries, labels.shape[1]]), strict=True):
        here = (labels[:, begin:end] == kind) @ length[begin:end] / length[begin:end].sum()
        agreed = float((here >= 0.5).mean())
        found.append(Segment(KINDS[kind], begin, end, PROBABILITY_AGREED * agreed + PROBABILITY_DOUBTED * (1 - agreed)))
    return found, heights[rows]


def _without_small(labels: np.ndarray, table: BrokenLines, heights: np.ndarray, least_drop: float) -> np.ndarray:
    """The labels of lines, without descents and rises that change too little and plateaus of too few records.

    The former become plateau; the latter belong to the stage before, at the beginning of the curve to the one after. A
    plateau between a descent and a rise, which any smooth curve has for a moment, has to last besides, and a short one
    between two descents or two rises has to lie between large ones: else it is a ripple.
    """
    labels = labels.copy()
    row, begin, end = _stretches(labels)
    change = np.abs(heights[row, end] - heights[row, begin])
    for one in np.flatnonzero((labels[row, begin] > 0) & (change < np.log1p(least_drop))):
        labels[row[one], begin[one] : end[one]] = 0
    row, begin, end = _stretches(labels)
    kind, length = labels[row, begin], table.at[end] - table.at[begin]
    few = (kind == 0) & (table.records[end] - table.records[begin] < PLATEAU_RECORDS)
    few &= end - begin < labels.shape[1]
    same = row[2:] == row[:-2]
    turn = same & (kind[1:-1] == 0) & (kind[:-2] + kind[2:] == 3)
    few[1:-1] |= turn & (length[1:-1] < TURN_SHARE * (length[:-2] + length[2:]))
    change = np.abs(heights[row, end] - heights[row, begin])
    ripple = same & (kind[1:-1] == 0) & (kind[:-2] == kind[2:]) & (length[1:-1] < SHORT)
    few[1:-1] |= ripple & (np.minimum(change[:-2], change[2:]) < WHOLE_SIDES * np.log1p(least_drop))
    for one in np.flatnonzero(few):
        first, last = begin[one], end[one]
        labels[row[one], first:last] = labels[row[one], first - 1 if first else last]
    return labels


def _stretches(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, first and last knot of each stretch with one label."""
    boundary = np.pad(labels[:, 1:] != labels[:, :-1], ((0, 0), (1, 1)), constant_values=True)
    row, begin = np.nonzero(boundary[:, :-1])
    return row, begin, np.nonzero(boundary[:, 1:])[1] + 1


def courses(segments: list[Segment], table: BrokenLines, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much each line changes over each segment, shape (lines, segments), and how long the segments are."""
    first, last = ([getattr(one, name) for one in segments] for name in ("first", "last"))
    return heights[:, last] - heights[:, first], table.at[last] - table.at[first]


def merged(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours of a kind made one."""
    out: list[Segment] = []
    for one in segments:
        if out and out[-1].kind == one.kind:
            out[-1] = replace(out[-1], last=one.last, probability=max(out[-1].probability, one.probability))
        else:
            out.append(one)
    return out
