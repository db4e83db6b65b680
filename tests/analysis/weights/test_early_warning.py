"""Warnings of runs whose distances are known, one escape time everywhere, and the interval of a median.

The interval from order statistics: against sums of binomials, and how often it holds the median.
"""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import xarray as xr

import mstage
from mstage.analysis.measured.quantity import Absence, Measured
from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
from mstage.analysis.weights.early_warning import early_warnings, median_interval


@pytest.mark.parametrize("count", [*range(1, 31), 100, 1001])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_against_counting(count: int, level: float) -> None:
    values = np.random.default_rng(count).permutation(count).astype(float)
    best = None
    for k in range(1, (count + 1) // 2 + 1):
        outside = 2 * sum(comb(count, j) for j in range(k))  # of 2^count ways in which values fall about the median
        if 10**6 * (2**count - outside) >= round(10**6 * level) * 2**count:
            best = (k - 1.0, count - k + 0.0)
    assert median_interval(values.tolist(), level) == best


def test_from_five_seeds_on() -> None:
    assert median_interval([]) is None
    assert median_interval([4.0, 1.0, 3.0, 2.0]) is None
    assert median_interval([5.0, 4.0, 1.0, 3.0, 2.0]) == (1, 5)
    assert median_interval([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) == (2, 7)


@pytest.mark.parametrize(("count", "least", "most"), [(5, 0.93, 0.945), (10, 0.97, 0.985), (20, 0.95, 0.965)])
def test_how_often_the_median_is_inside(count: int, least: float, most: float) -> None:
    """Exactly 1 - 2 P(Binomial < k), for a law as skewed as that of leads: 0.9375, 0.9785, 0.9586."""
    draws = np.random.default_rng(0).exponential(size=(20_000, count))
    found = [median_interval(row.tolist()) for row in draws]
    inside = np.mean([low <= np.log(2) <= high for low, high in found])
    assert least < inside < most


def runs_of(*escapes: Measured) -> SweepMeasurements:
    arrival = Measured(8.0)
    runs = [
        MeasuredRun({"alpha": 1.0, "width": 400, "seed": k}, {"escape time": one, "end of the descent": arrival})
        for k, one in enumerate(escapes)
    ]
    return SweepMeasurements("time", tuple(runs))


def test_the_warning_is_where_the_least_distance_has_doubled() -> None:
    """The distance is least about 10 and grows as t^2 from there, a line in logarithms: exact."""
    time = np.concatenate([[0.0], np.geomspace(1, 400, 90)])
    distance = np.where(time < 10, 0.5 - 0.03 * time, 0.002 * np.maximum(time, 10) ** 2)
    distances = xr.Dataset(
        {"chi_squared": (("width", "alpha", "seed", "snapshot"), np.tile(distance, (1, 1, 4, 1)))},
        {"width": [400], "alpha": [1.0], "seed": range(4), "snapshot_time": ("snapshot", time)},
    )
    escapes = (Measured(100.0), Measured(120.0), Measured.none("not escaped", 400.0), Measured(9.0))
    (found,) = early_warnings(distances, runs_of(*escapes))
    least = distance[time >= 8].min()
    expected = np.sqrt(2 * least / 0.002)
    assert (found.escape.runs, found.escape.members) == (3, 4)
    assert found.escape.absent == (Absence("not escaped", 1, 400.0),)
    assert (found.warning.spread.least, found.warning.spread.greatest) == (pytest.approx(expected),) * 2
    assert found.lead.spread.median == pytest.approx(110.0 - expected)
    assert [one.runs for one in found.lead.absent] == [1]  # the one that escaped too soon for three snapshots
    assert "train with more --snapshots" in found.lead.absent[0].why


@pytest.mark.slow
def test_report_drift_and_warning_agree_on_the_escape() -> None:
    sweep = mstage.Sweep(mstage.TwoLayer(width=(100,)), seed=(0, 1, 2), until=120.0)
    tree = mstage.train(sweep)
    report, drift = mstage.report(tree), mstage.measure_drift(tree)
    (compared,) = (one for one in report.comparisons if one.prediction.name == "escape time")
    (warning,) = drift.warnings
    assert compared.measured == warning.escape
    assert report.measured == drift.measured
    by_hand = [one.value("escape time") for one in report.measured.runs]
    loss, linear = tree.loss.squeeze(), report.theory.constants.loss_linear
    for value, curve in zip(by_hand, loss.transpose("seed", "step").values, strict=True):
        below = int((curve < 0.9 * linear).argmax())
        assert loss.time.values.ravel()[below - 1] <= value <= loss.time.values.ravel()[below]
