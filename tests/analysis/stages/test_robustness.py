"""What real logs do to a loss: digits cut off, spikes, a learning rate that drops, other units."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import RunStages, StageMethod
from mstage.history import Curve
from tests import curves
from tests.bench.staircases import FAMILIES, family_curve


def find(clock: np.ndarray, loss: np.ndarray) -> RunStages:
    return stages_of_curve(Curve({}, np.asarray(clock, float), np.asarray(loss, float), False), StageMethod())


def kinds(found: RunStages) -> list[str]:
    return [stage.kind for stage in found.stages]


FIVE = ["plateau", "descent", "plateau", "descent", "plateau"]


@pytest.mark.parametrize("digits", [3, 4])
@pytest.mark.parametrize("noise", ["none", "white", "ar"])
@pytest.mark.parametrize("logging", ["linear", "log"])
def test_losses_written_to_few_digits(digits: int, noise: str, logging: str) -> None:
    """Plateaus become ties, which are not a curve without noise, and the steps between them no stages."""
    last = 8 * curves.escape_time(0.2, 1e-4)
    time = np.geomspace(0.05, last, 1500) if logging == "log" else np.linspace(last / 1500, last, 1500)
    loss = curves.staircase((1.0, 0.2), 1e-4, 0.01)(time)
    if noise != "none":
        loss = loss * curves.noise(noise, 1500, 0.01, 3)
    assert kinds(find(time, np.round(loss, digits))) == FIVE


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_floor_of_exact_zeros_is_one_plateau(share: float) -> None:
    """Whatever part of the log it is, and whatever noise there was before."""
    time = np.arange(1, 4001)
    loss = 1 / (1 + (time / 30) ** 3) * curves.noise("white", 4000, 0.03, 0)
    loss[int(4000 * (1 - share)) :] = 0
    assert kinds(find(time, loss)) in (["plateau", "descent", "plateau"], ["plateau", "descent"])


@pytest.mark.parametrize("at", [[0], [1], [2], [-1], [-2], [0, 5, 9, 200, -1]])
@pytest.mark.parametrize("logging", ["linear", "log"])
def test_single_spikes_are_no_stages(at: list[int], logging: str) -> None:
    """Also where the bins hold one record each."""
    time = np.geomspace(1, 1e4, 400) if logging == "log" else np.arange(1, 401)
    loss = curves.noise("white", 400, 0.003, 1)
    loss[at] *= 20
    assert kinds(find(time, loss)) == ["plateau"]


@pytest.mark.parametrize("noise", ["white", "ar"])
def test_a_drop_of_the_learning_rate_is_a_descent(noise: str) -> None:
    """The loss falls by half within a few epochs of it, and waits again."""
    step = np.arange(50, 90_001, 50)
    loss = 0.4 + 2 * (1 + step / 200) ** -0.8
    loss = np.where(step > 30_000, loss - 0.2 * (1 - np.exp(-(step - 30_000) / 800)), loss)
    found = find(step, loss * curves.noise(noise, step.size, 0.02, 4))
    drops = [stage for stage in found.stages if stage.kind == "descent" and 27_000 < stage.start < 33_000]
    assert len(drops) == 1
    assert drops[0].end < 40_000
    assert drops[0].loss_end < 0.7 * drops[0].loss_start


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_unit_changes_a_stage(family: str) -> None:
    """Of the loss or of the clock: steps, tokens, seconds."""
    for seed in range(3):
        loss, first, last = family_curve(family, np.random.default_rng(seed))
        time = np.geomspace(first, last, 700)
        noisy = loss(time) * curves.noise("ar", 700, 0.03, seed)
        base = find(time, noisy)
        for clock_factor, loss_factor in ((1e9, 1.0), (1.0, 1e-12), (3e-7, 1e7)):
            scaled = find(time * clock_factor, noisy * loss_factor)
            assert kinds(scaled) == kinds(base)
            ends = [stage.end / clock_factor for stage in scaled.stages]
            np.testing.assert_allclose(ends, [stage.end for stage in base.stages], rtol=1e-6)


def test_records_a_hair_apart_are_nothing_special() -> None:
    """Clocks of seconds can lie as close as the machine wrote them."""
    time = np.sort(np.concatenate([np.linspace(1, 1000, 800), np.linspace(1, 1000, 800) * (1 + 1e-14)]))
    loss = curves.exponential(0.02, 0.05)(time) * curves.noise("white", 1600, 0.02, 2)
    assert kinds(find(time, loss)) == ["plateau", "descent", "plateau"]


def test_a_rise_after_a_plateau_that_still_goes_down() -> None:
    """Convergence, then divergence and a restart: every stage has a length, and no rise ends lower than it began."""
    step = np.arange(1, 151)
    loss = 3.5 + 7 * (1 + step / 3) ** -1.0
    loss = np.where((step > 60) & (step <= 75), loss * np.exp((step - 60) / 25), loss)
    loss = np.where(step > 75, loss * np.exp(0.6 - 0.2 * (1 - np.exp(-(step - 75) / 10))), loss)
    found = find(step, loss * curves.noise("white", 150, 0.008, 1)).stages
    assert "rise" in [stage.kind for stage in found]
    for stage in found:
        assert stage.end > stage.start
        if stage.kind != "plateau":
            assert (stage.loss_end < stage.loss_start) == (stage.kind == "descent")


def test_a_loss_that_falls_slowly_all_along_is_a_descent() -> None:
    """A language model's loss falls to a quarter and is nowhere as steep as other descents; it is no plateau."""
    step = np.arange(10, 20_001, 10.0)
    for noise in (0.005, 0.02):
        found = find(step, (1.8 + 9 * (1 + step / 50) ** -0.45) * curves.noise("white", step.size, noise, 3))
        assert [stage.kind for stage in found.stages] == ["descent"]


def test_a_first_record_far_above_the_others_is_no_spike() -> None:
    step = np.append(1.0, np.arange(10.0, 30_000, 10))
    found = find(step, 30 * step**-0.28)
    assert [stage.kind for stage in found.stages] == ["descent"]
    few = find(np.arange(0, 2250, 250.0), np.array([10.99, 5.87, 4.91, 4.42, 4.1, 3.9, 3.75, 3.62, 3.54]))
    assert few.stages[0].kind == "descent"
