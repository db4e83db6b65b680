"""Is a curve a staircase of many steps?

Late on a logarithmic clock a short plateau between two drops looks as steep as its noise lets it, and no bar for
steepness tells it from a descent. But the plateaus of a staircase are alike: each is flat beside the curve around it,
and all of them together say how flat.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.sequences import Segment, courses, merged, most_probable
from mstage.analysis.stages.tuning import (
    FLATTER,
    STAIRCASE_ERRORS,
    STAIRCASE_PLATEAUS,
    STAIRCASE_SHARE,
    WHOLE_SIDES,
)

if TYPE_CHECKING:
    from mstage.analysis.stages.broken_lines import BrokenLines
    from mstage.analysis.stages.method import SegmentationMethod


def staircase(table: BrokenLines, method: SegmentationMethod) -> tuple[list[Segment], np.ndarray]:
    """The segments of a curve as a staircase, and the lines that have its stages; no segments where it is none.

    Args:
        table: The lines through the curve.
        method: Settings.
    """
    found, heights = most_probable(table, replace(method.prior(), share=STAIRCASE_SHARE), method.least_drop)
    inner = np.array(
        [k for k in range(1, len(found) - 1) if found[k].kind == "plateau" and found[k - 1].kind == found[k + 1].kind],
        dtype=int,
    )
    if inner.size < STAIRCASE_PLATEAUS:
        return [], heights
    change, length = courses(found, table, heights)
    moved, slope, error = np.abs(change.mean(axis=0)), change.mean(axis=0) / length, change.std(axis=0) / length
    before, after = np.abs(slope[inner - 1]), np.abs(slope[inner + 1])
    least = np.minimum(before, after)
    sides = np.sqrt(least * np.minimum(np.maximum(before, after), FLATTER * least))
    share, off = slope[inner] * np.sign(slope[inner - 1]) / sides, error[inner] / sides
    together = float(np.median(share)) + float(np.median(off)) / np.sqrt(inner.size)
    clear = share - STAIRCASE_ERRORS * off < 1 / FLATTER if together < 1 / FLATTER else share + off < 1 / FLATTER
    clear &= np.minimum(moved[inner - 1], moved[inner + 1]) >= WHOLE_SIDES * np.log1p(method.least_drop)
    if np.count_nonzero(clear) < STAIRCASE_PLATEAUS:
        return [], heights
    for place in inner[~clear].tolist():
        found[place] = replace(found[place], kind=found[place - 1].kind)
    return merged(found), heights
