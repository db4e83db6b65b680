"""How a curve is cut: sequences of any length told apart, parts of a plateau no surer than it, settings refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mstage.analysis.stages.bins import make_bins
from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.method import SegmentationMethod
from mstage.analysis.stages.records import Records
from mstage.analysis.stages.results import StageMethod
from mstage.analysis.stages.segmentation import Segmentation, segment
from mstage.analysis.stages.sequences import Segment, merged
from mstage.errors import UsageError
from mstage.history import Curve


def cut(loss: np.ndarray, clock: np.ndarray | None = None, method: SegmentationMethod | None = None) -> Segmentation:
    clock = np.geomspace(1, 1000, loss.size) if clock is None else clock
    return segment(make_bins(Records.of(clock, loss, "log"), 300), method or SegmentationMethod())


def swinging(period: float, seed: int) -> list[str]:
    """The kinds of the stages of a noisy loss that swings as a sine of the log of its clock, which goes to log 1000."""
    x = np.linspace(0, np.log(1000), 1500)
    noise = 0.25 * np.random.default_rng(seed).standard_normal(x.size)
    found = cut(np.exp(0.4 * np.sin(2 * np.pi * x / period) + noise), np.exp(x), SegmentationMethod(knots=120))
    kinds = [one.kind for one in found.segments]
    assert all(one != other for one, other in pairwise(kinds))
    return kinds


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("period", "falls", "rises"), [(0.4, {17, 18}, {16, 17, 18}), (0.8, {9}, {8, 9}), (1.6, {4, 5}, {4, 5})]
)
def test_every_swing_is_a_descent_and_a_rise(seed: int, period: float, falls: set[int], rises: set[int]) -> None:
    """From each highest to the next lowest place, and back.

    The curve begins with a quarter of a swing upwards, and the shortest ends with one; such a quarter may be lost in
    the noise. After its last highest place it falls by a few percent, or not at all.
    """
    kinds = swinging(period, seed)
    assert kinds.count("descent") in falls
    assert kinds.count("rise") in rises


@pytest.mark.parametrize("seed", range(6))
def test_swings_shorter_than_two_bins_are_noise(seed: int) -> None:
    assert "rise" not in swinging(0.05, seed)


def test_segments_meet_and_cover_the_curve() -> None:
    t = np.geomspace(0.01, 100, 2000)
    found = cut(0.1 + np.exp(-t), t)
    assert [one.kind for one in found.segments] == ["plateau", "descent", "plateau"]
    assert found.segments[0].first == 0
    assert all(one.last == other.first for one, other in pairwise(found.segments))
    assert all(0.5 < one.probability <= 0.96 for one in found.segments)


def test_a_lower_bar_splits_a_plateau_of_a_shallow_curve() -> None:
    """A loss that falls by a sixth and never steeply has its descent too."""
    t = np.geomspace(1, 1000, 2000)
    loss = 1 - 0.08 / (1 + (30 / t) ** 4)
    found = cut(loss, t)
    assert [one.kind for one in found.segments] == ["plateau", "descent", "plateau"]


def test_neighbours_of_a_kind_are_one_and_as_sure_as_the_surer() -> None:
    found = merged([Segment("plateau", 0, 3, 0.6), Segment("plateau", 3, 9, 0.9), Segment("descent", 9, 12, 0.7)])
    assert found == [Segment("plateau", 0, 9, 0.9), Segment("descent", 9, 12, 0.7)]


@pytest.mark.parametrize(
    "setting",
    [
        {"steepness": 0.0},
        {"least_drop": -2.0},
        {"bend": 0.0},
        {"change": 1.0},
        {"knots": 1},
        {"first": (1.0, 0.0, 0.0)},
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: dict) -> None:
    with pytest.raises(UsageError, match=next(iter(setting)).replace("_", " ")):
        SegmentationMethod(**setting)


def test_losses_at_the_ends_of_stages_are_without_noise() -> None:
    """Where every bin is a single record of a factor of noise, a plateau ends near its level and not at a record."""
    t = np.geomspace(0.01, 100, 150)
    for seed in range(8):
        noise = np.exp(0.23 * np.random.default_rng(seed).standard_normal(t.size))
        stages = stages_of_curve(Curve({}, t, (0.05 + np.exp(-t)) * noise, False), StageMethod()).stages
        for stage in stages[:-1]:
            if stage.kind == "plateau":
                assert abs(stage.loss_end / stage.level - 1) < 0.25
