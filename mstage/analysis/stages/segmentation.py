"""Which plateaus, descents and rises does a curve on a logarithmic scale go through?

Broken lines are sampled from their posterior (see `posterior`), and the most frequent sequence of stages is that of the
curve, unless it is a `staircase` of more. Then each plateau is looked at again with a lower bar for steepness, and each
descent with a higher one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.stages.broken_lines import BrokenLines
from mstage.analysis.stages.knots import choose_knots, shape_sigma
from mstage.analysis.stages.refinement import divided, split
from mstage.analysis.stages.sequences import Segment, most_probable
from mstage.analysis.stages.staircase import staircase
from mstage.analysis.stages.tuning import HEIGHT_STEP, LOWER_BARS, STAIRCASE_KNOTS

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.analysis.stages.bins import Bins
    from mstage.analysis.stages.method import SegmentationMethod

HEIGHTS = np.arange(-6, 7)  # heights tried at a knot, in steps


@dataclass(frozen=True)
class Segmentation:
    """How a curve was cut.

    Attributes:
        segments: In order, never two of a kind next to each other.
        at: Positions at which the lines may bend, shape (knots,).
        lines: Heights there of the lines drawn that go through the stages found at the first bar, (draws, knots).
    """

    segments: tuple[Segment, ...]
    at: Float[np.ndarray, " knots"]
    lines: Float[np.ndarray, "draws knots"]

    @property
    def edges(self) -> list[float]:
        """Positions at which the segments begin and the last ends."""
        return [float(self.at[one.first]) for one in self.segments] + [float(self.at[-1])]


def segment(bins: Bins, method: SegmentationMethod) -> Segmentation:
    """Cut a curve into plateaus, descents and rises.

    Args:
        bins: The curve, of at least three bins.
        method: Settings.
    """
    knots, middle, error = choose_knots(bins, method.knots)
    bins = replace(bins, innovation_variance=bins.innovation_variance + shape_sigma(bins) ** 2)
    table = BrokenLines(bins, knots, middle[:, None] + HEIGHT_STEP * error[:, None] * HEIGHTS)
    found, heights = most_probable(table, method.prior(), method.least_drop)
    if knots.size > STAIRCASE_KNOTS:
        steps, lines = staircase(table, method)
        if len(steps) > len(found):
            found, heights = steps, lines
    mean = heights.mean(axis=0)
    for share in LOWER_BARS:
        bar = share * method.steepness
        parts = (split(table, mean, one, bar, method) for one in found)
        found = [part for segments in parts for part in segments]
    found = [part for one in found for part in divided(table, mean, one, method)]
    return Segmentation(tuple(found), table.at, heights)
