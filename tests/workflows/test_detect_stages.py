"""Stages of real sweeps: those that theory tells of, in its order, with its times and levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mstage
from mstage.errors import InputError, UsageError
from mstage.simulate.problems import load_problem

IN_ORDER = ["initial plateau", "initial descent", "secondary plateau", "secondary descent"]


def constants(problem: str) -> dict[str, float]:
    """lambda, R0, R_z, R_lin, |A|, c3, s* of a problem, each from its formula."""
    data = load_problem(problem)
    x, y, n = data.input, data.target, data.target.size
    v = x.T @ y / n
    rate = np.linalg.norm(v)
    z, covariance = v / rate, x.T @ x / n
    best = np.linalg.solve(covariance, v)
    residual = x @ best - y
    along = rate / (z @ covariance @ z)
    return {
        "lambda": rate,
        "R0": y @ y / (2 * n),
        "Rz": y @ y / (2 * n) - rate * along / 2,
        "Rlin": residual @ residual / (2 * n),
        "A": np.linalg.norm(best),
        "c3": np.mean(residual * (x @ best / np.linalg.norm(best)) ** 3),
        "s": along,
    }


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["cub1d", "sin1d"])
def test_descent_from_small_weights(problem: str) -> None:
    """Every run has the four stages, T1 within 15 % of the asinh formula, the level within 1 % of theory's."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.0, 1.5), width=(200, 400)),
        problem=problem,
        dynamics=mstage.Descent(learning_rate=(0.1,)),
        seed=(0, 1),
        until=350.0,
        recording=mstage.Recording(snapshots=0),
    )
    known = constants(problem)
    rate = np.log1p(0.1 * known["lambda"]) / 0.1
    share = 1 - np.sqrt(1 - 0.1 * (known["R0"] - known["Rlin"]) / (known["R0"] - known["Rz"]))
    for one in mstage.detect_stages(mstage.train(sweep)).runs:
        assert [stage.name for stage in one.stages][:4] == IN_ORDER, one.run
        width, alpha = one.run["width"], one.run["alpha"]
        exit_time = np.arcsinh(known["s"] * share * width ** (2 * alpha - 1)) / (2 * rate)
        assert one.stages[0].end == pytest.approx(exit_time, rel=0.15)
        level = known["Rlin"] - known["A"] ** 2 * known["c3"] / width
        assert one.stages[2].level == pytest.approx(level, rel=0.01)
        assert all(stage.probability > 0.9 for stage in one.stages[:4])


@pytest.mark.slow
def test_every_way_to_give_a_sweep(tmp_path: Path) -> None:
    sweep = mstage.Sweep(mstage.TwoLayer(alpha=(1.0,), width=(20, 30)), seed=(0, 1), until=30.0)
    tree = mstage.train(sweep, tmp_path / "sweep")
    stages = mstage.detect_stages(tmp_path / "sweep")
    assert mstage.detect_stages(tree).runs == stages.runs
    assert mstage.detect_stages(mstage.open_sweep(tmp_path / "sweep")).runs == stages.runs
    assert mstage.detect_stages(tree["loss"].sel(width=30)).runs == stages.runs[2:]
    assert [(one.run["width"], one.run["seed"]) for one in stages.runs] == [(20, 0), (20, 1), (30, 0), (30, 1)]
    assert stages.clock == "time"


@pytest.mark.slow
def test_a_diverged_run_keeps_its_stages_and_says_so() -> None:
    sweep = mstage.Sweep(
        mstage.TwoLayer(activation="relu", alpha=(1.0,), width=(20,)),
        dynamics=mstage.Descent(learning_rate=(0.1, 30.0)),
        steps=400,
    )
    stages = mstage.detect_stages(mstage.train(sweep))
    assert [one.status for one in stages.runs] == ["ok", "diverged"]


def test_a_tree_without_losses_is_refused() -> None:
    with pytest.raises(InputError, match="holds no `loss`"):
        mstage.detect_stages(xr.DataTree())


def test_logs_of_others(tmp_path: Path) -> None:
    step = np.arange(1, 201)
    for name, factor in (("a", 1.0), ("b", 2.0)):
        rows = "".join(f"{k},{k / 10},{factor * (1 / (1 + (k / 40) ** 4) + 0.1):.5f},1\n" for k in step)
        (tmp_path / name).write_text(f"step,epoch,train_loss,val_loss\n{rows}")
    one = mstage.detect_stages(tmp_path / "a")
    assert (one.clock, [dict(run.run) for run in one.runs]) == (
        "step", [{"log": str(tmp_path / "a"), "series": "train_loss"}],
    )  # fmt: skip
    assert [stage.name for stage in one.runs[0].stages] == IN_ORDER[:3]
    both = mstage.detect_stages([tmp_path / "a", str(tmp_path / "b")], loss="train*", clock="epoch")
    assert both.clock == "epoch"
    assert [stage.name for stage in both.runs[1].stages] == IN_ORDER[:3]
    # the two are rounded differently, and the level of the last plateau is known as well as where that begins
    assert both.runs[1].stages[1].end == pytest.approx(one.runs[0].stages[1].end / 10, rel=5e-3)
    with pytest.raises(UsageError, match="are for logs"):
        mstage.detect_stages(xr.DataTree(), loss="loss")
    with pytest.raises(UsageError, match="no log is given"):
        mstage.detect_stages([])


def test_a_log_says_what_was_taken_of_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = "".join(f"{k},{k / 10},{1 / k},{2 / k},{k}\n" for k in range(1, 100))
    path.write_text(f"step,epoch,train_loss,val_loss,lr\n{rows}")
    log = mstage.open_log(path)
    assert log.names == ["train_loss", "val_loss", "lr"]
    (taken,) = mstage.detect_stages(path).choices
    assert (taken.log, taken.series, taken.clock) == (str(path), ("train_loss",), "step")
    assert (taken.format, taken.other_series, taken.other_clocks) == (log.format, ("val_loss", "lr"), ("epoch",))
    other = mstage.detect_stages(log, loss="val_loss", clock="epoch")
    assert (other.choices[0].series, other.clock) == (("val_loss",), "epoch")
    assert repr(other).split("\n")[1] == f"  {path}: val_loss against epoch"
    assert other.runs == mstage.detect_stages(path, loss="val_loss", clock="epoch").runs
    np.testing.assert_array_equal(other.runs[0].curve.loss, [2 / k for k in range(1, 100)])


def test_an_array_is_a_run_or_several() -> None:
    time = np.geomspace(0.01, 100, 500)
    loss = np.exp(-time) + 0.05
    one, both = mstage.detect_stages(loss, clock=time), mstage.detect_stages(np.stack([loss, 2 * loss]), clock=time)
    labelled = mstage.detect_stages(xr.DataArray(loss, coords={"step": time}, dims="step"))
    assert one.runs[0].stages == both.runs[0].stages == labelled.runs[0].stages
    assert (one.clock, one.choices, [dict(run.run) for run in both.runs]) == ("clock", (), [{"run": 0}, {"run": 1}])
    counted = mstage.detect_stages(loss)
    assert counted.clock == "record"
    np.testing.assert_array_equal(counted.runs[0].curve.clock, np.arange(1, 501))


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"losses of shape \(\): expected \(records,\) or \(runs, records\)"):
        mstage.detect_stages(np.array(1.0))
    with pytest.raises(InputError, match=r"a clock of shape \(3,\) for 9 records: expected \(9,\)"):
        mstage.detect_stages(np.ones((2, 9)), clock=np.arange(3))
    with pytest.raises(InputError, match="expected real numbers"):
        mstage.detect_stages(np.array(["a", "b"]))
    with pytest.raises(UsageError, match="a clock of numbers is for an array of losses"):
        mstage.detect_stages("metrics.csv", clock=np.arange(3))


@pytest.mark.parametrize("source", [[0.5, 0.4], None, {"loss": 1}, b"log.csv"])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(UsageError, match="expected the path of a log or of a sweep"):
        mstage.detect_stages(source)
