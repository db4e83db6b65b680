"""What a sweep refuses, which steps it keeps, and what it is as plain values."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mstage.errors import UsageError
from mstage.spec import Descent, Flow, Optimizer, Sweep, Table, TwoLayer
from mstage.spec.recording import Recording, log_spaced_steps
from mstage.training_set import training_set
from tests.sweeps import changed

GOOD = Sweep(steps=10)


def line(**change: object) -> str:
    """The line that a changed sweep is refused with."""
    with pytest.raises(UsageError) as caught:
        changed(GOOD, **change)  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": "cub2d"}, "Did you mean `cub1d`?"),
        ({"problem": "table.csv"}, "For a table, give --data FILE."),
        ({"problem": 5}, "problem 5: has to be"),
        ({"activation": "tahn"}, "Did you mean `tanh`?"),
        ({"activation": 5}, "unknown activation `5`"),
        ({"activation": None}, "unknown activation `None`"),
        ({"dtype": "float16"}, "known: float32, float64"),
        ({"dtype": float}, "unknown dtype"),
        ({"alpha": ()}, "alpha: the list is empty"),
        ({"alpha": "1"}, "alpha '1': expected numbers"),
        ({"alpha": ("a",)}, "alpha 'a': expected numbers"),
        ({"alpha": (None,)}, "alpha None: expected numbers"),
        ({"alpha": (1j,)}, "alpha 1j: expected numbers"),
        ({"alpha": (True,)}, "alpha True: expected numbers"),
        ({"alpha": (math.nan,)}, "alpha nan: has to be finite"),
        ({"alpha": (math.inf,)}, "alpha inf: has to be finite"),
        ({"alpha": (51,)}, "alpha 51.0: has to be from 0"),
        ({"alpha": (-1,)}, "alpha -1.0: has to be from 0"),
        ({"alpha": (50,), "width": (2**30,)}, "take a smaller alpha"),
        ({"alpha": (1, 2, 1.0)}, "alpha: 1.0 is given twice"),
        ({"alpha": np.ones((2, 2))}, "expected numbers"),
        ({"width": ()}, "width: the list is empty"),
        ({"width": (0,)}, "width 0: has to be from 1"),
        ({"width": (-5,)}, "width -5: has to be from 1"),
        ({"width": (2**31,)}, "width 2147483648: has to be from 1"),
        ({"width": (400.0,)}, "width 400.0: expected whole numbers"),
        ({"seed": ()}, "seed: the list is empty"),
        ({"seed": (-1,)}, "seed -1: has to be from 0 to 2^32 - 1"),
        ({"seed": (2**32,)}, "seed 4294967296: has to be from 0"),
        ({"seed": (0, 0)}, "seed: 0 is given twice"),
        ({"learning_rate": ()}, "learning-rate: the list is empty"),
        ({"learning_rate": (0.0,)}, "learning-rate 0.0: has to be above 0"),
        ({"learning_rate": (-0.1,)}, "learning-rate -0.1: has to be above 0"),
        ({"learning_rate": (math.inf,)}, "learning-rate inf: has to be finite"),
        ({"optimizer": "adam"}, "optimizer 'adam': has to be a mstage.Optimizer"),
        ({"recording": "auto"}, "recording 'auto': has to be a mstage.Recording"),
        ({"batch_size": 0}, "batch-size 0: has to be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch-size 2.5: expected whole numbers"),
        ({"batch_size": "8"}, "batch-size '8': expected whole numbers"),
        ({"stop_at": -1.0}, "stop-at -1.0: has to be a finite loss"),
        ({"stop_at": math.nan}, "stop-at nan: has to be a finite loss"),
        ({"stop_at": "low"}, "stop-at low: has to be a finite loss"),
        ({"steps": None}, "neither is given of --until TIME and --steps N"),
        ({"until": 1.0}, "both are given of --until TIME and --steps N"),
        ({"steps": 0}, "steps 0: has to be a whole number from 1"),
        ({"steps": -3}, "steps -3: has to be a whole number from 1"),
        ({"steps": 2**53}, "has to be a whole number from 1 to 2^53 - 1"),
        ({"steps": 1.5}, "steps 1.5: has to be a whole number"),
        ({"steps": "10"}, "steps 10: has to be a whole number"),
        ({"steps": None, "until": 0.0}, "until 0.0: has to be a finite time above 0"),
        ({"steps": None, "until": -1.0}, "until -1.0: has to be a finite time above 0"),
        ({"steps": None, "until": math.inf}, "until inf: has to be a finite time above 0"),
        ({"steps": None, "until": math.nan}, "until nan: has to be a finite time above 0"),
        ({"steps": None, "until": "long"}, "until long: has to be a finite time above 0"),
        ({"steps": None, "until": 1e300}, "until 1e+300: that is 1.0e+301 steps; take a larger learning rate"),
        ({"steps": None, "until": 1e300, "learning_rate": (1e-300,)}, "that is inf steps"),
        ({"steps": None, "until": 5.0, "optimizer": Optimizer("adam")}, "adam has steps only, no time; give --steps N"),
        (
            {"steps": None, "until": 5.0, "optimizer": Optimizer("sgd", {"momentum": 0.9})},
            "sgd:momentum=0.9 has steps only",
        ),
        ({"steps": 10**9, "recording": Recording("every:1")}, "that is 1000000001 records of a run"),
        ({"steps": 10**9, "recording": Recording("log:2000000")}, "that is 2000000 records of a run"),
        ({"steps": 10**9, "recording": Recording(snapshots=2 * 10**6)}, "snapshots 2000000: that is 2000000 records"),
    ],
)
def test_a_sweep_refuses_nonsense(change: dict[str, object], message: str) -> None:
    assert message in line(**change)


@pytest.mark.parametrize(
    ("losses", "snapshots", "message"),
    [
        ("always", 60, "record `always` is none of auto, every:N and log:N"),
        ("", 60, "is none of auto, every:N and log:N"),
        ("every", 60, "is none of auto"),
        ("every:", 60, "is none of auto"),
        ("every:2.5", 60, "is none of auto"),
        ("every:--5", 60, "is none of auto"),
        ("log:²", 60, "is none of auto"),
        ("log:" + "9" * 5000, 60, "is none of auto"),
        ("lin:10", 60, "is none of auto"),
        (5, 60, "record `5` is none of auto"),
        ("every:0", 60, "record `every:0`: the number has to be at least 1"),
        ("log:-4", 60, "record `log:-4`: the number has to be at least 1"),
        ("auto", -1, "snapshots -1: has to be a whole number, 0 (none) or more"),
        ("auto", 2.5, "snapshots 2.5: has to be a whole number"),
        ("auto", "all", "snapshots all: has to be a whole number"),
    ],
)
def test_a_recording_refuses_nonsense(losses: str, snapshots: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recording(losses, snapshots)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"path": ""}, "data '': expected a name"),
        ({"path": 5}, "data 5: expected a name"),
        ({"target": ""}, "target '': expected a name"),
        ({"target": None}, "target None: expected a name"),
        ({"features": (1, 2)}, "features 1: expected a name"),
        ({"features": ()}, "t.csv: the list of features is empty"),
        ({"features": ("y",)}, "t.csv: the target `y` is among the features"),
        ({"features": ("a", "a")}, "t.csv: feature `a` is given twice"),
        ({"standardise": "no"}, "standardise 'no': expected true or false"),
        ({"intercept": None}, "intercept None: expected true or false"),
        ({"drop_missing": 1}, "drop-missing 1: expected true or false"),
    ],
)
def test_a_table_refuses_nonsense(table: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Table(**{"path": "t.csv", "target": "y", **table})  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_table_takes_paths_lists_and_a_single_feature() -> None:
    table = Table(Path("a") / "t.csv", "y", features=["p", "q"])  # type: ignore[arg-type]
    assert table == Table(str(Path("a/t.csv")), "y", features=("p", "q"))
    assert hash(table) == hash(replace(table))
    assert Table("t.csv", "y", features="price").features == ("price",)  # type: ignore[arg-type]


def test_numbers_of_any_library_become_plain_ones() -> None:
    sweep = Sweep(
        TwoLayer(alpha=np.linspace(0.5, 1.5, 3), width=(np.int64(20),)),
        dynamics=Descent(learning_rate=[1], batch_size=np.int32(4)),
        seed=range(3),
        until=np.float32(2),
    )
    assert sweep == Sweep(
        TwoLayer(alpha=(0.5, 1.0, 1.5), width=(20,)),
        dynamics=Descent(learning_rate=(1.0,), batch_size=4),
        seed=(0, 1, 2),
        until=2.0,
    )
    assert json.loads(json.dumps(sweep.to_dict())) == sweep.to_dict()
    assert {type(value) for value in (*sweep.model.alpha, *sweep.dynamics.learning_rate, sweep.until)} == {float}
    assert {type(value) for value in (*sweep.model.width, *sweep.seed, *sweep.dynamics.batch_size)} == {int}


# Optimizers


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("sgd", "sgd", {}),
        ("adam:b1=0.8", "adam", {"b1": 0.8}),
        (" adam : b1 = 0.8 , nesterov = TRUE ", "adam", {"b1": 0.8, "nesterov": True}),
        ("lbfgs:memory_size=5,scale_init_precond=false", "lbfgs", {"memory_size": 5, "scale_init_precond": False}),
        ("x:a=1e-3,b=none,c=word,d=-2", "x", {"a": 1e-3, "b": None, "c": "word", "d": -2}),
    ],
)
def test_optimizers_are_read_and_written(text: str, name: str, options: dict[str, object]) -> None:
    optimizer = Optimizer.parse(text)
    assert (optimizer.name, optimizer.options) == (name, options)
    assert Optimizer.parse(str(optimizer)) == optimizer
    assert hash(Optimizer.parse(str(optimizer))) == hash(optimizer)


@pytest.mark.parametrize("text", ["adam:b1", "adam:b1=", "adam:=1", "adam:b1=1,,b2", "adam:b1=1,b1=2"])
def test_optimizers_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="optimizer option"):
        Optimizer.parse(text)


def test_only_plain_descent_has_a_time() -> None:
    assert Optimizer().is_gradient_descent
    assert Optimizer("sgd", {"momentum": 0.0}).is_gradient_descent
    assert Optimizer("sgd", {"momentum": None}).is_gradient_descent
    assert not Optimizer("sgd", {"momentum": 0.9}).is_gradient_descent
    assert not Optimizer("adam").is_gradient_descent


# Steps


@pytest.mark.parametrize("last", [1, 2, 3, 10, 99, 100, 1000, 12345, 10**6, 10**9, 2**53 - 1])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 60, 99, 1000])
def test_log_spaced_steps(last: int, count: int) -> None:
    steps = log_spaced_steps(last, count)
    assert len(steps) == min(count, last + 1)
    assert steps[-1] == last
    assert steps == tuple(sorted(set(steps)))
    assert all(type(step) is int for step in steps)
    if count > 1:
        assert steps[0] == 0
    if count <= last:
        return
    assert steps == tuple(range(last + 1))


@pytest.mark.parametrize(("last", "count"), [(1000, 60), (10**5, 60), (10**5, 1000), (10**6, 10_000), (10**9, 200)])
def test_log_spaced_steps_are_even_in_log_time(last: int, count: int) -> None:
    steps = np.array(log_spaced_steps(last, count))
    dense = int(np.argmax(np.diff(steps) > 1))  # the last of the steps that are all taken
    factors = steps[dense + 1 :] / steps[dense:-1]
    expected = (last / dense) ** (1 / (count - 1 - dense))
    # Each sparse step is a whole number at most a half off, or one further on where two would coincide.
    np.testing.assert_allclose(factors, expected, atol=1.5 / dense)
    np.testing.assert_allclose(factors[len(factors) // 2 :].mean(), expected, rtol=2e-3)
    # The density of records does not jump where the dense part ends.
    assert (expected - 1) * dense == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("count", [0, -1])
def test_no_log_spaced_steps(count: int) -> None:
    assert log_spaced_steps(100, count) == ()


def test_what_is_recorded() -> None:
    assert Recording("every:3").loss_steps(10) == [0, 3, 6, 9, 10]
    assert Recording("every:5").loss_steps(10) == [0, 5, 10]
    assert Recording("every:50").loss_steps(10) == [0, 10]
    assert Recording().loss_steps(9_999) == list(range(10_000))
    assert len(Recording().loss_steps(10_000)) == 10_000
    assert Recording("log:4").loss_steps(1000) == list(log_spaced_steps(1000, 4))
    assert Recording(snapshots=0).snapshot_steps(50) == []


@pytest.mark.parametrize("losses", ["auto", "every:1", "every:3", "every:7", "every:1000", "log:1", "log:20"])
@pytest.mark.parametrize("last", [1, 6, 7, 21, 100, 10_001])
def test_the_number_of_records_is_known_before(losses: str, last: int) -> None:
    recording = Recording(losses)
    assert recording.loss_count(last) == len(recording.loss_steps(last))


def test_the_steps_of_a_sweep() -> None:
    sweep = Sweep(dynamics=Descent(learning_rate=(0.1, 0.05, 0.07)), until=10.0, recording=Recording("log:8", 5))
    assert sweep.last_steps == (100, 200, 143)
    assert {0, 100, 143, 200, *sweep.snapshot_steps} <= set(sweep.loss_steps)
    assert sweep.loss_steps == sorted(set(sweep.loss_steps))
    assert sweep.snapshot_steps == list(log_spaced_steps(200, 5))
    assert Sweep(until=1e-9).last_steps == (1,)
    assert Sweep(steps=7).last_steps == (7,)


@pytest.mark.parametrize("rate", [0.1, 0.05, 0.01, 0.3, 1 / 3, 1e-3])
@pytest.mark.parametrize("steps", [1, 3, 10, 700, 123_457])
def test_a_time_of_whole_steps_takes_that_many(rate: float, steps: int) -> None:
    assert Sweep(dynamics=Descent(learning_rate=(rate,)), until=rate * steps).last_steps == (steps,)


def test_several_batch_sizes_or_tolerances_are_an_axis() -> None:
    sweep = Sweep(dynamics=Descent(batch_size=(4, 8)), steps=1)
    assert sweep.axes["batch_size"] == (4, 8)
    assert (list(sweep.axes)[-1], sweep.static_axes) == ("batch_size", ("width", "batch_size"))
    assert sweep.programs == [{"width": 400, "batch_size": 4}, {"width": 400, "batch_size": 8}]
    assert sweep.to_dict()["batch_size"] == [4, 8]
    single = Sweep(dynamics=Flow(1e-4), until=1.0)
    assert ("tolerance" in single.axes, single.to_dict()["tolerance"]) == (False, 1e-4)
    assert Sweep(dynamics=Flow((1e-4, 1e-3)), until=1.0).run_count == 2


def test_runs_are_counted() -> None:
    sweep = Sweep(
        TwoLayer(alpha=(1, 2, 3), width=(5, 6)), dynamics=Descent(learning_rate=(0.1,)), seed=(0, 1, 2, 3), steps=1
    )
    assert sweep.run_count == 24
    assert (sweep.itemsize, replace(sweep, dtype="float32").itemsize) == (8, 4)


# Arrays


def test_arrays_are_a_problem() -> None:
    inputs, target = np.eye(3), [1.0, 2.0, 4.0]
    sweep = Sweep(problem=(inputs, target), steps=5)
    assert sweep == Sweep(problem=training_set(inputs, target), steps=5)
    assert sweep != Sweep(problem=(inputs, [1.0, 2.0, 4.5]), steps=5)
    plain = sweep.to_dict()
    assert plain == json.loads(json.dumps(plain))
    assert Sweep.from_dict(plain, arrays=training_set(inputs, target)) == sweep
    with pytest.raises(UsageError, match="it learns arrays, which no file of keys holds"):
        Sweep.from_dict(plain)
    for bad, message in (((inputs, target, 3), "has to be the name"), ((inputs, [1, 2]), "expected equally many")):
        with pytest.raises(UsageError, match=message):
            Sweep(problem=bad, steps=5)  # type: ignore[arg-type]
