"""Turning point of the V, values at the exit, and the closed form, from snapshots that are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import mstage
from mstage.analysis.measured.quantity import Measured
from mstage.analysis.measured.snapshots import measure_weights, turning_point
from mstage.analysis.measured.sweep import measure_sweep
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.linear_flow import LinearFlow
from mstage.analysis.weights.distances import over_linear_flow
from mstage.history import RunStatus
from mstage.simulate.problems import load_problem


@pytest.mark.parametrize("count", [30, 60, 200])
def test_a_parabola_turns_at_its_vertex(count: int) -> None:
    clock = np.geomspace(0.1, 100, count)
    values = np.exp(np.log(clock / 7.3) ** 2)
    assert turning_point(clock, values).value == pytest.approx(7.3)


def test_a_later_dip_is_not_the_turning_point() -> None:
    clock = np.geomspace(0.1, 100, 300)
    values = np.exp(np.log(clock / 7.3) ** 2)
    values[230] = values.min() / 10
    assert turning_point(clock, values).value == pytest.approx(7.3, rel=1e-3)


def test_times_that_have_one_logarithm() -> None:
    """The slope between them was a division by 0."""
    clock = np.geomspace(1e5, 1e8, 61)
    values = np.exp(np.log(clock / clock[30]) ** 2)
    assert np.log(np.nextafter(clock[30], 0)) == np.log(clock[30])
    twice = np.insert(clock, 30, np.nextafter(clock[30], 0)), np.insert(values, 30, values[30])
    assert turning_point(*twice).value == pytest.approx(turning_point(clock, values).value)


def test_what_has_not_turned() -> None:
    clock = np.geomspace(0.1, 100, 50)
    assert turning_point(clock, 1 / clock) == Measured.none("W2 has not turned", 100.0)
    assert turning_point(clock, clock).why == "W2 is least at the first snapshot"
    assert turning_point(clock[:2], clock[:2]).value is None
    names = ("spread", "closed_form", "relative_distance", "alignment")
    weights = xr.Dataset(dict.fromkeys(names, ("snapshot", 1 / clock)))
    found = measure_weights(clock, weights, Measured.none("still on the initial plateau", 9.0), Measured(50.0),
                            np.ones(50), 0.1)  # fmt: skip
    assert found["minimum of the V"].why == "escaped before W2 turned"
    assert found["relative distance at exit"] == Measured.none("still on the initial plateau", 9.0)


@pytest.mark.parametrize("count", [12, 60, 240])
def test_the_distance_at_the_exit_does_not_depend_on_the_snapshots(count: int) -> None:
    clock = np.concatenate([[0.0], np.geomspace(0.1, 100, count)])
    grown = np.where(clock > 0, 1e-3 * np.exp(0.6 * np.minimum(clock, 60)), 0.0)
    weights = xr.Dataset(
        {
            "spread": ("snapshot", 1 + (clock - 9) ** 2),
            "closed_form": ("snapshot", np.where(clock > 10.1, 5.0, 1 + clock / 1000)),
            "relative_distance": ("snapshot", grown),
            "alignment": ("snapshot", 1 - np.exp(-0.5 * np.minimum(clock, 60))),
        }
    )
    along = 1e-6 * np.exp(1.2 * np.minimum(clock, 60))  # of the distance the square, of 1 - alignment a power, too
    late = Measured.none("not escaped", 100.0)
    found = measure_weights(clock, weights, Measured(11.3), late, along, 1e-6 * np.exp(1.2 * 11.3))
    by_clock = measure_weights(clock, weights, Measured(11.3), late, np.zeros(clock.size), 0.1)
    assert found["W2 over its closed form"] == by_clock["W2 over its closed form"]
    for name in ("relative distance at exit", "alignment at exit"):
        assert found[name].value == pytest.approx(by_clock[name].value)
    assert found["relative distance at exit"].value == pytest.approx(1e-3 * np.exp(0.6 * 11.3), rel=1e-6)
    assert 1 - found["alignment at exit"].value == pytest.approx(np.exp(-0.5 * 11.3), rel=1e-6)
    last = clock[clock <= 0.9 * 11.3][-1]
    assert found["W2 over its closed form"].value == pytest.approx(1 + last / 1000)


def test_the_linear_flow_is_the_matrix_exponential() -> None:
    """Of da/dt = w.v, dw/dt = a v, by many small steps."""
    data = load_problem("gauss5")
    known = problem_constants(data.input, data.target)
    random = np.random.default_rng(0)
    output, inputs = random.standard_normal(30), random.standard_normal((30, 5))
    sizes, norms = LinearFlow(known.rate, 1.0, 1.0, known).magnitudes(output, inputs, np.array([0.0, 0.5]))
    v, a, w, step = known.rate * known.direction, output.copy(), inputs.copy(), 0.5 / 20000
    for _ in range(20000):
        a, w = a + step * (w @ v), w + step * a[:, None] * v
    np.testing.assert_allclose(sizes, np.abs([output, a]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norms, [np.linalg.norm(inputs, axis=1), np.linalg.norm(w, axis=1)], rtol=1e-4)


def test_where_the_linear_flow_has_left_all_numbers_behind_there_is_no_closed_form() -> None:
    """A snapshot long after the plateau was a warning, and with it an error."""
    data = load_problem("gauss5")
    flow = LinearFlow(1.5, 1.0, 1.0, problem_constants(data.input, data.target))
    random = np.random.default_rng(0)
    output, inputs = random.standard_normal((3, 30)), random.standard_normal((3, 30, 5))
    run = xr.DataArray(output, dims=("snapshot", "neuron"), coords={"snapshot_time": ("snapshot", [0.0, 0.5, 1e4])})
    for order in (1, 2):
        found = over_linear_flow(output, inputs, run, flow, order)
        assert np.isfinite(found).tolist() == [True, True, False]


@pytest.mark.slow
def test_the_slope_of_the_distance_does_not_depend_on_the_number_of_snapshots() -> None:
    slopes = []
    for snapshots in (20, 120):
        sweep = mstage.Sweep(
            mstage.TwoLayer(alpha=(1.5,), width=(100, 400)), until=100.0, recording=mstage.Recording("auto", snapshots)
        )
        laws = {law.law.quantity: law for law in mstage.report(mstage.train(sweep)).laws}
        slopes.append(laws["relative distance at exit"].slope)
    assert slopes[0] == pytest.approx(slopes[1], rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "alpha"), [("cub1d", 1.5), ("cub1d", 2.0), ("gauss5", 1.5), ("sin1d", 1.0)])
def test_where_the_v_turns_and_how_long_the_linear_flow_holds(problem: str, alpha: float) -> None:
    """Within 8 % of the prediction where theory gives one: before the exit at alpha 2, at it at 1.5, none at 1."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(alpha,), width=(1600,)), problem, dynamics=mstage.Flow(), until=30.0,
        recording=mstage.Recording("log:2000", 200),
    )  # fmt: skip
    report = mstage.report(mstage.train(sweep))
    found = {one.prediction.name: one for one in report.comparisons}
    turn, ratio = found["minimum of the V"], found["W2 over its closed form"]
    if alpha == 1.0:
        assert turn.prediction.value is None
        assert turn.measured.spread.median > 1.5 * found["exit time"].measured.spread.median
    else:
        assert turn.measured.spread.median == pytest.approx(turn.prediction.value, rel=0.08)
    if alpha == 2.0:
        assert ratio.prediction.value is None
        assert ratio.measured.spread.median > 1.015
    else:
        assert ratio.measured.spread.median == pytest.approx(1, abs=0.015)


@pytest.mark.parametrize(("losses", "why"), [([np.nan] * 4, "no loss recorded"), ([1.0, 1.0, 1.7e308, 1.7e308], "")])
def test_losses_that_are_missing_or_at_the_end_of_all_numbers(losses: list[float], why: str) -> None:
    """Snapshots of runs without a loss, or with losses of any size, were errors."""
    data = load_problem("cub1d")
    sizes = {"alpha": [1.0], "width": [400], "seed": [0], "learning_rate": [0.1], "step": np.arange(4)}
    loss = xr.DataArray(np.reshape(losses, (1, 1, 1, 1, 4)), coords=sizes, dims=tuple(sizes), name="loss")
    loss = loss.assign_coords(time=("step", 0.1 * np.arange(4)), status=RunStatus.RUNNING)
    kept = {**{name: sizes[name] for name in ("alpha", "width", "seed", "learning_rate")}, "snapshot": [0, 3]}
    names = ("spread", "closed_form", "relative_distance", "alignment")
    weights = xr.Dataset({name: (tuple(kept), np.ones((1, 1, 1, 1, 2))) for name in names}, coords=kept)
    weights = weights.assign_coords(snapshot_time=("snapshot", [0.0, 0.3]))
    (one,) = measure_sweep(loss, problem_constants(data.input, data.target), weights).runs
    assert one.quantities["initial level"].why == why
