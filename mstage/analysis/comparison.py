"""How far is what was measured from what theory predicts?

Theory's quantities are read off the stages of the runs that share a sequence of stages: levels and ends of the first
two plateaus. Where theory gives no number or the stage was not found, that is said.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.analysis.groups import Spread, StageGroup, StageGroups
    from mstage.analysis.predictions import SweepTheory
    from mstage.analysis.theory import Prediction

MEASURED_AS = {
    "initial level": ("initial plateau", "level"),
    "exit time": ("initial plateau", "end"),
    "secondary level": ("secondary plateau", "level"),
    "escape time": ("secondary plateau", "end"),
}


@dataclass(frozen=True)
class Comparison:
    """One prediction beside what was measured.

    Attributes:
        run: The coordinates of the group.
        prediction: What theory says.
        measured: Median and range over the runs; None where the stage was not found or did not end.
    """

    run: Mapping[str, float | int | str]
    prediction: Prediction
    measured: Spread | None

    @property
    def deviation(self) -> float | None:
        """Median measured over predicted, less 1."""
        if self.measured is None or not self.prediction.value:
            return None
        return self.measured.median / self.prediction.value - 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        measured = asdict(self.measured) if self.measured else None
        return {"run": dict(self.run), "deviation": self.deviation, "measured": measured} | asdict(self.prediction)


def compare(groups: StageGroups, theory: SweepTheory) -> tuple[Comparison, ...]:
    """Set theory beside the stages of each group.

    Args:
        groups: The stages of a sweep; their clock has to be gradient-flow time.
        theory: Of the same sweep.
    """
    found = []
    for group in groups.groups:
        one = theory.of(group.run)
        predictions = one.predictions if one is not None else ()
        found += [
            Comparison(group.run, prediction, _measured(group, *MEASURED_AS[prediction.name]))
            for prediction in predictions
            if prediction.name in MEASURED_AS
        ]
    return tuple(found)


def _measured(group: StageGroup, name: str, what: str) -> Spread | None:
    """A quantity of a stage of the most frequent sequence; an end only where something comes after it."""
    stages = group.sequences[0].stages if group.sequences else ()
    for index, stage in enumerate(stages):
        if stage.name == name and (what != "end" or index + 1 < len(stages)):
            spread: Spread | None = getattr(stage, what)
            return spread
    return None
