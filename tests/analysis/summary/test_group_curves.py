"""Which groups are shown, and with what."""

from __future__ import annotations

import numpy as np

from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.summary.group_curves import group_curves
from tests.render.synthetic import collected, run, stages_with_ends, with_losses


def test_groups_are_shown_with_all_their_runs() -> None:
    stages = collected(*(run(a, 100, s, *stages_with_ends(3.0 + s, 9.0)) for a in (1.0, 1.5, 2.0) for s in range(3)))
    stages = with_losses(stages, np.arange(5.0), lambda run: np.full(5, run["seed"] + 1.0))
    found = group_curves(StageGroups.of(stages), None, None, 2)
    assert [one.run["alpha"] for one in found] == [1.0, 2.0]
    for one in found:
        assert one.representative.run["seed"] == 1
        assert sorted(other.loss[0] for other in one.others) == [1.0, 3.0]
        assert one.predictions == {}


def test_a_group_without_stages_is_not_shown() -> None:
    assert group_curves(StageGroups.of(collected(run(1.0, 400, 0, status="too short"))), None, None, 9) == ()
