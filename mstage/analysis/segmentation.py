"""Which plateaus, descents and rises does a curve on a logarithmic scale go through?

The best labelled broken line says it (see `broken_lines`), found twice: over the smoothed curve, then more closely
around the line found. What counts as flat depends on the curve: a loss that never falls steeply has its descents
too. So a plateau is looked at again with a lower bar for steepness, and split where a descent within it is several
times steeper than what lies to both of its sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.broken_lines import KINDS, BrokenLines, Kind, Path, best_path, label_probabilities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mstage.analysis.cells import Cells

HEIGHTS = np.arange(-3, 4)  # heights tried at a knot, in steps
FIRST_STEP = 0.9  # of a standard error of the smoothed curve: the first pass covers 2.7 of them to each side
SECOND_STEP = 0.25  # the second pass looks closer around the first one's line
SMOOTHING_HALF = 5  # cells to each side that the smoothed curve takes
SHAPE_SIGMA = 0.002  # of log loss, that a straight line may be off where the curve is flat, noise or no noise
SHAPE_SHARE = 0.1  # of the change of the curve from knot to knot, that it may be off where the curve is steep
LOWER_BARS = (1 / 3, 1 / 9, 1 / 27)  # of the steepness, at which a plateau is looked at again
SPLIT_PENALTY = 2.0  # for a change of label there, in units of the one at first: there are several bars to be cleared
ROUNDING = 1e-9  # of the curve's length, so that a rescaled clock has the same knots


@dataclass(frozen=True)
class SegmentationMethod:
    """How a curve is cut into stages.

    Attributes:
        steepness: Slope |d log loss / d log clock| above which a line is a descent or a rise.
        least_drop: Factor by which the loss has to change in a descent or a rise, less 1.
        knots: Places at which the slope may change.
        line_penalty: What each line pays, in units of log(cells); a misfit of one sigma in one cell costs 1.
        change_penalty: What each change from one label to another pays, in the same units.
    """

    steepness: float = 0.3
    least_drop: float = 0.05
    knots: int = 40
    line_penalty: float = 0.4
    change_penalty: float = 1.0


@dataclass(frozen=True)
class Stretch:
    """A part of the curve with one label, from one cell to another (inclusive; neighbours share their border cell).

    Attributes:
        kind: Its label.
        first: First cell.
        last: Last cell.
        probability: That there is a stage of this kind here.
    """

    kind: Kind
    first: int
    last: int
    probability: float = np.nan


@dataclass(frozen=True)
class Segmentation:
    """The stretches of a curve, in order and never two of a kind next to each other, and the line through the cells."""

    stretches: tuple[Stretch, ...]
    line: np.ndarray


def segment(cells: Cells, method: SegmentationMethod) -> Segmentation:
    """Cut a curve into plateaus, descents and rises.

    Args:
        cells: The curve, of at least three cells.
        method: Settings.
    """
    unit = float(np.log(cells.value.size))
    change = method.change_penalty * unit
    knots = choose_knots(cells, method.knots)
    cells = replace(cells, variance=cells.variance + shape_sigma(cells, knots) ** 2)
    middle, error, _ = smooth(cells, knots)
    for step in (FIRST_STEP, SECOND_STEP):
        heights = middle[:, None] + step * error[:, None] * HEIGHTS
        lines = BrokenLines(cells, knots, heights, method.line_penalty * unit)
        path = best_path(lines, method.steepness, change)
        middle = np.interp(lines.at, lines.at[path.knots], path.heights)
    found = _merged(_stretches(path, method.least_drop))
    found = _with_probabilities(lines, path, found, method.steepness, change)
    for bar in LOWER_BARS:
        lower = bar * method.steepness
        split = (_split(lines, path, one, lower, SPLIT_PENALTY * change, method.least_drop) for one in found)
        found = [part for parts in split for part in parts]
    line = np.interp(cells.position, lines.at[path.knots], path.heights)
    return Segmentation(tuple(replace(s, first=int(knots[s.first]), last=int(knots[s.last])) for s in found), line)


def _stretches(path: Path, least_drop: float) -> list[Stretch]:
    """The stretches of a path, in knots of its table; descents and rises that change too little count as plateau."""
    borders = np.flatnonzero(np.diff(path.kinds)) + 1
    found = []
    for begin, end in pairwise([0, *borders.tolist(), path.kinds.size]):
        small = abs(path.heights[end] - path.heights[begin]) < np.log1p(least_drop)
        kind = KINDS[0 if small else path.kinds[begin]]
        found.append(Stretch(kind, int(path.knots[begin]), int(path.knots[end])))
    return found


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of a kind made one."""
    out: list[Stretch] = []
    for one in stretches:
        if out and out[-1].kind == one.kind:
            out[-1] = replace(out[-1], last=one.last)
        else:
            out.append(one)
    return out


def _with_probabilities(
    lines: BrokenLines, path: Path, stretches: list[Stretch], steepness: float, change: float
) -> list[Stretch]:
    """The stretches with their probabilities: that of their label where it is surest."""
    probability = label_probabilities(lines, path, steepness, change)
    return [
        replace(one, probability=float(probability[KINDS.index(one.kind), one.first : one.last].max()))
        for one in stretches
    ]


def _split(
    lines: BrokenLines, path: Path, stretch: Stretch, steepness: float, change: float, least_drop: float
) -> list[Stretch]:
    """A plateau as the stretches that a lower bar for steepness shows in it; any other stretch as it is.

    A descent at the plateau's border with another stage is the beginning or the end of that one, and no stage.
    """
    inside = (path.knots >= stretch.first) & (path.knots <= stretch.last)
    if stretch.kind != "plateau" or np.ptp(path.heights[inside]) < np.log1p(least_drop):
        return [stretch]
    part = lines.part(stretch.first, stretch.last)
    closer = best_path(part, steepness, change)
    found = _stretches(closer, least_drop)
    if stretch.first > 0:
        found[0] = replace(found[0], kind="plateau")
    if stretch.last < lines.at.size - 1:
        found[-1] = replace(found[-1], kind="plateau")
    found = _merged(found)
    if len(found) == 1:
        return [stretch]
    found = _with_probabilities(part, closer, found, steepness, change)
    return [replace(s, first=stretch.first + s.first, last=stretch.first + s.last) for s in found]


def choose_knots(cells: Cells, count: int) -> np.ndarray:
    """Cells for the knots: half of the weight spread evenly over the cells, half evenly along the clock."""
    size = cells.position.size
    along = (cells.position - cells.position[0]) / (cells.position[-1] - cells.position[0])
    place = (np.linspace(0, 1, size) + along) / 2
    knots = np.searchsorted(place, np.linspace(0, 1, count) - ROUNDING).clip(0, size - 1)
    return np.unique(np.append(knots, [0, size - 1]))


def shape_sigma(cells: Cells, knots: np.ndarray) -> np.ndarray:
    """How far a line between two knots may be off because the curve is bent and the knots are sparse, for each cell."""
    _, _, slope = smooth(cells, knots)
    step = np.abs(slope) * np.gradient(cells.position[knots])
    return np.asarray(SHAPE_SIGMA + SHAPE_SHARE * np.interp(cells.position, cells.position[knots], step))


def smooth(cells: Cells, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height of the curve at the knots by a straight line through the cells around each, its error, and the slope."""
    size = cells.position.size
    offsets = np.arange(-SMOOTHING_HALF, SMOOTHING_HALF + 1)
    around = knots[:, None] + offsets
    inside = (around >= 0) & (around < size)
    around = around.clip(0, size - 1)
    weight = np.where(inside, 1 / cells.variance[around], 0.0)
    x = cells.position[around] - cells.position[knots][:, None]
    total = weight.sum(axis=1)
    mean_x = (weight * x).sum(axis=1) / total
    mean_y = (weight * cells.value[around]).sum(axis=1) / total
    spread = np.maximum((weight * (x - mean_x[:, None]) ** 2).sum(axis=1), np.finfo(float).tiny)
    slope = (weight * (x - mean_x[:, None]) * cells.value[around]).sum(axis=1) / spread
    return mean_y - slope * mean_x, np.sqrt(1 / total + mean_x**2 / spread), slope
