"""Which stages does a stage hold, looked at with another bar for steepness?

What counts as flat depends on the curve: a loss that never falls steeply has descents too, and between two drops of a
late learning rate a slow descent is a plateau.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.sequences import Segment, courses, merged, most_probable
from mstage.analysis.stages.tuning import (
    FLAT_LENGTH,
    FLATTER,
    FLATTER_THAN_BOTH,
    HIGHER_BARS,
    MOST_STEEP,
    PROBABILITY_DOUBTED,
    SPLIT_DOUBT,
    WHOLE_DROPS,
    WHOLE_SIDES,
)

if TYPE_CHECKING:
    from mstage.analysis.stages.broken_lines import BrokenLines
    from mstage.analysis.stages.method import SegmentationMethod


def split(table: BrokenLines, line: np.ndarray, part: Segment, bar: float, method: SegmentationMethod) -> list[Segment]:
    """A plateau as the segments that a lower bar for steepness shows in it; any other segment as it is.

    A descent that begins or ends the plateau belongs to the stage next to it and is none of its own. No part is more
    probable than the plateau was.
    """
    if part.kind != "plateau" or not _moves(table, line, part, bar, np.log1p(method.least_drop)):
        return [part]
    sceptical = replace(
        method, steepness=bar, change=SPLIT_DOUBT * method.change, rise=SPLIT_DOUBT * method.rise
    ).prior()
    found, _ = most_probable(table.part(part.first, part.last), sceptical, method.least_drop)
    if part.first > 0 and found[0].kind != "plateau":
        found[0] = replace(found[0], kind="plateau", probability=PROBABILITY_DOUBTED)
    if part.last < table.at.size - 1 and found[-1].kind != "plateau":
        found[-1] = replace(found[-1], kind="plateau", probability=PROBABILITY_DOUBTED)
    found = merged(found)
    fallen = abs(line[part.last] - line[part.first])
    if len(found) == 1 and (found[0].kind == "plateau" or fallen < WHOLE_DROPS * np.log1p(method.least_drop)):
        return [part]
    return [
        Segment(s.kind, part.first + s.first, part.first + s.last, min(s.probability, part.probability)) for s in found
    ]


def divided(
    table: BrokenLines,
    line: np.ndarray,
    part: Segment,
    method: SegmentationMethod,
    bars: tuple[float, ...] = HIGHER_BARS,
) -> list[Segment]:
    """A descent or a rise with the plateaus in it that are many times flatter than their sides; else as it is.

    Whatever the bar for steepness: between two drops of a late learning rate, a slow descent is a plateau.
    """
    if part.kind == "plateau":
        return [part]
    fall = -1.0 if part.kind == "descent" else 1.0
    slope = fall * np.diff(line[part.first : part.last + 1]) / np.diff(table.at[part.first : part.last + 1])
    for place, share in enumerate(bars):
        bar = share * method.steepness
        steep = np.flatnonzero(slope > bar)
        if steep.size == 0:
            break
        if not (slope[steep[0] : None if part.last == table.at.size - 1 else steep[-1]] < bar).any():
            continue
        inner = table.part(part.first, part.last)
        found, heights = most_probable(inner, replace(method, steepness=bar).prior(), method.least_drop)
        if {one.kind for one in found} == {"plateau"}:
            continue
        found = _clear(found, inner, heights, WHOLE_SIDES * np.log1p(method.least_drop))
        if len(found) > 1:
            moved = (
                Segment(s.kind, part.first + s.first, part.first + s.last, min(s.probability, part.probability))
                for s in found
            )
            return [one for whole in moved for one in divided(table, line, whole, method, bars[place + 1 :])]
    return [part]


def _clear(found: list[Segment], table: BrokenLines, heights: np.ndarray, least_side: float) -> list[Segment]:
    """Segments of a descent or a rise, of whose plateaus only those are left that are clearly flatter than their sides.

    The steepness of a plateau is taken as large as it may be within the noise. Both sides have to be steeper, the more
    so the shorter it is, and to change by so much at least; what follows the end of the curve may be as steep as
    anything.
    """
    change, length = courses(found, table, heights)
    moved, error = np.abs(change.mean(axis=0)), change.std(axis=0) / length
    kind = next(one.kind for one in found if one.kind != "plateau")
    beyond = [np.inf] if table.is_last else [0.0]
    moved_before, moved_after = np.append(0.0, moved[:-1]), np.append(moved[1:], beyond)
    steepness = moved / length
    before, after = np.append(0.0, steepness[:-1]), np.append(steepness[1:], beyond)
    flat = np.maximum(steepness + error, np.finfo(float).tiny)
    least, most = np.minimum(before, after), np.minimum(np.maximum(before, after), MOST_STEEP * flat)
    contrast = np.sqrt(least * most) / flat
    clear = np.minimum(moved_before, moved_after) >= least_side
    clear &= (least > FLATTER * flat) | (
        (least > FLATTER_THAN_BOTH * flat) & (contrast > FLATTER) & (contrast * length > FLAT_LENGTH)
    )
    return merged(
        one if one.kind == "plateau" and stays else replace(one, kind=kind)
        for one, stays in zip(found, clear, strict=True)
    )


def _moves(table: BrokenLines, line: np.ndarray, part: Segment, bar: float, least: float) -> bool:
    """Whether a line, inside a segment or at an end of the curve, moves by so much at one go at a slope above a bar."""
    rise = np.diff(line[part.first : part.last + 1])
    slope = rise / np.diff(table.at[part.first : part.last + 1])
    label = (slope > bar).view(np.int8) - (slope < -bar).view(np.int8)
    starts = np.append(0, np.flatnonzero(np.diff(label)) + 1)
    moved = np.abs(np.add.reduceat(rise * (label != 0), starts))
    inner = slice(1 if part.first > 0 else 0, -1 if part.last < table.at.size - 1 else None)
    return bool((moved[inner] >= least).any())
