"""Rates of the stages that are found: alike for every horizon, origin and way of logging, with intervals that hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import mstage
from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.rates import fit_rate
from mstage.analysis.stages.results import RunStages, Stage, StageMethod
from mstage.history import Curve, curves
from tests.curves import exponential, noise, staircase

HORIZONS = (500.0, 800.0, 1600.0)


def find(clock: np.ndarray, loss: np.ndarray, **settings: object) -> RunStages:
    return stages_of_curve(Curve({}, np.asarray(clock, float), np.asarray(loss, float), False), StageMethod(**settings))


def steepest(found: RunStages) -> Stage:
    """The stage on which the loss goes farthest."""
    return max(found.stages, key=lambda stage: abs(stage.loss_end - stage.loss_start))


@pytest.mark.parametrize("modes", [(1.0, 0.1), (1.0, 0.1, 0.01)])
def test_rates_of_a_staircase_are_those_of_every_horizon(modes: tuple[float, ...]) -> None:
    """Of a mode of strength s the rate is in proportion to s, wherever the run ends."""
    rates = []
    for until in HORIZONS:
        time = np.geomspace(0.05, until, 2000)
        found = find(time, staircase(modes)(time)).stages
        assert [stage.model for stage in found[1:4:2]] == ["exponential"] * 2
        rates.append([stage.rate for stage in found[1:4:2]])
    assert np.ptp(rates, axis=0) / np.mean(rates, axis=0) == pytest.approx(0, abs=0.01)
    assert np.mean(rates, axis=0) == pytest.approx(np.array([1.12, 0.112]), rel=0.02)


def test_a_staircase_has_the_same_rates_however_it_was_logged() -> None:
    """Records on a log clock and on a linear one: all the time of a stage counts alike."""
    seconds = [
        find(t, staircase((1.0, 0.1))(t)).stages for t in (np.geomspace(0.05, 120, 2000), np.linspace(0, 120, 3001))
    ]
    for one, other in zip(*seconds, strict=True):
        if one.rate is not None:
            assert one.rate == pytest.approx(other.rate, rel=0.01)


def test_rates_of_a_sweep_are_those_of_every_horizon() -> None:
    """The second descent of two-layer networks was exponential 0.040, t^-15.4 or exponential 0.048, by the horizon."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(0.75, 1.5), width=400), "cub1d", mstage.Flow(), seed=0, until=max(HORIZONS)
    )
    for curve in curves(mstage.train(sweep).loss):
        for number in (1, 3):
            inside = [curve.clock <= until for until in HORIZONS]
            found = [find(curve.clock[part], curve.loss[part]).stages[number] for part in inside]
            assert [(stage.kind, stage.model) for stage in found] == [("descent", "exponential")] * len(HORIZONS)
            rates = [stage.rate for stage in found]
            assert max(rates) < 1.03 * min(rates)


@pytest.mark.parametrize("origin", [-3.0, 20.0, 1000.0])
def test_an_exponential_has_no_origin(origin: float) -> None:
    time = np.linspace(0, 60, 3001)
    loss = np.exp(-0.5 * np.maximum(time - 10, 0)) + 0.02
    found = steepest(find(time + origin, loss, clock_scale="linear"))
    assert (found.model, found.rate) == ("exponential", pytest.approx(0.5, rel=0.01))


def test_an_exponential_that_goes_on_has_a_floor_of_its_own() -> None:
    time = np.linspace(0, 30, 1501)
    rates = [steepest(find(time[:count], exponential(0.2, 0.05)(time[:count]))).rate for count in (600, 900, 1501)]
    assert rates == pytest.approx([0.2] * 3, rel=1e-3)


@pytest.mark.parametrize("first", [0, 1])
def test_a_power_law_is_one_from_step_0_on_too(first: int) -> None:
    step = np.arange(first, 20001)
    found = steepest(find(step, 5 * np.maximum(step, 1) ** -0.5 + 0.1))
    assert (found.model, found.rate) == ("power law", pytest.approx(0.5, rel=0.02))


def test_a_short_piece_is_exponential() -> None:
    """A power law over a clock that does not even go by a factor of 3 fits any fall that bends."""
    clock = np.linspace(100, 250, 200)
    assert fit_rate(clock, -3 * np.log(clock), np.ones(200)).model == "exponential"


def accuracy(step: np.ndarray) -> np.ndarray:
    return 0.95 - 0.85 * np.exp(-np.maximum(step - 200, 0) / 120)


STEP = np.arange(1, 1001.0)
KNOWN: dict[str, tuple[np.ndarray, Callable[[np.ndarray], np.ndarray], float, str, float]] = {
    "exponential": (np.linspace(0, 40, 1001), exponential(1.0, 0.05), 1.0, "exponential", 0.0),
    "that goes on": (np.linspace(0, 12, 601), exponential(0.2, 0.02), 0.2, "exponential", 0.0),
    "power law": (np.arange(1, 4001.0), lambda step: 5 * step**-0.5, 0.5, "power law", 0.0),
    "power law to a floor": (np.geomspace(1, 1e5, 1000), lambda step: 8 * step**-0.3 + 1.7, 0.3, "power law", 0.0),
    "accuracy": (STEP, accuracy, 1 / 120, "exponential", 0.01),
    "negative": (STEP, lambda step: 3 * np.exp(-np.maximum(step - 100, 0) / 60) - 2, 1 / 60, "exponential", 0.03),
}


@pytest.mark.parametrize("kind", ["white", "ar"])
@pytest.mark.parametrize("name", KNOWN)
def test_intervals_hold_the_rate(name: str, kind: str) -> None:
    """In nine of ten noisy curves at least, of those that were seen to have such a stage."""
    clock, clean, rate, model, additive = KNOWN[name]
    inside, right = 0, 0
    for seed in range(1000, 1024):
        factors = noise(kind, clock.size, 0.01, seed)
        loss = clean(clock) + additive * np.log10(factors) / 0.01 if additive else clean(clock) * factors
        found = steepest(find(clock, loss))
        if found.model == model:
            right += 1
            inside += found.rate_low <= rate <= found.rate_high
    assert right >= 22
    assert inside >= 0.9 * right


def test_scales_of_rises_and_of_what_is_negative() -> None:
    """A straight scale: an accuracy nears its ceiling at the rate of its exponential, a loss that blows up does not."""
    found = find(STEP, accuracy(STEP))
    assert found.value_scale == "linear"
    assert (found.stages[1].kind, found.stages[1].rate) == ("rise", pytest.approx(1 / 120, rel=0.01))
    moved = find(STEP, 7 * accuracy(STEP) - 30)
    assert moved.stages[1].rate == pytest.approx(found.stages[1].rate, rel=1e-6)
    falling = find(STEP, 1.05 - accuracy(STEP))
    assert falling.value_scale == "log"
    assert find(STEP, 1.05 - accuracy(STEP), goal="max").value_scale == "linear"
    assert find(STEP, accuracy(STEP), goal="min").value_scale == "log"
    assert find(STEP, -accuracy(STEP), goal="min").value_scale == "linear"
    blown_up = find(STEP, 1 + np.exp((STEP - 950) / 10))
    assert blown_up.stages[-1].kind == "rise"
    assert blown_up.stages[-1].rate == pytest.approx(-0.1, rel=0.05)
