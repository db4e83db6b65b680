"""Curves near the ends of float64: the stages are those of the same curve of ordinary size."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.magnitudes import LARGEST, SQUARED, SUMMED, in_unit, out_of_unit, unit_exponent
from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import RunStages, StageMethod
from mstage.history import Curve
from tests import curves

CLOCK = np.geomspace(0.01, 60, 400)
LOSS = curves.staircase((1.0, 0.3))(CLOCK) * curves.noise("white", CLOCK.size, 0.01, 1)


def find(clock: np.ndarray, loss: np.ndarray, scale: str = "log") -> RunStages:
    return stages_of_curve(Curve({}, np.asarray(clock, float), loss, False), StageMethod(clock_scale=scale))


def assert_sound(found: RunStages) -> None:
    """Places in order, numbers finite, each stage where the one before it ends."""
    for stage in found.stages:
        assert stage.start <= stage.end
        assert stage.end_low <= stage.end <= stage.end_high
        assert np.isfinite([stage.loss_start, stage.loss_end, stage.level]).all()
        assert stage.rate is None or np.isfinite([stage.rate_low, stage.rate, stage.rate_high]).all()
    assert [one.end for one in found.stages[:-1]] == [one.start for one in found.stages[1:]]


def test_ordinary_numbers_keep_their_unit() -> None:
    assert unit_exponent(np.array([1e-100, 1e100, 0.0]), SUMMED, -SUMMED) == 0
    assert unit_exponent(np.empty(0), SUMMED) == unit_exponent(np.zeros(3), SUMMED, -SUMMED) == 0
    values = np.array([1.5, -2.0])
    assert in_unit(values, 0) is values


@pytest.mark.parametrize("values", [[LARGEST, -LARGEST / 3], [5e-324, 1e-320]])
def test_a_unit_rounds_nothing(values: list[float]) -> None:
    exponent = unit_exponent(np.array(values), SQUARED, -SQUARED)
    assert exponent != 0
    assert [out_of_unit(float(one), exponent) for one in in_unit(np.array(values), exponent)] == values


@pytest.mark.parametrize("unit", [2.0**1010, 2.0**-1000])
def test_a_unit_of_the_losses_changes_no_stage(unit: float) -> None:
    plain, large = find(CLOCK, LOSS), find(CLOCK, LOSS * unit)
    assert len(plain.stages) >= 3
    for one, other in zip(plain.stages, large.stages, strict=True):
        assert other.end == pytest.approx(one.end, rel=1e-6)
        assert other.level == pytest.approx(one.level * unit, rel=1e-6)


@pytest.mark.parametrize("unit", [2.0**1015, 2.0**-1005])
def test_a_unit_of_the_clock_changes_no_stage(unit: float) -> None:
    """Rates per unit of a clock of tiny numbers, which float64 cannot hold, are none."""
    for one, other in zip(find(CLOCK, LOSS).stages, find(CLOCK * unit, LOSS).stages, strict=True):
        assert other.end == pytest.approx(one.end * unit, rel=1e-6)
        if one.model == "exponential" and unit > 1:
            assert other.rate == pytest.approx(one.rate / unit, rel=1e-3)


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize(
    "clock",
    [
        np.geomspace(1e-300, 1e300, 60),
        np.geomspace(5e-324, 1e308, 60),
        5e-324 * np.arange(60),
        np.linspace(-1, 1, 60) * LARGEST,
        1 + np.arange(60) * 2.0**-52,
        1e16 + 2 * np.arange(60),
        np.append(5e-324, np.arange(2.0, 61)),
        np.append(np.arange(1.0, 60), LARGEST),
    ],
)
@pytest.mark.parametrize(
    "loss",
    [
        np.geomspace(1, 1e-3, 60),
        np.geomspace(1e308, 5e-324, 60),
        np.linspace(1, -1, 60) * LARGEST,
        (-1.0) ** np.arange(60) * LARGEST,
        np.where(np.arange(60) == 30, 1e308, 1.0),
        np.full(60, LARGEST),
        np.random.default_rng(0).permutation(np.geomspace(5e-324, 1e308, 60)),
    ],
)
def test_what_overflowed(clock: np.ndarray, loss: np.ndarray, scale: str) -> None:
    """Differences, sums, squares and exponentials of such numbers were warnings, or ended in a matrix of no size."""
    assert_sound(find(clock, loss, scale))


@pytest.mark.parametrize("count", [8, 9, 60])
def test_the_last_bit_is_no_stage(count: int) -> None:
    """A floor right below negative losses made stages of their roundings."""
    for size in (1.0, -3.0, 1e300, -1e-300):
        loss = size * (1 + 2.0**-52 * np.random.default_rng(count).integers(0, 3, count))
        found = find(np.arange(1.0, count + 1), loss)
        assert [one.kind for one in found.stages] == ["plateau"]
        assert found.stages[0].loss_start == pytest.approx(size, rel=1e-9)


@pytest.mark.parametrize("first", [5e-324, 1e-200])
def test_a_clock_of_few_cells(first: float) -> None:
    """Fewer than five bins were an error of an interpolation."""
    found = find(np.append(first, np.arange(2.0, 10)), np.linspace(1, 0.1, 9))
    assert found.status == "ok"
    assert_sound(found)
