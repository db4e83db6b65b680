"""The tables that only a report has, as they are printed, whole, and the order of all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mstage.analysis.summary.report import summarise
from mstage.render.report import diverged_table, final_loss_table, report_parts, settings_table
from mstage.render.table import Table
from tests.render.synthetic import collected, run, small_sweep, tree, with_losses_of
from tests.render.test_stage_tables import printed

RATE = {"learning_rate": 0.1}


def report(**others):
    runs = [run(one.run["alpha"], one.run["width"], one.run["seed"], *one.stages, status=one.status, **RATE)
            for one in small_sweep().runs]  # fmt: skip
    losses = {400: np.full((1, 3, 1, 2), 0.25), 1600: np.linspace([0.5, 0.5], [0.7, 0.8], 3)[None, :, None, :]}
    status = {400: np.ones((1, 3, 1)), 1600: np.array([[[1], [1], [3]]])}
    sweep = tree(losses, status=status, **others)
    return summarise(sweep, with_losses_of(sweep, collected(*runs)))


def test_final_loss_table():
    assert (
        printed(final_loss_table(report()))
        == """
alpha  width  runs  final loss  range over seeds
────────────────────────────────────────────────
    1    400   3/3      0.2500
    1   1600   2/3      0.5750  0.5000 to 0.6500
"""
    )


def test_diverged_table():
    assert (
        printed(diverged_table(report()))
        == """
alpha  width  seed  learning rate  diverged at step
───────────────────────────────────────────────────
    1   1600     2            0.1                10
"""
    )
    many = replace(report(), diverged=report().diverged * 30)
    assert "and 10 more" in printed(diverged_table(many))


def test_settings_table():
    settings = {"problem": "cub1d", "alpha": [0.5, 1.0], "seed": list(range(300)), "learning_rate": [1e-5],
                "intercept": True, "until": 800.0}  # fmt: skip
    assert (
        printed(settings_table(report(settings=settings), "runs/demo"))
        == """
sweep          runs/demo
problem        cub1d
alpha          0.5, 1
seed           0, 1, 2, ..., 299 (300 values)
learning rate  1e-5
intercept      yes
until          800
runs           6: 5 finished, 1 diverged
trained with   mstage 0.1.0
"""
    )


def test_the_parts_of_a_report_in_their_order():
    parts = report_parts(replace(report(), missing={"theory": "there is no flow"}), "runs/demo")
    titles = [one.title.split(",")[0] if isinstance(one, Table) else one for one in parts]
    assert titles == ["", "Stages as detected", "Plateaus as detected", "Descents as detected", "Final losses",
                      "Diverged", "Theory: none, because there is no flow."]  # fmt: skip
