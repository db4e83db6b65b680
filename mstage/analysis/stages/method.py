"""How is a curve cut into stages?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mstage.analysis.stages.broken_lines import KINDS
from mstage.analysis.stages.posterior import Prior
from mstage.analysis.stages.records import LARGEST_LOG
from mstage.analysis.stages.tuning import LINE_SHARE, RANGE_LENGTH
from mstage.errors import UsageError


@dataclass(frozen=True)
class SegmentationMethod:
    """How a curve is cut into stages.

    Attributes:
        steepness: Slope |d log loss / d log clock| above which a line is a descent or a rise.
        least_drop: Factor by which the loss has to change in a descent or a rise, less 1; on a straight scale a share
            of the range that the whole curve has.
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
            if not 0 < getattr(self, name) < np.inf:
                raise UsageError(f"{name.replace('_', ' ')} {getattr(self, name)}: has to be a number above 0")
        for name in ("bend", "change", "rise"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}: is a probability, above 0 and below 1")
        for name in ("first", "last"):
            if len(getattr(self, name)) != len(KINDS) or min(getattr(self, name)) <= 0:
                raise UsageError(f"{name} {getattr(self, name)}: three probabilities above 0, of {', '.join(KINDS)}")

    def straight(self) -> SegmentationMethod:
        """The same for a straight scale, on which the least drop is a share of the whole range."""
        drop = min(RANGE_LENGTH * self.least_drop, LARGEST_LOG)
        return replace(self, least_drop=float(np.expm1(drop)))

    def prior(self) -> Prior:
        """What is expected of a curve before it is seen."""
        bend, change, rise = self.bend, self.change, self.rise
        follow: np.ndarray = np.log([[bend, change, rise], [change, bend, rise], [change, change, bend]])
        return Prior(
            self.steepness, LINE_SHARE * float(np.log1p(self.least_drop)), np.log(self.first), np.log(self.last), follow
        )
