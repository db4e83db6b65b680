"""How far is what was measured from what theory predicts?

Theory's quantities are read off the stages of the runs that share a sequence of stages: the ends of the first two
plateaus, and the losses where these are flattest (see `flattest`: their medians include the drift that ends them).
Where theory gives no number or the stage was not found, that is said.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mstage.analysis.samples import Spread
from mstage.analysis.stages.plateau_level import flattest_losses
from mstage.analysis.stages.representatives import run_key, typical_runs
from mstage.analysis.stages.unreached import Unreached, unreached

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mstage.analysis.stages.groups import StageGroups
    from mstage.analysis.stages.results import RunStages, Stages
    from mstage.analysis.theory.predictions import Prediction, SweepTheory
    from mstage.history import Curve

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
        measured: Median and range over the runs; None where the stage was not found or did not end.
        missing: Why it was not measured, and by when; None where it was.
    """

    run: Mapping[str, float | int | str]
    prediction: Prediction
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


def compare(
    groups: StageGroups, stages: Stages, losses: Iterable[Curve], theory: SweepTheory
) -> tuple[Comparison, ...]:
    """Set theory beside the stages of each group.

    Args:
        groups: The stages of a sweep by group; their clock has to be gradient-flow time.
        stages: Of every run.
        losses: The curves of the runs.
        theory: Of the same sweep.
    """
    found, losses = [], tuple(losses)
    levels = {name: flattest_losses(stages, losses, name) for name, what in MEASURED_AS.values() if what == "level"}
    for group in groups.groups:
        same = typical_runs(group, groups, stages)
        one = theory.of(group.run)
        predictions = one.predictions if one is not None else ()
        here = [one for one in stages.runs if groups.place(one.run) == groups.place(group.run)]
        diverged = all(one.status == "diverged" for one in here)
        for prediction in predictions:
            if prediction.name in MEASURED_AS:
                stage, what = MEASURED_AS[prediction.name]
                measured = None if diverged else _measured(same, stage, what, levels)
                missing = (
                    None if measured else Unreached(None, DIVERGED) if diverged else unreached(same or here, stage)
                )
                found.append(Comparison(group.run, prediction, measured, missing))
    return tuple(found)


def _measured(
    runs: list[RunStages], name: str, what: str, levels: Mapping[str, Mapping[tuple[Any, ...], float]]
) -> Spread | None:
    """A quantity of a stage over runs of one sequence; an end only where something comes after it."""
    if what == "level":
        return Spread.of(levels[name].get(run_key(one.run)) for one in runs)
    return Spread.of(stage.end for one in runs for stage in one.stages[:-1] if stage.name == name)
