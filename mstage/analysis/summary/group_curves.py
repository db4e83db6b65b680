"""Which groups of runs are shown, by which representative run, and with which predictions?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mstage.analysis.samples import evenly
from mstage.analysis.stages.representatives import representative_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
    from mstage.analysis.stages.groups import StageGroups
    from mstage.analysis.stages.results import RunStages
    from mstage.analysis.theory.prediction import Prediction
    from mstage.analysis.theory.predictions import SweepTheory
    from mstage.history import Curve


@dataclass(frozen=True)
class GroupCurves:
    """A group to look at.

    Attributes:
        run: The coordinates that tell it from the other groups.
        representative: The run near its medians.
        others: Its other runs.
        predictions: What theory says of it, by name; none where it says nothing.
        measured: What the representative run shows by definition; None where that is not known.
    """

    run: Mapping[str, float | int | str]
    representative: RunStages
    others: tuple[Curve, ...]
    predictions: Mapping[str, Prediction]
    measured: MeasuredRun | None = None


def group_curves(
    groups: StageGroups, theory: SweepTheory | None, measured: SweepMeasurements | None, most: int
) -> tuple[GroupCurves, ...]:
    """The groups of a history to look at, at most `most` of them: the first, the last, and even steps between."""
    found = []
    for group in groups.groups:
        chosen = representative_of(group)
        if chosen is None:
            continue
        others = tuple(one.curve for one in group.members if one is not chosen)
        said = theory.of(group.run) if theory is not None else None
        predictions = {one.name: one for one in said.predictions} if said is not None else {}
        run, shows = {name: group.run[name] for name in groups.axes}, measured.of(chosen.run) if measured else None
        found.append(GroupCurves(run, chosen, others, predictions, shows))
    return evenly(tuple(found), most)
