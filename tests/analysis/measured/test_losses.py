"""The quantities of a loss against theory's closed forms, against plain loops, and under laws."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import mstage
from mstage.analysis.measured.losses import measure_losses, resting_level
from mstage.analysis.theory.constants import ProblemConstants, problem_constants
from mstage.history import Curve, curves
from mstage.simulate.problems import load_problem

DATA = load_problem("cub1d")
CONSTANTS = problem_constants(DATA.input, DATA.target)
STAGED = (
    "exit time", "initial growth", "10-90 % rise along z", "end of the descent", "secondary level", "gap to R_lin",
    "escape time",
)  # fmt: skip


def curve(clock: np.ndarray, loss: np.ndarray, diverged: bool = False) -> Curve:
    return Curve({"alpha": 1.0, "width": 400, "seed": 0}, clock, loss, diverged)


def logistic(clock: np.ndarray, rate: float = CONSTANTS.rate, half: float = 6.0) -> np.ndarray:
    """The loss of the linear network along z, s = s* / (1 + exp(-2 lambda (t - half)))."""
    s = CONSTANTS.along / (1 + np.exp(-2 * rate * (clock - half)))
    return CONSTANTS.loss_zero - CONSTANTS.rate * s + s**2 * CONSTANTS.rate / CONSTANTS.along / 2


@cache
def trained(problem: str, alpha: float, width: int, until: float, record: str = "every:1", dynamics: str = "steps"):
    """The losses of a run, recorded at every step of 0.05, or of the flow."""
    how = mstage.Flow() if dynamics == "flow" else mstage.Descent(learning_rate=(0.05,))
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(alpha,), width=(width,)), problem, dynamics=how, until=until,
        recording=mstage.Recording(record, 0),
    )  # fmt: skip
    (one,) = curves(mstage.train(sweep).dataset["loss"])
    return one, mstage.predict(sweep)


@pytest.mark.parametrize("records", [60, 300, 3000])
def test_growth_and_rise_of_a_logistic_are_exact(records: int) -> None:
    """2 lambda and ln(81) / (2 lambda), whatever the records: between them logit(s/s*) is a line."""
    clock = np.linspace(0, 25, records)
    found = measure_losses(curve(clock, logistic(clock)), CONSTANTS)
    assert found["initial growth"].value == pytest.approx(2 * CONSTANTS.rate, rel=1e-6)
    assert found["10-90 % rise along z"].value == pytest.approx(np.log(81) / (2 * CONSTANTS.rate), rel=1e-6)


def test_exit_and_escape_against_a_loop() -> None:
    """The first record beyond the level, and the one before it, enclose what is measured."""
    one, theory = trained("gauss5", 1.0, 400, 40.0)
    known = theory.constants
    found = measure_losses(one, known)
    for name, level in (
        ("exit time", known.loss_zero - 0.1 * (known.loss_zero - known.loss_linear)),
        ("end of the descent", known.loss_zero - 0.9 * (known.loss_zero - known.loss_linear)),
        ("escape time", 0.9 * known.loss_linear),
    ):
        at = 0
        while one.loss[at] >= level:
            at += 1
        assert one.clock[at - 1] <= found[name].value <= one.clock[at]
        share = (one.loss[at - 1] - level) / (one.loss[at - 1] - one.loss[at])
        assert found[name].value == pytest.approx(one.clock[at - 1] + 0.05 * share, abs=0.002)
    assert found["initial level"].value == one.loss[0]
    assert found["gap to R_lin"].value == known.loss_linear - found["secondary level"].value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "width", "exit_time"), [("sin1d", 1600, 5.11), ("gauss5", 1600, 1.85), ("cub1d", 1600, 4.37)]
)
def test_known_exit_times(problem: str, width: int, exit_time: float) -> None:
    """Measured in float64 by another program, one seed of its own: seeds differ by a few per cent."""
    one, theory = trained(problem, 1.0, width, 30.0)
    found = measure_losses(one, theory.constants)
    assert found["exit time"].value == pytest.approx(exit_time, rel=0.05)
    assert found["exit time"].value == pytest.approx(theory.runs[0].exit_time.value, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["cub1d", "sin1d"])
@pytest.mark.parametrize("alpha", [1.0, 1.5])
def test_the_flow_grows_at_twice_lambda(problem: str, alpha: float) -> None:
    one, theory = trained(problem, alpha, 1600, 25.0, "log:2000", "flow")
    growth = measure_losses(one, theory.constants)["initial growth"].value
    assert growth == pytest.approx(2 * theory.constants.rate, rel=0.02)


def test_the_gap_tests_its_coefficient() -> None:
    """|A|^2 c3 of cub1d is 0.151 and was measured as 0.150 at width 1600, one seed of another program."""
    one, theory = trained("cub1d", 1.0, 1600, 60.0)
    gap = measure_losses(one, theory.constants)["gap to R_lin"].value
    assert gap * 1600 == pytest.approx(0.150, rel=0.06)
    assert gap == pytest.approx(theory.runs[0].gap.value, rel=0.06)


def test_neither_horizon_nor_records_nor_origin_change_anything() -> None:
    one, theory = trained("gauss5", 1.0, 400, 80.0)
    known = theory.constants
    found = measure_losses(one, known)
    for until in (30.0, 50.0):
        shorter = measure_losses(curve(one.clock[one.clock <= until], one.loss[one.clock <= until]), known)
        for name in STAGED:
            assert shorter[name].value == pytest.approx(found[name].value, rel=1e-9), name
    for every in (2, 4):
        sparser = measure_losses(curve(one.clock[::every], one.loss[::every]), known)
        for name in STAGED:
            # at the sparsest, records are a sixth of the rise apart, and the gap is 3 % of R_lin
            within = {"10-90 % rise along z": 0.02, "gap to R_lin": 5e-3, "initial growth": 5e-3}.get(name, 2e-3)
            assert sparser[name].value == pytest.approx(found[name].value, rel=within), name
    moved = measure_losses(replace(one, clock=one.clock + 100.0), known)
    for name in STAGED:
        shift = 100.0 if name in ("exit time", "end of the descent", "escape time") else 0.0
        assert moved[name].value == pytest.approx(found[name].value + shift, rel=1e-6), name


def test_what_has_not_come_is_said_with_the_horizon() -> None:
    clock = np.linspace(0, 25, 2000)
    for until, missing in ((2.0, STAGED), (6.5, STAGED[2:]), (7.9, (STAGED[2], *STAGED[4:]))):
        early = clock <= until
        found = measure_losses(curve(clock[early], logistic(clock)[early]), CONSTANTS)
        for name in missing:
            assert found[name].value is None
            assert found[name].not_by == pytest.approx(clock[early][-1])
            assert found[name].why
        stopped = measure_losses(curve(clock[early], logistic(clock)[early], diverged=True), CONSTANTS)
        assert {stopped[name].why for name in missing} == {"diverged before"}
        assert all(stopped[name].not_by is None for name in missing)
        assert stopped["initial level"].value == logistic(clock)[0]


def test_a_run_that_diverges_keeps_what_came_before() -> None:
    clock = np.linspace(0, 25, 2000)
    loss = logistic(clock)
    loss[1500:] = np.nan
    found = measure_losses(curve(clock, loss, diverged=True), CONSTANTS)
    whole = measure_losses(curve(clock, logistic(clock)), CONSTANTS)
    assert found["exit time"] == whole["exit time"]
    assert found["escape time"].why == "diverged before"
    nothing = measure_losses(curve(clock[:1], np.array([np.inf]), diverged=True), CONSTANTS)
    assert nothing["initial level"].why == nothing["exit time"].why == "diverged before"


def test_what_is_not_defined_says_so() -> None:
    x = np.linspace(-1, 1, 20)
    clock, loss = np.linspace(0, 9, 50), np.linspace(1, 0, 50)
    even = problem_constants(np.column_stack([x]), x**2)
    found = measure_losses(curve(clock, loss), even)
    assert found["initial level"].value == 1
    assert {found[name].why for name in STAGED} == {"not defined: v = 0, so that R_lin is R0"}
    linear = problem_constants(np.column_stack([x]), 2 * x)
    found = measure_losses(curve(clock, linear.loss_zero * loss), linear)
    assert found["exit time"].value == pytest.approx(0.9, abs=0.02)
    assert {found[name].why for name in STAGED[4:]} == {"not defined: R_lin = 0, the targets are linear in the inputs"}


def made_plateau(clock: np.ndarray, rest: float, drift: float) -> np.ndarray:
    """A descent that dies away to `rest` and a drift that ends it at 200."""
    return rest + np.exp(-(clock - 4)) * (clock > 4) + (clock <= 4) - drift * clock / (200.0 - np.minimum(clock, 199.0))


def test_the_resting_level_is_what_drift_and_descent_leave() -> None:
    clock = np.linspace(0, 150, 6000)
    level, _ = resting_level(clock, made_plateau(clock, 0.1, 1e-4), 4.0, 6.0, 150.0)
    assert level.value == pytest.approx(0.1, abs=1.5e-5)
    noisy = made_plateau(clock, 0.1, 1e-4) + 1e-4 * np.random.default_rng(0).standard_normal(clock.size)
    assert resting_level(clock, noisy, 4.0, 6.0, 150.0)[0].value == pytest.approx(0.1, abs=1e-4)
    falling, _ = resting_level(clock, np.exp(-clock / 1000), 4.0, 6.0, 150.0)
    assert (falling.value, falling.not_by) == (None, 150.0)
    _, fall = resting_level(clock, 0.1 - 1e-5 * clock + np.exp(-(clock - 4)) * (clock > 4), 4.0, 6.0, 150.0)
    assert 0 < fall < 1e-4  # 1e-5 over a stretch of some units of time
    assert resting_level(clock, np.full(clock.size, 0.1), 4.0, 149.0, 150.0)[0].value is None


def test_a_gap_that_the_loss_passes_through_is_no_gap() -> None:
    """The loss creeps towards R_lin from above, by more than what it is off."""
    clock = np.linspace(0, 400, 20000)
    creep = CONSTANTS.loss_linear + 0.01 / (1 + clock / 20)
    loss = np.where(clock < 10, np.maximum(logistic(clock), creep), creep) - 2e-8 * clock**2
    found = measure_losses(curve(clock, loss), CONSTANTS)
    assert found["secondary level"].value == pytest.approx(CONSTANTS.loss_linear, rel=0.2)
    assert found["gap to R_lin"].value is None
    assert "more than a quarter of |A|^2 c3/m" in found["gap to R_lin"].why


@pytest.mark.slow
def test_a_negative_c3_holds_the_loss_above_r_lin() -> None:
    """y = x + x^3/2, where R / R_lin was measured as 1.0205 at t = 50."""
    x = np.linspace(-1, 1, 40)
    sweep = mstage.Sweep(
        mstage.TwoLayer(width=(400,)), (x[:, None], x + 0.5 * x**3), until=200.0, recording=mstage.Recording("auto", 0)
    )
    constants: ProblemConstants = mstage.predict(sweep).constants
    (one,) = curves(mstage.train(sweep).dataset["loss"])
    found = measure_losses(one, constants)
    assert found["secondary level"].value / constants.loss_linear == pytest.approx(1.0205, abs=0.002)
    assert found["gap to R_lin"].value < 0
    assert (found["escape time"].value, found["escape time"].why) == (None, "not escaped")
