"""Which groups of runs are shown, each by which run, and beside what theory says of it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mstage.analysis.samples import evenly
from mstage.analysis.stages.representatives import group_exemplar, run_key, staged_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from mstage.analysis.stages.groups import StageGroups
    from mstage.analysis.stages.representatives import StagedCurve
    from mstage.analysis.stages.results import Stages
    from mstage.analysis.theory.predictions import Prediction, SweepTheory
    from mstage.history import Curve


@dataclass(frozen=True)
class GroupCurves:
    """A group to look at.

    Attributes:
        run: The coordinates that tell it from the other groups.
        exemplar: The run that stands for it.
        others: Clock and loss of its other runs.
        predictions: What theory says of it, by name; none where it says nothing.
    """

    run: Mapping[str, float | int | str]
    exemplar: StagedCurve
    others: tuple[tuple[np.ndarray, np.ndarray], ...]
    predictions: Mapping[str, Prediction]


def group_curves(
    groups: StageGroups, stages: Stages, losses: Sequence[Curve], theory: SweepTheory | None, most: int
) -> tuple[GroupCurves, ...]:
    """The groups of a history to look at, at most `most` of them: the first, the last, and even steps between."""
    by_place: dict[tuple[Any, ...], list[Curve]] = {}
    for curve in losses:
        by_place.setdefault(groups.place(curve.run), []).append(curve)
    found = []
    for group in groups.groups:
        chosen = group_exemplar(group, groups, stages)
        if chosen is None:
            continue
        here = by_place[groups.place(group.run)]
        own = next(curve for curve in here if run_key(curve.run) == run_key(chosen.run))
        others = tuple((curve.clock, curve.loss) for curve in here if curve is not own)
        said = theory.of(group.run) if theory is not None else None
        predictions = {one.name: one for one in said.predictions} if said is not None else {}
        shared = {name: group.run[name] for name in groups.axes}
        found.append(GroupCurves(shared, staged_curve(chosen, own, groups.clock), others, predictions))
    return evenly(tuple(found), most)
