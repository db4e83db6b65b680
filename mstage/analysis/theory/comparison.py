"""How far is what was measured from what theory predicts?

Theory's quantities are read off the stages of the runs that share a sequence of stages: the ends of the first two
plateaus, and the losses where these are flattest (their medians include the drift that ends them).
A missing prediction or stage is given with its reason.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mstage.analysis.samples import Spread
from mstage.analysis.stages.representatives import typical_runs
from mstage.analysis.stages.unreached import Unreached, unreached

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mstage.analysis.stages.groups import StageGroup, StageGroups
    from mstage.analysis.stages.results import RunStages
    from mstage.analysis.theory.prediction import Prediction
    from mstage.analysis.theory.predictions import SweepTheory

MEASURED_AS = {
    "initial level": ("initial plateau", "level"),
    "exit time": ("initial plateau", "end"),
    "secondary level": ("secondary plateau", "level"),
    "escape time": ("secondary plateau", "end"),
}
DIVERGED = "every run of the group diverged, and its stages are not those of theory"


@dataclass(frozen=True)
class Comparison:
    """One prediction beside what was measured.

    Attributes:
        run: The coordinates of the group.
        prediction: What theory says.
        runs: Whose stages it is compared with: those that share the group's most frequent ones.
        measured: Median and range over the runs; None where the stage was not found or did not end.
        missing: Why it was not measured, and by when; None where it was.
    """

    run: Mapping[str, float | int | str]
    prediction: Prediction
    runs: tuple[RunStages, ...]
    measured: Spread | None
    missing: Unreached | None = None

    @property
    def deviation(self) -> float | None:
        """Median measured over predicted, less 1."""
        if self.measured is None or not self.prediction.value:
            return None
        return self.measured.median / self.prediction.value - 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        measured = asdict(self.measured) if self.measured else None
        missing = asdict(self.missing) if self.missing else None
        head = {"run": dict(self.run), "deviation": self.deviation, "measured": measured, "missing": missing}
        return head | asdict(self.prediction)


def compare(groups: StageGroups, theory: SweepTheory) -> tuple[Comparison, ...]:
    """Compare theory with the stages of each group.

    Args:
        groups: The stages of a sweep by group; their clock has to be gradient-flow time.
        theory: Of the same sweep.
    """
    found = []
    for group in groups.groups:
        said = theory.of(group.run)
        predictions = said.predictions if said is not None else ()
        found += [_compared(group, one) for one in predictions if one.name in MEASURED_AS]
    return tuple(found)


def _compared(group: StageGroup, prediction: Prediction) -> Comparison:
    """One prediction beside the stages of a group."""
    stage, what = MEASURED_AS[prediction.name]
    if all(one.status == "diverged" for one in group.members):
        return Comparison(group.run, prediction, group.members, None, Unreached(None, DIVERGED))
    runs = tuple(typical_runs(group))
    measured = _measured(runs, stage, what)
    missing = None if measured else unreached(runs or group.members, stage)
    return Comparison(group.run, prediction, runs, measured, missing)


def _measured(runs: Sequence[RunStages], name: str, what: str) -> Spread | None:
    """A quantity of a stage over runs of one sequence; an end only where something comes after it."""
    if what == "level":
        return Spread.of(one.plateau_levels.get(name) for one in runs)
    return Spread.of(stage.end for one in runs for stage in one.stages[:-1] if stage.name == name)
