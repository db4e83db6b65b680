"""Exit times: of the runs that have left their initial plateau, beside theory's T1."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.measured.quantity import Measured
from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
from mstage.analysis.scaling.plateau_ends import plateau_ends
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.simulate.problems import load_problem


def test_ends_beside_theory() -> None:
    data = load_problem("cub1d")
    constants = problem_constants(data.input, data.target)
    theory = SweepTheory("cub1d", constants, (Theory(constants, "tanh", 1.5, 400), Theory(constants, "tanh", 0.3, 400)))
    runs = [(1.5, 0, Measured(9.0)), (1.5, 1, Measured.none("still on the initial plateau", 9.0)),
            (0.3, 0, Measured(2.0)), (1.5, 3, Measured.none("diverged before"))]  # fmt: skip
    measured = SweepMeasurements("time", tuple(
        MeasuredRun({"alpha": alpha, "width": 400, "seed": seed}, {"exit time": end}) for alpha, seed, end in runs
    ))  # fmt: skip
    found = plateau_ends(measured, theory)
    np.testing.assert_array_equal(found.end, [9.0, 2.0])
    np.testing.assert_array_equal(found.alpha, [1.5, 0.3])
    assert (found.clock, found.staying) == ("time", 2)
    assert found.predicted[0] == pytest.approx(theory.runs[0].exit_time.value)
    assert np.isnan(found.predicted[1])  # alpha below 1/2: no initial plateau
    assert np.isnan(plateau_ends(measured).predicted).all()
    assert plateau_ends(SweepMeasurements("time", ())).end.size == 0
