"""Ends of initial plateaus: of the runs that have left them, beside theory's T1."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.scaling.plateau_ends import plateau_ends
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.simulate.problems import load_problem
from tests.render.synthetic import collected, run, stage, stages_with_ends


def test_ends_beside_theory() -> None:
    data = load_problem("cub1d")
    constants = problem_constants(data.input, data.target)
    theory = SweepTheory("cub1d", constants, (Theory(constants, "tanh", 1.5, 400), Theory(constants, "tanh", 0.3, 400)))
    stages = collected(
        run(1.5, 400, 0, *stages_with_ends(9.0, 12.0)),
        run(1.5, 400, 1, *stages_with_ends(9.0)),  # has not left it
        run(0.3, 400, 0, *stages_with_ends(2.0, 3.0)),
        run(1.5, 400, 2, stage("initial descent", 0.0, 3.0), stage("secondary plateau", 3.0, 5.0)),
        run(1.5, 400, 3, *stages_with_ends(9.0, 12.0), status="diverged"),
    )
    found = plateau_ends(stages, theory)
    np.testing.assert_array_equal(found.end, [9.0, 2.0])
    np.testing.assert_allclose(found.low, [8.91, 1.98])
    assert found.predicted[0] == pytest.approx(theory.runs[0].exit_time.value)
    assert np.isnan(found.predicted[1])  # alpha below 1/2: no initial plateau
    assert np.isnan(plateau_ends(stages).predicted).all()
    assert plateau_ends(collected()).end.size == 0
