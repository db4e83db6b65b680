"""What a report says of a sweep whose losses and stages are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mstage.analysis.samples import Spread
from mstage.analysis.summary.report import summarise
from mstage.history import RunStatus
from mstage.render.formats import json_text
from tests.render.synthetic import collected, run, small_sweep, stages_with_ends, tree, with_losses_of

RATE = {"learning_rate": 0.1}


def losses(*finals, records=6):
    """One alpha, a seed for each final loss, one learning rate."""
    return np.linspace(1.0, finals, records).T[None, :, None, :]


def staged_sweep():
    """The stages of `small_sweep`, with losses to go with them."""
    stages = small_sweep()
    runs = [run(one.run["alpha"], one.run["width"], one.run["seed"], *one.stages, status=one.status, **RATE)
            for one in stages.runs]  # fmt: skip
    status = {width: np.full((1, 3, 1), int(RunStatus.FINISHED)) for width in (400, 1600)}
    status[1600][0, 2, 0] = RunStatus.DIVERGED
    last = {width: np.full((1, 3, 1), 50) for width in (400, 1600)}
    last[1600][0, 2, 0] = 30
    wide = losses(0.4, 0.5, 0.6)
    wide[0, 2, 0, 3:] = [np.inf, np.nan, np.nan]
    sweep = tree({400: losses(0.1, 0.3, 0.2), 1600: wide}, status=status, last_step=last)
    return sweep, with_losses_of(sweep, collected(*runs))


def test_final_losses_are_medians_over_the_runs_that_did_not_diverge():
    report = summarise(*staged_sweep())
    narrow, wide = report.final_losses
    np.testing.assert_allclose(
        [narrow.median, narrow.least, narrow.greatest], [f([0.1, 0.3, 0.2]) for f in (np.median, np.min, np.max)]
    )
    assert (wide.median, wide.least, wide.greatest) == pytest.approx((0.45, 0.4, 0.5))


def test_how_the_runs_ended():
    report = summarise(*staged_sweep())
    assert report.statuses == {"finished": 5, "diverged": 1}
    (diverged,) = report.diverged
    assert dict(diverged.run) == {"alpha": 1.0, "width": 1600, "seed": 2, "learning_rate": 0.1}
    assert (diverged.step, diverged.time) == (30, None)


def test_a_final_loss_is_the_last_that_was_measured():
    values = losses(0.4, 0.2)
    values[0, 0, 0, 2:] = [0.9, 0.8, np.nan, np.nan]
    last = {1: np.array([[[50], [20]]])}  # the second run ended there
    values[0, 1, 0, 2:] = [0.7, 0.1, 0.1, 0.1]
    runs = [run(1.0, 1, seed, **RATE) for seed in (0, 1)]
    sweep = tree({1: values}, last_step=last)
    report = summarise(sweep, with_losses_of(sweep, collected(*runs)))
    assert report.final_losses == (Spread(0.75, 0.7, 0.8),)


def test_runs_that_have_not_ended_are_counted():
    status = {1: np.array([[[int(RunStatus.RUNNING)], [int(RunStatus.STOPPED)]]])}
    runs = [run(1.0, 1, seed, **RATE) for seed in (0, 1)]
    report = summarise(tree({1: losses(0.4, 0.2)}, status=status), collected(*runs))
    assert report.statuses == {"reached stop-at": 1, "running": 1}


def test_the_curve_is_the_typical_run_of_the_group_that_agrees():
    report = summarise(*staged_sweep())
    found = report.representative
    assert sorted(found.run.items()) == [("alpha", 1.0), ("learning_rate", 0.1), ("seed", 1), ("width", 400)]
    np.testing.assert_allclose(found.curve.clock, [0, 1, 2, 3, 4, 5])
    np.testing.assert_allclose(found.curve.loss, np.linspace(1, 0.3, 6))
    assert [stage.end for stage in found.stages] == [3.1, 7.2, 125.0]


def test_without_stages_there_is_no_curve():
    sweep, stages = staged_sweep()
    bare = [run(one.run["alpha"], one.run["width"], one.run["seed"], **RATE) for one in stages.runs]
    assert summarise(sweep, collected(*bare)).representative is None


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_runs_changes_nothing(seed):
    # Two seeds lie equally far from their median, so that the choice of the curve is a tie.
    sweep = tree({1: losses(0.4, 0.2)})
    runs = [run(1.0, 1, k, *stages_with_ends(1.0 + k, 4.0 + k), **RATE) for k in (0, 1)]
    expected, found = (summarise(sweep, collected(*order)) for order in (runs, runs[::-1]))
    assert found.representative.run == expected.representative.run

    sweep, stages = staged_sweep()
    order = np.random.default_rng(seed).permutation(len(stages.runs))
    expected, found = summarise(sweep, stages), summarise(sweep, collected(*(stages.runs[k] for k in order)))
    assert found.to_dict() == expected.to_dict()
    assert found.representative.run == expected.representative.run


def test_the_table_has_the_final_loss_in_every_row():
    report = summarise(*staged_sweep())
    table = report.to_dataframe()
    assert len(table) == 3 + 3 + 2
    wide = table[table.width == 1600]
    np.testing.assert_allclose(wide[["final_loss", "final_loss_least", "final_loss_greatest"]], [[0.45, 0.4, 0.5]] * 5)
    assert (wide.diverged == 1).all()
    assert report.stages.equals(table)


def test_the_report_is_plain_values():
    found = json.loads(json_text("demo", summarise(*staged_sweep()).to_dict()))
    assert found["sweep"] == {"problem": "cub1d"}
    assert [group["run"]["width"] for group in found["groups"]] == [400, 1600]
    first = found["groups"][0]["sequences"][0]["stages"][0]
    assert (first["name"], first["end"]) == ("initial plateau", {"median": 3.0, "least": 2.9, "greatest": 3.1})
    run = {"alpha": 1.0, "width": 1600, "seed": 2, "learning_rate": 0.1}
    assert found["diverged"] == [{"run": run, "step": 30, "time": None}]
