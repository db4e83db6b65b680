"""How far is what was measured from what theory predicts, and what did the detection make of it?

Each quantity of theory stands beside what the runs show by its definition (see `measured`), which it is compared with,
and beside the border or the level of the detected stage where there is one. Each is of all the runs of a group that
have it, with how many these are and why the others have none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mstage.analysis.measured.quantity import Measured, OverRuns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.analysis.measured.sweep import SweepMeasurements
    from mstage.analysis.stages.groups import StageGroup, StageGroups
    from mstage.analysis.stages.results import RunStages
    from mstage.analysis.theory.prediction import Prediction
    from mstage.analysis.theory.predictions import SweepTheory

DETECTED_AS = {
    "initial level": ("initial plateau", "level"),
    "exit time": ("initial plateau", "end"),
    "secondary level": ("secondary plateau", "level"),
    "escape time": ("secondary plateau", "end"),
}


@dataclass(frozen=True)
class Comparison:
    """One prediction beside what was measured and what was detected.

    Attributes:
        run: The coordinates of the group.
        prediction: What theory says.
        measured: By definition, over the runs of the group.
        detected: The end of the stage, or the median of its losses; None of what no stage shows.
    """

    run: Mapping[str, float | int | str]
    prediction: Prediction
    measured: OverRuns
    detected: OverRuns | None = None

    @property
    def deviation(self) -> float | None:
        """Median measured over predicted, less 1."""
        if self.measured.spread is None or not self.prediction.value:
            return None
        return self.measured.spread.median / self.prediction.value - 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        detected = self.detected.to_dict() if self.detected else None
        head = {"run": dict(self.run), "deviation": self.deviation, "measured": self.measured.to_dict()}
        return head | {"detected": detected} | asdict(self.prediction)


def compare(groups: StageGroups, theory: SweepTheory, measured: SweepMeasurements) -> tuple[Comparison, ...]:
    """Set theory beside the runs of each group.

    Args:
        groups: The stages of a sweep by group.
        theory: Of the same sweep.
        measured: Of the same sweep.
    """
    found = []
    for group in groups.groups:
        said = theory.of(group.run)
        for prediction in said.predictions if said is not None else ():
            quantities = _measured(group, prediction.name, measured)
            if quantities:
                detected = DETECTED_AS.get(prediction.name)
                shown = OverRuns.of([_detected(one, *detected) for one in group.members]) if detected else None
                found.append(Comparison(group.run, prediction, OverRuns.of(quantities), shown))
    return tuple(found)


def _measured(group: StageGroup, name: str, measured: SweepMeasurements) -> list[Measured]:
    """A quantity of each run of a group; nothing of what the sweep has not kept."""
    runs = [measured.of(one.run) for one in group.members]
    known = [one.quantities for one in runs if one is not None]
    if not any(name in one for one in known):
        return []
    return [
        one.quantities.get(name, Measured.none("not measured")) if one else Measured.none("no losses") for one in runs
    ]


def _detected(one: RunStages, name: str, what: str) -> Measured:
    """The end or the level of a stage of a run; an end only where something comes after it.

    What a run shows that diverges in the end may be anything.
    """
    if one.status == "diverged":
        return Measured.none("diverged")
    stages = one.stages if what == "level" else one.stages[:-1]
    value = next((getattr(stage, what) for stage in stages if stage.name == name), None)
    return Measured(value) if value is not None else Measured.none("not detected")
