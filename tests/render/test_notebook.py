"""Results as a notebook shows them, and as they are printed: the same tables, and a few lines."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr

import mstage
from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.weights.drift import measure_weight_drift
from mstage.analysis.weights.layer_drift import LayerSnapshot, measure_layer_drift
from mstage.render.stage_tables import stage_table
from tests.render.synthetic import small_sweep
from tests.render.test_report import report

RANDOM = np.random.default_rng(0)
AXES = ("alpha", "seed", "snapshot", "neuron")
WEIGHTS = xr.DataArray(RANDOM.normal(size=(1, 2, 3, 5)), {"alpha": [1.0], "seed": [0, 1], "snapshot": [0, 1, 9]}, AXES)
WEIGHTS = WEIGHTS.assign_coords(width=5)
DRIFT = measure_weight_drift(WEIGHTS, WEIGHTS.expand_dims({"dim": 2}, -1))
LAYERS = measure_layer_drift({"a": [LayerSnapshot(step, (4,), lambda s=step: [np.arange(4.0) + s]) for step in (0, 1)]})
THEORY = mstage.predict(mstage.Sweep(mstage.TwoLayer(alpha=(1.5,), width=(400,)), until=1.0))


@pytest.mark.parametrize(
    ("result", "heads", "rows"),
    [
        (small_sweep(), "stage", 9),
        (report(), "final loss", 2),
        (THEORY, "prediction", len(THEORY.runs[0].predictions)),
        (DRIFT, "to chi^2", 3),
        (LAYERS, "layer", 2),
    ],
)
def test_the_tables_of_a_result(result: object, heads: str, rows: int) -> None:
    root = ElementTree.fromstring(f"<div>{result._repr_html_()}</div>".replace("<br>", "<br/>"))
    tables = {tuple("".join(cell.itertext()) for cell in table.iter("th")): table for table in root.iter("table")}
    (found,) = (table for names, table in tables.items() if heads in names)
    assert len(list(found.iter("tr"))) == 1 + rows


def test_stages_are_shown_as_their_command_prints_them() -> None:
    assert small_sweep()._repr_html_() == stage_table(StageGroups.of(small_sweep())).html()


def test_stages_are_printed_a_line_a_run() -> None:
    stages = small_sweep()
    assert repr(stages).split("\n") == [
        "Stages of 6 runs over time",
        "  alpha 1, width 400, seed 0: initial plateau to 3, initial descent to 7, secondary plateau",
        "  alpha 1, width 400, seed 1: initial plateau to 3.1, initial descent to 7.2, secondary plateau",
        "  alpha 1, width 400, seed 2: initial plateau to 2.9, initial descent to 7.1, secondary plateau",
        "  alpha 1, width 1600, seed 0: initial plateau to 4, initial descent to 8, secondary plateau",
        "  alpha 1, width 1600, seed 1: initial plateau to 4.2, initial descent",
        "  alpha 1, width 1600, seed 2 (diverged): no stages",
    ]
    many = mstage.Stages("time", stages.method, stages.runs * 50)
    assert repr(many).endswith("\n  and 292 more")


def test_other_results_are_printed_in_a_few_lines() -> None:
    assert repr(report()).split("\n") == [
        "Report of cub1d over time: 5 finished, 1 diverged",
        "  alpha 1, width 400: initial plateau to 3.1, initial descent to 7.2, secondary plateau",
        "  alpha 1, width 1600: initial plateau to 4, initial descent to 8, secondary plateau",
    ]
    said = THEORY.runs[0]
    assert repr(said).split("\n")[:3] == [
        "Theory of tanh, alpha 1.5, width 400, learning_rate 0.1",
        f"  initial level {said.initial_level.value:.4g}",
        f"  exit time {said.exit_time.value:.4g}",
    ]
    assert repr(DRIFT).startswith("Drift: W1 over alpha 1, seed 2, snapshot 3\n  mean_amplitude: mean of |a| |w|")
    assert repr(LAYERS) == "Drift of layers over order 2, layer 1, step 2; farthest\n  a"
    for result in (report(), THEORY, DRIFT, LAYERS):
        assert len(repr(result).split("\n")) < 30
