"""The stage finder on curves whose stages are known, on sweeps against theory, and against its own laws."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mstage.analysis.stages.detection import detect_stages, stages_of_curve
from mstage.analysis.stages.method import SegmentationMethod
from mstage.analysis.stages.names import stage_names
from mstage.analysis.stages.results import RunStages, StageMethod
from mstage.errors import InputError, UsageError
from mstage.history import Curve, RunStatus
from tests import curves
from tests.type_checks import unchecked

PLATEAU_DESCENT = ["initial plateau", "initial descent", "secondary plateau"]


def find(clock: np.ndarray, loss: np.ndarray, **settings: object) -> RunStages:
    return stages_of_curve(Curve({}, np.asarray(clock, float), np.asarray(loss, float), False), StageMethod(**settings))


def names(found: RunStages) -> list[str]:
    return [stage.name for stage in found.stages]


@pytest.mark.parametrize("kind", ["none", "white", "ar", "spikes"])
@pytest.mark.parametrize("logging", ["linear", "log"])
def test_staircase(kind: str, logging: str) -> None:
    modes = (1.0, 0.1)
    last = 8 * curves.escape_time(0.1)
    time = np.geomspace(0.05, last, 3000) if logging == "log" else np.linspace(0, last, 3001)
    loss = clean = curves.staircase(modes)(time)
    if kind != "none":
        loss = clean * curves.noise(kind, time.size, 0.03, 1)
    found = find(time, loss)
    assert names(found) == [*PLATEAU_DESCENT, "secondary descent", "third plateau"]
    ends = [stage.end for stage in found.stages]
    assert ends[0] < curves.escape_time(1.0) < ends[1] < ends[2] < curves.escape_time(0.1) < ends[3]
    level = found.stages[2].level
    assert level == pytest.approx(find(time, clean).stages[2].level, rel=0.1 if kind == "ar" else 0.03)
    assert all(stage.probability > 0.9 for stage in found.stages)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["white", "ar", "spikes"])
def test_no_stage_in_flat_noise(kind: str) -> None:
    time = np.geomspace(1, 1e4, 1000)
    wrong = [seed for seed in range(40) if len(find(time, curves.noise(kind, 1000, 0.05, seed)).stages) != 1]
    assert len(wrong) <= 2, wrong


def test_borders_follow_their_definition() -> None:
    """A plateau ends a tenth of the way down on the loss scale, a descent nine tenths on the scale of log loss."""
    time = np.geomspace(1e-3, 100, 5000)
    loss = curves.exponential(1.0, 0.05)(time)
    found = find(time, loss).stages
    assert found[0].end == pytest.approx(-np.log(0.9), rel=0.05)  # the level is a median, not the first loss
    bottom = np.exp(np.log(1.05) + 0.9 * np.log(0.05 / 1.05))
    assert found[1].end == pytest.approx(-np.log(bottom - 0.05), rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "points"), [("white", 2000), ("white", 400), ("ar", 2000)])
def test_intervals_hold_the_border_of_the_curve_without_noise(kind: str, points: int) -> None:
    time = np.geomspace(1e-2, 100, points)
    clean = curves.exponential(1.0, 0.05)(time)
    truth = [stage.end for stage in find(time, clean).stages[:2]]
    inside, count = 0, 0
    for seed in range(30):
        found = find(time, clean * curves.noise(kind, points, 0.03, seed)).stages
        if [stage.kind for stage in found] != ["plateau", "descent", "plateau"]:
            continue
        for stage, boundary in zip(found, truth, strict=False):
            inside += stage.end_low <= boundary <= stage.end_high
            count += 1
    assert count > 50
    assert inside / count >= 0.75


def test_rate_of_an_exponential() -> None:
    time = np.geomspace(1e-2, 1000, 3000)
    for seed in range(5):
        descent = find(time, curves.exponential(0.2, 0.01)(time) * curves.noise("white", 3000, 0.02, seed)).stages[1]
        assert descent.model == "exponential"
        assert descent.rate_low < descent.rate < descent.rate_high
        assert descent.rate == pytest.approx(0.2, rel=0.1)


def test_exponent_of_a_power_law() -> None:
    step = np.arange(1, 20001)
    descent = find(step, 5 * step**-0.8).stages[-1]
    assert (descent.name, descent.model) == ("initial descent", "power law")
    assert descent.rate == pytest.approx(0.8, rel=0.05)


def test_scaling_loss_or_clock_changes_no_stage() -> None:
    time = np.geomspace(0.05, 300, 1500)
    loss = curves.staircase((1.0, 0.1))(time) * curves.noise("white", 1500, 0.03, 5)
    base = find(time, loss)
    for clock_factor, loss_factor in ((1000.0, 1.0), (1.0, 1e-6), (7.0, 300.0)):
        scaled = find(time * clock_factor, loss * loss_factor)
        assert names(scaled) == names(base)
        for one, other in zip(scaled.stages, base.stages, strict=True):
            assert one.end == pytest.approx(clock_factor * other.end, rel=1e-6)
            assert one.level == pytest.approx(loss_factor * other.level, rel=1e-6)
            if other.model == "exponential":
                assert one.rate == pytest.approx(other.rate / clock_factor, rel=1e-4)


def test_order_of_records_and_records_that_are_no_numbers_do_not_matter() -> None:
    time = np.geomspace(0.05, 300, 1500)
    loss = curves.staircase((1.0, 0.1))(time)
    base = find(time, loss)
    order = np.random.default_rng(0).permutation(time.size)
    assert find(time[order], loss[order]).stages == base.stages
    with_gaps = np.insert(loss, [100, 500, 900], [np.nan, np.inf, np.nan])
    assert find(np.insert(time, [100, 500, 900], time[[100, 500, 900]]), with_gaps).stages == base.stages
    twice = find(np.append(time[:700], time), np.append(9 * loss[:700], loss))  # a rerun: what was logged last counts
    assert twice.stages == base.stages


def test_a_small_descent_before_a_large_one_is_seen() -> None:
    """One descent by a tenth, then one by five decades: what is flat is judged where it is."""
    time = np.geomspace(0.01, 3000, 4000)
    loss = (0.1 / (1 + time**2) + 0.9) * (1 / (1 + (time / 300) ** 6) + 1e-5)
    assert names(find(time, loss))[:4] == [*PLATEAU_DESCENT, "secondary descent"]


def test_negative_losses() -> None:
    time = np.geomspace(0.05, 300, 2000)
    loss = curves.staircase((1.0, 0.1))(time) - 0.3
    found = find(time, loss)
    assert names(found)[:3] == PLATEAU_DESCENT
    assert found.stages[0].level == pytest.approx(0.2051, rel=0.02)
    assert [stage.rate is None for stage in found.stages][:3] == [True, False, True]
    moved = find(time, 5 * loss - 7)
    assert [(s.name, s.end) for s in moved.stages] == [(s.name, pytest.approx(s.end, rel=1e-6)) for s in found.stages]


def test_zeros_at_the_end() -> None:
    step = np.arange(0, 4000)
    loss = np.where(step < 2000, 1 / (1 + (step / 100) ** 4), 0.0)
    found = find(step, loss)
    assert names(found)[:2] == PLATEAU_DESCENT[:2]
    assert found.stages[-1].loss_end > 0


def test_divergence_after_convergence_is_a_rise() -> None:
    step = np.arange(1, 3001)
    loss = 1 / (1 + step / 20) + 0.1
    loss[2000:] = 0.11 + 3 * (1 - np.exp(-(step[2000:] - 2000) / 50))
    found = find(step, loss)
    assert "rise" in [stage.kind for stage in found.stages]
    rise = next(stage for stage in found.stages if stage.kind == "rise")
    assert 1800 < rise.start < rise.end < 2500
    assert rise.rate == pytest.approx(1 / 50, rel=0.01)  # on a straight scale: that at which it nears its ceiling


@pytest.mark.parametrize("records", [0, 1, 5, 7])
def test_too_short(records: int) -> None:
    found = find(np.arange(1, records + 1), np.linspace(2, 1, records))
    assert (found.status, found.stages) == ("too short", ())


@pytest.mark.parametrize(
    "loss",
    [
        np.ones(50),
        np.zeros(50),
        -np.ones(50),
        np.linspace(1, 2, 50),
        np.r_[np.ones(25), 0.1 * np.ones(25)],
        np.full(50, 1e-300),
    ],
    ids=["constant", "zero", "negative constant", "rising", "jump", "tiny"],
)
def test_odd_curves_have_stages(loss: np.ndarray) -> None:
    found = find(np.arange(50), loss)
    assert found.status == "ok"
    assert found.stages[0].start == 0
    assert found.stages[-1].end == 49
    for one, after in zip(found.stages, found.stages[1:], strict=False):
        assert one.end == after.start
        assert one.kind != after.kind
        assert one.end_low <= one.end <= one.end_high


def test_linear_clock() -> None:
    step = np.linspace(0, 100, 2000)
    loss = np.exp(-np.clip(step - 60, 0, 5))
    assert names(find(step, loss, clock_scale="linear")) == PLATEAU_DESCENT
    with unchecked(), pytest.raises(UsageError, match="expected log or linear"):
        StageMethod(clock_scale="cubic")


def test_method_is_used() -> None:
    time = np.geomspace(0.1, 100, 1000)
    loss = 1 - 0.2 / (1 + np.exp(-(time - 10)))
    assert len(find(time, loss).stages) == 3
    assert len(find(time, loss, segmentation=SegmentationMethod(least_drop=0.5)).stages) == 1


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["plateau", "descent", "plateau", "descent", "plateau"],
         ["initial plateau", "initial descent", "secondary plateau", "secondary descent", "third plateau"]),
        (["descent", "plateau", "descent"], ["initial descent", "secondary plateau", "secondary descent"]),
        (["plateau", "rise", "plateau"], ["initial plateau", "initial rise", "secondary plateau"]),
        (["plateau", "descent", "rise", "descent"],
         ["initial plateau", "initial descent", "initial rise", "secondary descent"]),
    ],
)  # fmt: skip
def test_names(kinds: list[str], expected: list[str]) -> None:
    assert stage_names(kinds) == expected
    many = stage_names(["plateau", "descent"] * 13)
    assert many[-1] == "13th descent"
    assert len(set(many)) == len(many)


def history(loss: np.ndarray, **coordinates: object) -> xr.DataArray:
    return xr.DataArray(loss, dims=("seed", "step"), coords={"step": np.arange(loss.shape[1]), **coordinates})


def test_a_history_keeps_its_coordinates() -> None:
    step = np.arange(5000)
    loss = np.stack([1 / (1 + (step / 50) ** 4) + 1e-3, np.ones(5000), np.ones(5000)])
    loss[2, 100:] = np.nan
    loss[2, 99] = np.inf
    data = history(
        loss, seed=[3, 5, 8], status=("seed", [1, 1, RunStatus.DIVERGED]), last_step=("seed", [4999, 4999, 99])
    )
    stages = detect_stages(data)
    assert stages.clock == "step"
    assert [one.run for one in stages.runs] == [{"seed": 3}, {"seed": 5}, {"seed": 8}]
    assert [one.status for one in stages.runs] == ["ok", "ok", "diverged"]
    table = stages.to_dataframe()
    assert table.columns[:4].tolist() == ["seed", "status", "number", "name"]
    assert table[table.seed == 3].name.tolist() == PLATEAU_DESCENT
    assert table[table.seed == 3].number.tolist() == [0, 1, 2]
    plain = stages.to_dict()
    assert plain["runs"][0]["stages"][0].keys() == {
        "name", "kind", "start", "end", "end_low", "end_high", "loss_start", "loss_end", "level", "probability",
        "rate", "rate_low", "rate_high", "model",
    }  # fmt: skip
    one_by_one = [detect_stages(data.isel(seed=[k])).runs[0] for k in (2, 0, 1)]
    assert one_by_one == [stages.runs[k] for k in (2, 0, 1)]


def test_what_is_no_history() -> None:
    with pytest.raises(InputError, match="single number"):
        detect_stages(xr.DataArray(1.0))
    with pytest.raises(InputError, match="no coordinate along its last axis `step`"):
        detect_stages(xr.DataArray(np.ones(5), dims="step"))


def test_stages_beyond_the_tenth_are_numbered() -> None:
    names = stage_names(["plateau", "descent"] * 24)
    assert names[20:24] == ["11th plateau", "11th descent", "12th plateau", "12th descent"]
    assert (names[40], names[42], names[44]) == ("21st plateau", "22nd plateau", "23rd plateau")
