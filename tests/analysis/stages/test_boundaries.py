"""Where stages end: the crossing against isotonic regression, and noise-free curves against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from mstage.analysis.stages.boundaries import crossed
from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import Stage, StageMethod
from mstage.history import Curve
from tests import curves

STEPS = np.array([1.0, 0.2])  # strengths of the two modes
BETWEEN = STEPS[1] ** 2 / 2  # loss at which the first is learned and the second is not


def find(clock: np.ndarray, loss: np.ndarray, clock_scale: str = "log") -> tuple[Stage, ...]:
    return stages_of_curve(Curve({}, clock, loss, False), StageMethod(clock_scale=clock_scale)).stages


@pytest.mark.parametrize("seed", range(5))
def test_crossing_is_that_of_the_isotonic_regression(seed: int) -> None:
    """The record before it is on a block at or above 0, the one after it on a block below."""
    random = np.random.default_rng(seed)
    heights = np.linspace(random.uniform(0.2, 2), random.uniform(-2, -0.2), 60) + 0.7 * random.standard_normal((40, 60))
    for row, at in zip(heights, crossed(heights), strict=True):
        monotone = isotonic_regression(row, increasing=False).x
        after = int(np.argmax(monotone < 0)) if (monotone < 0).any() else row.size
        assert max(after - 1, 0) <= at <= min(after, row.size - 1)


def test_crossing_of_what_falls_is_where_a_line_passes_0() -> None:
    heights = np.array([[3.0, 2, 1, -1, -2], [1, 0.5, 0.25, 0.1, -0.1], [-1, -2, -3, -4, -5], [5, 4, 3, 2, 1]])
    np.testing.assert_allclose(crossed(heights), [2.5, 3.5, 0, 4])


def staircase_truth(first: float, floor: float, clock_scale: str) -> list[float]:
    """Ends of plateau, descent, plateau, descent by their definition.

    The level of the second plateau is that where it is flattest on the scale of the clock.
    """
    loss = curves.staircase(tuple(STEPS), 1e-5, floor)
    fine = np.geomspace(first, 400, 400_001)
    value = loss(fine)
    slope = np.abs(np.gradient(np.log(value), np.log(fine) if clock_scale == "log" else fine))
    waits = np.abs(value / (BETWEEN + floor) - 1) < 0.02
    top, between = float(value[0]), float(value[waits][slope[waits].argmin()])
    passed = [
        value <= top + 0.1 * (between - top),
        np.log(value) <= np.log(top) + 0.9 * np.log(between / top),
        value <= between + 0.1 * (floor - between),
        np.log(value) <= np.log(between) + 0.9 * np.log(floor / between),
    ]
    return [float(fine[int(np.argmax(one))]) for one in passed]


@pytest.mark.parametrize("clock_scale", ["log", "linear"])
@pytest.mark.parametrize("spacing", ["log", "linear"])
@pytest.mark.parametrize("horizon", [70.0, 120.0, 200.0])
def test_boundaries_without_noise_are_those_of_the_definition(clock_scale: str, spacing: str, horizon: float) -> None:
    """Within one record, and in their interval, however long the run is and whatever the clock."""
    clock = np.geomspace(0.05, horizon, 2000) if spacing == "log" else np.linspace(0.05, horizon, 4000)
    found = find(clock, curves.staircase(tuple(STEPS), 1e-5, 1e-4)(clock), clock_scale)
    assert [stage.kind for stage in found] == ["plateau", "descent", "plateau", "descent", "plateau"]
    for stage, truth in zip(found, staircase_truth(0.05, 1e-4, clock_scale), strict=False):
        after = int(np.searchsorted(clock, truth))
        assert clock[after - 2] <= stage.end <= clock[after + 1]
        assert stage.end_low <= truth <= stage.end_high


def test_no_interval_is_narrower_than_nine_tenths_of_a_record_to_each_side() -> None:
    clock = np.arange(1.0, 2001)
    for stage in find(clock, curves.staircase(tuple(STEPS), 1e-5, 1e-4)(clock / 10))[:-1]:
        assert stage.end - stage.end_low >= 0.9 - 1e-9
        assert stage.end_high - stage.end >= 0.9 - 1e-9


@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize("at", [300, 1500, 2700])
def test_intervals_hold_a_jump_between_two_records(at: int, noise: float) -> None:
    """Anywhere in the run, in nine of ten; both ends of the descent within 0.3 % of the run."""
    step = np.arange(1.0, 3001)
    held = []
    for seed in range(8):
        loss = np.where(step <= at, 1.0, 0.4) * np.random.default_rng(seed).lognormal(0, noise, step.size)
        found = find(step, loss)
        assert [stage.kind for stage in found] == ["plateau", "descent", "plateau"]
        for stage in found[:2]:
            held.append(stage.end_low <= at + 1 and at <= stage.end_high)
            assert stage.end == pytest.approx(at + 0.5, abs=0.003 * step.size)
    assert np.mean(held) >= 0.85


def test_a_plateau_that_drifts_is_left_where_its_trend_is() -> None:
    """A slow drift by a tenth, then a plunge: not when the drift itself has come a tenth of the way."""
    step = np.arange(1.0, 4001)
    value = np.interp(step, [0, 2500, 4000], [0.0, -0.3, -3.3])
    for seed in range(4):
        found = find(step, np.exp(value + 0.01 * np.random.default_rng(seed).standard_normal(step.size)))
        assert [stage.kind for stage in found] == ["plateau", "descent"]
        assert 2500 < found[0].end < 2600


def test_a_descent_and_a_rise_meet_at_the_lowest_record() -> None:
    """Within one record."""
    step = np.arange(1.0, 2001)
    loss = np.exp(np.interp(step, [1, 1200, 2000], [2.0, 0.0, 1.5]))
    found = find(step, loss, "linear")
    assert [stage.kind for stage in found] == ["descent", "rise"]
    assert found[0].end == pytest.approx(1200, abs=1)
