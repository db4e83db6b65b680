"""Which run stands for a group of runs, where one has to be shown?

Of the runs that went through the group's most frequent stages, the one whose boundaries lie nearest to the group's
medians.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mstage.analysis.stages.groups import StageGroup, StageGroups
    from mstage.analysis.stages.results import RunStages


def representative_run(groups: StageGroups) -> RunStages | None:
    """The run that stands for a whole history: of the group that agrees best, has most stages and comes first."""
    staged = [group for group in groups.groups if group.sequences and group.sequences[0].stages]
    return representative_of(max(staged, key=_agreement)) if staged else None


def representative_of(group: StageGroup) -> RunStages | None:
    """The run that stands for one group; None if none of its runs has stages."""
    same = typical_runs(group)
    if not same:
        return None
    typical = group.sequences[0].stages

    def distance(one: RunStages) -> float:
        pairs = [(s.end, t.end.median) for s, t in zip(one.stages, typical, strict=True) if t.end]
        return sum(abs(end - middle) / (abs(middle) or 1.0) for end, middle in pairs)

    return min(same, key=distance)


def typical_runs(group: StageGroup) -> list[RunStages]:
    """The runs of a group that went through its most frequent stages, in the order of their seeds."""
    if not group.sequences or not group.sequences[0].stages:
        return []
    names = [stage.name for stage in group.sequences[0].stages]
    status = "ok" if "ok" in group.statuses else "diverged"
    return [one for one in group.members if one.status == status and [stage.name for stage in one.stages] == names]


def _agreement(group: StageGroup) -> tuple[float, int]:
    return group.sequences[0].runs / group.runs, len(group.sequences[0].stages)
