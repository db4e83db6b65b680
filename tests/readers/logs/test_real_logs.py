"""Logs of other people's projects, where a copy of them lies beside the checkout: read rightly with no options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mstage.errors import InputError
from mstage.readers.logs.selection import ChosenSeries, Selection, choose
from mstage.readers.logs.sniff import read_log

LOGS = Path(__file__).parents[4] / "shared" / "logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the logs are not beside this checkout")


def curves(name: str, *loss: str) -> tuple[ChosenSeries, ...]:
    return choose([read_log(str(LOGS / name))], Selection(loss))[0].chosen


# File, series, clock, how many values, first and last place on the clock.
FACTS = [
    ("lightning/pinn_pendulum_v27_metrics.csv", "train_loss_epoch", "step", 2000, 31, 63999),
    ("lightning/ml_aos_v3_metrics.csv", "train_loss", "step", 604, 49, 30199),
    ("hf/trainer_state_viz_trainer_state.json", "loss", "step", 30, 401, 12030),
    ("jsonl/mistral_translator_trainer_log.jsonl", "loss", "current_steps", 866, 10, 8660),
    ("textlog/nanogpt_output.log", "loss", "iter", 2547, 0, 2546),
]


@pytest.mark.parametrize(("name", "series", "clock", "points", "first", "last"), FACTS)
def test_series_and_clock(name: str, series: str, clock: str, points: int, first: int, last: int) -> None:
    (curve,) = curves(name)
    assert (curve.series.name, curve.clock.name, curve.clock.kind) == (series, clock, "step")
    assert (curve.series.points, curve.not_finite, curve.repeated) == (points, 0, 0)
    assert (curve.clock.values[0], curve.clock.values[-1]) == (first, last)


def test_range_of_the_pendulum() -> None:
    values = curves(FACTS[0][0])[0].series.column.values
    assert (round(values.min(), 5), round(values.max())) == (0.00715, 160)


def test_chart_of_eight_runs() -> None:
    found = curves("wandb/nanogpt_char_token_wandb_export.csv")
    assert {one.series.name for one in found} == {"train/loss"}
    assert len({one.series.run for one in found}) == len(found) == 8
    assert (min(one.series.points for one in found), max(one.series.points for one in found)) == (51, 386)


def test_three_runs_with_duplicate_steps() -> None:
    found = curves("tensorboard", "*/foo")
    assert [one.series.run.rpartition("/")[2] for one in found] == ["run_1", "run_2", "run_3"]
    assert [(one.series.points, one.repeated) for one in found] == [(210, 10)] * 3
    np.testing.assert_allclose([one.series.column.values[0] for one in found], [1.49625659, 2.52677, 3.40959167])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jsonl/dreamer_metrics.jsonl", "no series that is a loss.*`train/return`, `train/length`, `episodes`"),
        ("wandb/nanogpt_ablations_runs_table.csv", "is a table of runs from Weights & Biases"),
        ("tensorboard", "no series that is a loss by its name; it has `dup_steps/foo`, `dup_steps/bar`"),
    ],
)
def test_what_has_no_loss_is_refused_with_what_it_has(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        curves(name)
