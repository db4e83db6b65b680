"""Who stands for a group: the run nearest to its medians; which groups are shown."""

from __future__ import annotations

import numpy as np

from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.stages.representatives import representative_of, representative_run
from tests.render.synthetic import collected, run, small_sweep


def test_the_run_nearest_to_the_medians_stands_for_its_group() -> None:
    stages = small_sweep()
    groups = StageGroups.of(stages)
    first = representative_of(groups.groups[0])
    assert first is not None
    ends = {one.run["seed"]: [stage.end for stage in one.stages] for one in stages.runs[:3]}
    middle = np.median(list(ends.values()), axis=0)
    assert first.run["seed"] == min(ends, key=lambda seed: (np.abs(np.array(ends[seed]) - middle) / middle).sum())
    second = representative_of(groups.groups[1])
    assert second is not None
    assert second.run["seed"] in (0, 1)  # never the one that diverged
    assert representative_run(groups) is first  # of the group that agrees


def test_a_group_without_stages_has_none() -> None:
    stages = collected(run(1.0, 400, 0, status="too short"))
    groups = StageGroups.of(stages)
    assert representative_run(groups) is None
