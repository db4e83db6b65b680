"""Predicted, measured by definition, detected: every run counted, and silence nowhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import mstage
from mstage.analysis.measured.quantity import Absence, Measured
from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.stages.results import Stages
from mstage.analysis.summary.comparison import Comparison, compare
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.render.theory_tables import comparison_table
from mstage.simulate.problems import load_problem
from tests.render.synthetic import collected, run, stages_with_ends

DATA = load_problem("cub1d")
CONSTANTS = problem_constants(DATA.input, DATA.target)
LATE = Measured.none("not escaped", 400.0)
DESCENT = mstage.Descent(learning_rate=(0.01, 0.02))


def theory(activation: str = "tanh", *widths: int) -> SweepTheory:
    return SweepTheory("cub1d", CONSTANTS, tuple(Theory(CONSTANTS, activation, 1.0, width, 0.1) for width in widths))


def compared(stages: Stages, said: SweepTheory, **values: tuple[Measured, ...]) -> Mapping[str, Comparison]:
    """The comparison of the runs of one group whose quantities are these, in the order of the seeds."""
    names = {name.replace("_", " "): one for name, one in values.items()}
    runs = [
        MeasuredRun(one.run, {name: found[k] for name, found in names.items()}) for k, one in enumerate(stages.runs)
    ]
    found = compare(StageGroups.of(stages), said, SweepMeasurements("time", tuple(runs)))
    return {one.prediction.name: one for one in found}


def test_each_of_the_three_says_of_how_many_runs_it_is() -> None:
    stages = collected(
        run(1.0, 400, 0, *stages_with_ends(3.0, 7.0, 140.0, 400.0)),
        run(1.0, 400, 1, *stages_with_ends(3.2, 7.2, 400.0)),
        run(1.0, 400, 2, *stages_with_ends(3.1, 400.0)),
        run(1.0, 400, 3, *stages_with_ends(3.1, 5.0), status="diverged"),
    )
    exits = (Measured(3.1), Measured(3.3), Measured(3.4), Measured(3.2))
    escapes = (Measured(150.0), Measured(390.0), LATE, Measured.none("diverged before"))
    found = compared(stages, theory("tanh", 400), exit_time=exits, escape_time=escapes)
    assert list(found) == ["exit time", "escape time"]  # what was not measured of any run is left out
    exit_time, escape = found["exit time"], found["escape time"]
    assert (exit_time.measured.spread.median, exit_time.measured.runs) == (pytest.approx(3.25), 4)
    assert (exit_time.detected.spread.median, exit_time.detected.runs) == (3.1, 3)
    assert exit_time.deviation == pytest.approx(3.25 / theory("tanh", 400).runs[0].exit_time.value - 1)
    assert (escape.measured.spread.median, escape.measured.runs, escape.measured.members) == (270.0, 2, 4)
    assert escape.measured.absent == (Absence("not escaped", 1, 400.0), Absence("diverged before", 1, None))
    assert (escape.detected.spread.median, escape.detected.runs) == (140.0, 1)
    assert escape.to_dict()["measured"]["of"] == 4

    table = comparison_table(StageGroups.of(stages), tuple(found.values()))
    head, _, row = ([cell.text for cell in row] for row in table.rows)
    assert head[0] == "alpha 1, width 400"
    assert row == ["escape time", "141.0", "+91.4 %", "270", "150 to 390", "2/4", "140 (1/4)", "[1][2][3]"]
    assert "[2] 1 of 4 runs: not escaped by 400" in table.notes
    assert "[3] 1 of 4 runs: diverged before" in table.notes


def test_where_no_run_has_it() -> None:
    stages = collected(run(1.0, 400, 0, *stages_with_ends(3.0, 7.0, 400.0)))
    (one,) = compared(stages, theory("tanh", 400), escape_time=(LATE,)).values()
    assert (one.measured.spread, one.deviation, one.detected.spread) == (None, None, None)
    _, row = comparison_table(StageGroups.of(stages), (one,)).rows
    assert [cell.text for cell in row] == ["escape time", "141.0", "", "not by 400", "none", "[1][2]"]


def test_silent_theory_and_unknown_groups() -> None:
    stages = collected(run(1.0, 400, 0, status="too short"))
    (one,) = compared(stages, theory("relu", 400), exit_time=(Measured(3.0),)).values()
    assert (one.deviation, one.measured.runs, one.detected.runs) == (None, 1, 0)
    assert compared(stages, theory("tanh", 800), exit_time=(Measured(3.0),)) == {}


def test_a_rate_has_its_unit() -> None:
    stages = collected(run(1.0, 400, 0, *stages_with_ends(3.0, 7.0)))
    (one,) = compared(stages, theory("tanh", 400), initial_growth=(Measured(1.1),)).values()
    table = comparison_table(StageGroups.of(stages), (one,))
    assert table.rows[1][0].text == "initial growth per time"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "dynamics"),
    [
        *((problem, DESCENT) for problem in ("gauss5", "table")),
        ("cub1d", mstage.Flow()),  # which has other axes, whatever the problem
    ],
)
def test_no_run_is_left_out_of_any_row(problem: str, dynamics: mstage.Descent | mstage.Flow) -> None:
    """Three seeds, two widths, every problem: each row accounts for all the runs of its group."""
    random = np.random.default_rng(0)
    table = (random.standard_normal((30, 2)), random.standard_normal(30))
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.0,), width=(20, 30)), table if problem == "table" else problem, dynamics=dynamics,
        seed=(0, 1, 2), until=6.0, recording=mstage.Recording("auto", 30),
    )  # fmt: skip
    report = mstage.report(mstage.train(sweep))
    groups = 2 * (2 if isinstance(dynamics, mstage.Descent) else 1)
    assert len(report.comparisons) == 11 * groups
    for one in report.comparisons:
        assert one.measured.members == 3
        assert one.detected is None or one.detected.members == 3
        assert all(absence.why for absence in one.measured.absent)
    assert len(report.measured.to_dataframe()) == 12 * 3 * groups
