"""Theory beside measurement: the right stages, and silence where there is nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.theory.comparison import compare
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.simulate.problems import load_problem
from tests.render.synthetic import collected, run, stages_with_ends, with_losses

DATA = load_problem("cub1d")
CONSTANTS = problem_constants(DATA.input, DATA.target)


def theory(activation: str = "tanh", *widths: int) -> SweepTheory:
    return SweepTheory("cub1d", CONSTANTS, tuple(Theory(CONSTANTS, activation, 1.0, width, 0.1) for width in widths))


def compared(stages, theory):
    """The comparison of runs whose loss is 0.29 up to time 2, 0.25 on from 9, and drifts away at the end."""
    clock = np.geomspace(0.1, 800, 500)
    loss = np.where(clock < 2, 0.29, 0.25) - 1e-7 * clock**2
    return compare(StageGroups.of(with_losses(stages, clock, lambda _: loss)), theory)


def test_quantities_are_read_off_their_stages() -> None:
    stages = collected(
        run(1.0, 400, 0, *stages_with_ends(3.0, 7.0, 140.0, 800.0)),
        run(1.0, 400, 1, *stages_with_ends(3.2, 7.2, 150.0, 800.0)),
        run(1.0, 1600, 0, *stages_with_ends(4.4, 8.0, 800.0)),
    )
    found = {(one.run["width"], one.prediction.name): one for one in compared(stages, theory("tanh", 400, 1600))}
    assert len(found) == 8
    exit_time = found[400, "exit time"]
    assert [one.run["seed"] for one in exit_time.runs] == [0, 1]
    assert (exit_time.measured.median, exit_time.measured.least, exit_time.measured.greatest) == (3.1, 3.0, 3.2)
    assert exit_time.deviation == pytest.approx(3.1 / Theory(CONSTANTS, "tanh", 1.0, 400, 0.1).exit_time.value - 1)
    assert found[400, "escape time"].measured.median == 145.0
    assert found[400, "secondary level"].measured.median == pytest.approx(0.25, abs=2e-5)
    assert found[400, "initial level"].measured.median == pytest.approx(0.29, abs=2e-5)
    assert found[1600, "escape time"].measured is None  # the plateau lasts to the end of the run
    assert found[1600, "escape time"].deviation is None
    assert found[1600, "exit time"].to_dict()["measured"]["median"] == 4.4


def test_silent_theory_and_runs_without_stages() -> None:
    stages = collected(run(1.0, 400, 0, status="too short"))
    assert all(one.measured is None and one.deviation is None for one in compared(stages, theory("tanh", 400)))
    assert all(one.deviation is None for one in compared(stages, theory("relu", 400)))
    assert compared(stages, theory("tanh", 800)) == ()
