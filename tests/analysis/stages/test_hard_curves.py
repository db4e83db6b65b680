"""Curves on which stages were wrong: late drops, jumps, sawtooths, noise that changes, blow-ups at the very end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import Stage, StageMethod
from mstage.history import Curve

FAILING = Path(__file__).parents[4] / "shared" / "failing"
in_files = pytest.mark.skipif(not FAILING.is_dir(), reason="the inputs are not beside this checkout")


def find(clock: np.ndarray, loss: np.ndarray) -> tuple[Stage, ...]:
    return stages_of_curve(Curve({}, np.asarray(clock, float), np.asarray(loss, float), False), StageMethod()).stages


def kinds(found: tuple[Stage, ...]) -> str:
    """First letters, as PDP."""
    return "".join(stage.kind[0].upper() for stage in found)


def noisy(heights: np.ndarray, sigma: float | np.ndarray, seed: int) -> np.ndarray:
    return np.exp(heights + sigma * np.random.default_rng(seed).standard_normal(heights.size))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("records", [900, 2250, 6000])
def test_every_late_drop_of_the_learning_rate(seed: int, records: int) -> None:
    """At 30, 60 and 80 % of the run, the last of them small; however many records there are."""
    time = np.arange(1, records + 1) / records
    heights = np.interp(time, [0.002, 0.1], [1.2, 0.0]) - 0.02 * time
    for at, drop in ((0.3, 0.8), (0.6, 0.5), (0.8, 0.25)):
        heights -= drop * (1 - np.exp(-np.maximum(time - at, 0) / 0.002))
    found = find(10 * np.arange(1, records + 1), noisy(heights, 0.04, seed))
    drops = [stage for stage in found if stage.kind == "descent"][1:]
    assert [round(stage.start / (10 * records), 2) for stage in drops] == [0.3, 0.6, 0.8]


@pytest.mark.parametrize("seed", range(4))
def test_a_sawtooth_has_jumps_and_descents(seed: int) -> None:
    """Warm restarts: up from one record to the next, down until the next one."""
    step = np.arange(1, 1001)
    heights = np.interp(step, [1, 10, 300], [2.0, 1.2, 0.0])
    for begin, end in ((300, 600), (600, 1000)):
        heights = np.where(step > begin, 1.0 - 1.4 * (step - begin) / (end - begin), heights)
    found = find(100 * step, noisy(heights, 0.02, seed))
    assert kinds(found)[-4:] == "RDRD"
    for stage, at in zip([stage for stage in found if stage.kind == "rise"], (300, 600), strict=True):
        assert 100 * (at - 10) <= stage.start <= stage.end <= 100 * (at + 10)
        assert stage.end_low <= 100 * (at + 1) <= stage.end_high


@pytest.mark.parametrize("seed", range(6))
def test_noise_that_shrinks_is_no_stage(seed: int) -> None:
    """A smooth fall to a floor under noise of a quarter, then of a hundredth."""
    step = np.arange(1, 3001)
    heights = np.log(0.3 + 4 * np.exp(-step / 250))
    found = find(step, noisy(heights, np.where(step < 1800, 0.25, 0.01), seed))
    assert kinds(found).lstrip("P") == "DP"


@pytest.mark.parametrize("seed", range(4))
def test_the_first_record_is_no_plateau(seed: int) -> None:
    step = np.arange(10, 5001, 10)
    found = find(step, noisy(np.log(2 + 30 / step), 0.01, seed))
    assert found[0].kind == "descent"


@pytest.mark.parametrize("first", [0, 1])
def test_eight_records_have_stages(first: int) -> None:
    """Also if the first stands at 0, where a logarithmic clock has not begun."""
    found = find(np.arange(first, first + 8), np.array([3.0, 2.0, 1.4, 1.0, 0.8, 0.7, 0.65, 0.62]))
    assert found
    assert found[-1].end == first + 7


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("records", [500, 5000])
def test_a_blow_up_in_the_last_ten_records(records: int, seed: int) -> None:
    step = np.arange(1, records + 1)
    heights = np.log(0.5 + 3 * np.exp(-step / (records / 20)))
    heights[-10:] += np.linspace(0.2, 2.5, 10)
    found = find(step, noisy(heights, 0.02, seed))
    assert kinds(found)[-2:] == "PR"
    assert found[-1].start == pytest.approx(records - 10, abs=3)


@pytest.mark.parametrize("seed", range(4))
def test_a_late_escape(seed: int) -> None:
    """The second descent has gone on for a twentieth of the run when that ends."""
    step = np.arange(1, 2001)
    heights = np.log(0.2 + 0.8 / (1 + (step / 60) ** 4)) - np.expm1(np.maximum(step - 1880, 0) / 60) / 4
    found = find(step, noisy(heights, 0.02, seed))
    assert kinds(found) == "PDPD"
    assert found[2].end == pytest.approx(1900, abs=25)


@pytest.mark.parametrize("seed", range(4))
def test_a_constant_added_to_negative_losses_changes_no_stage(seed: int) -> None:
    step = np.arange(1.0, 2001)
    noise = 0.05 * np.random.default_rng(seed).standard_normal(step.size)
    loss = np.interp(step, [0, 60, 200, 1000, 1300], [2.0, 2.0, 0.0, 0.0, -3.0]) + noise
    base = find(step, loss)
    assert kinds(base) == "PDPDP"
    for constant in (-10.0, 1.5):
        moved = find(step, loss + constant)
        assert kinds(moved) == kinds(base)
        np.testing.assert_allclose([one.end for one in moved], [one.end for one in base], rtol=1e-6)


def read(name: str) -> tuple[Stage, ...]:
    (path,) = FAILING.glob(f"{name}_*.csv")
    return find(*np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)[:2])


@in_files
def test_file_of_a_drift_then_a_plunge() -> None:
    found = read("a1")
    assert kinds(found[-2:]) == "PD"
    assert found[-1].start == pytest.approx(2500, rel=0.05)


@in_files
def test_file_of_one_jump() -> None:
    found = read("a3")
    assert kinds(found) == "PDP"
    for stage in found[:2]:
        assert stage.end_low <= 5100
        assert stage.end_high >= 5000


@in_files
def test_file_of_a_sawtooth() -> None:
    rises = [stage for stage in read("a4") if stage.kind == "rise"]
    for rise, at in zip(rises, (20_000, 45_000, 70_000), strict=True):  # of records 500 apart
        assert rise.start == pytest.approx(at, abs=1000)
        assert rise.end == pytest.approx(at, abs=1000)


@in_files
def test_file_of_late_drops() -> None:
    drops = [stage for stage in read("a5") if stage.kind == "descent"]
    assert [round(stage.start, -3) for stage in drops[-3:]] == [3000, 6000, 8000]


@in_files
@pytest.mark.xfail(strict=True, reason="its noise of a quarter draws a plateau in the middle of the descent")
def test_file_of_noise_that_shrinks() -> None:
    assert kinds(read("a6")) == "DP"


@in_files
def test_file_that_begins_with_no_plateau() -> None:
    assert read("a7")[0].kind != "plateau"


@in_files
def test_file_of_eight_records() -> None:
    assert read("a8")
