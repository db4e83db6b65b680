"""Who stands for a group: the run nearest to its medians; which groups are shown."""

from __future__ import annotations

import numpy as np

from mstage.analysis.samples import evenly
from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.stages.representatives import exemplar, group_exemplar
from mstage.analysis.summary.group_curves import group_curves
from mstage.history import Curve
from tests.render.synthetic import collected, run, small_sweep, stages_with_ends


def test_the_run_nearest_to_the_medians_stands_for_its_group() -> None:
    stages = small_sweep()
    groups = StageGroups.of(stages)
    first = group_exemplar(groups.groups[0], groups, stages)
    assert first is not None
    ends = {one.run["seed"]: [stage.end for stage in one.stages] for one in stages.runs[:3]}
    middle = np.median(list(ends.values()), axis=0)
    assert first.run["seed"] == min(ends, key=lambda seed: (np.abs(np.array(ends[seed]) - middle) / middle).sum())
    second = group_exemplar(groups.groups[1], groups, stages)
    assert second is not None
    assert second.run["seed"] in (0, 1)  # never the one that diverged
    assert exemplar(groups, stages) is first  # of the group that agrees


def test_a_group_without_stages_has_none() -> None:
    stages = collected(run(1.0, 400, 0, status="too short"))
    groups = StageGroups.of(stages)
    assert exemplar(groups, stages) is None
    assert group_curves(groups, stages, [Curve({"alpha": 1.0, "width": 400, "seed": 0}, *2 * (np.ones(2),), False)],
                        None, 9) == ()  # fmt: skip


def test_groups_are_shown_with_all_their_runs() -> None:
    stages = collected(*(run(a, 100, s, *stages_with_ends(3.0 + s, 9.0)) for a in (1.0, 1.5, 2.0) for s in range(3)))
    losses = [Curve(one.run, np.arange(5.0), np.full(5, one.run["seed"] + 1.0), False) for one in stages.runs]
    found = group_curves(StageGroups.of(stages), stages, losses, None, 2)
    assert [one.run["alpha"] for one in found] == [1.0, 2.0]
    for one in found:
        assert one.exemplar.run["seed"] == 1
        assert sorted(loss[0] for _, loss in one.others) == [1.0, 3.0]
        assert one.predictions == {}


def test_evenly_keeps_first_and_last() -> None:
    assert evenly((1, 2), 5) == (1, 2)
    assert evenly(tuple(range(10)), 4) == (0, 3, 6, 9)
