"""Which run stands for a group of runs, where one has to be shown?

Of the runs that went through the group's most frequent stages, the one whose borders lie nearest to the group's
medians. A group is shown by it, with the losses of the others beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.analysis.stages.groups import StageGroup, StageGroups
    from mstage.analysis.stages.results import RunStages, Stage, Stages
    from mstage.history import Curve

RUN_COORDINATES = ("alpha", "width", "seed", "learning_rate")  # in the order in which a person names them


@dataclass(frozen=True)
class StagedCurve:
    """One run to look at: its losses against its clock, and its stages."""

    run: Mapping[str, float | int | str]
    clock_name: str
    clock: np.ndarray
    loss: np.ndarray
    stages: tuple[Stage, ...]


def exemplar(groups: StageGroups, stages: Stages) -> RunStages | None:
    """The run that stands for a whole history: of the group that agrees best, has most stages and comes first."""
    staged = [group for group in groups.groups if group.sequences and group.sequences[0].stages]
    if not staged:
        return None
    return group_exemplar(max(staged, key=_agreement), groups, stages)


def group_exemplar(group: StageGroup, groups: StageGroups, stages: Stages) -> RunStages | None:
    """The run that stands for one group; None if none of its runs has stages."""
    same = typical_runs(group, groups, stages)
    if not same:
        return None
    typical = group.sequences[0].stages

    def distance(one: RunStages) -> float:
        pairs = [(s.end, t.end.median) for s, t in zip(one.stages, typical, strict=True) if t.end]
        return sum(abs(end - middle) / (abs(middle) or 1.0) for end, middle in pairs)

    return min(same, key=distance)


def typical_runs(group: StageGroup, groups: StageGroups, stages: Stages) -> list[RunStages]:
    """The runs of a group that went through its most frequent stages, in the order of their coordinates."""
    if not group.sequences or not group.sequences[0].stages:
        return []
    place, names = groups.place(group.run), [stage.name for stage in group.sequences[0].stages]
    statuses = ("ok",) if "ok" in group.statuses else ("diverged",)

    def is_typical(one: RunStages) -> bool:
        here = groups.place(one.run) == place and one.status in statuses
        return here and [stage.name for stage in one.stages] == names

    return sorted(filter(is_typical, stages.runs), key=lambda one: run_key(one.run))


def staged_curve(run: RunStages, curve: Curve, clock: str) -> StagedCurve:
    """A run with its losses, its coordinates in the order in which a person names them."""
    names = dict.fromkeys([*(name for name in RUN_COORDINATES if name in run.run), *run.run])
    return StagedCurve({name: run.run[name] for name in names}, clock, curve.clock, curve.loss, run.stages)


def run_key(run: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells runs apart, whatever the order of their coordinates."""
    return tuple(sorted(run.items()))


def _agreement(group: StageGroup) -> tuple[float, int]:
    return group.sequences[0].runs / group.runs, len(group.sequences[0].stages)
