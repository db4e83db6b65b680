"""Scaling laws: slopes of lines that are known, intervals over seeds, theory's slopes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import linregress, t

from mstage.analysis.measured.quantity import Measured
from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
from mstage.analysis.scaling.laws import ScalingLaw, scaling_laws
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.render.theory_tables import scaling_table
from mstage.simulate.problems import load_problem

WIDTHS = (200, 400, 800)
DATA = load_problem("cub1d")
CONSTANTS = problem_constants(DATA.input, DATA.target)
THEORY = SweepTheory("cub1d", CONSTANTS, tuple(Theory(CONSTANTS, "tanh", 1.0, width, 0.1) for width in WIDTHS))


def run(width: int, seed: int, **values: float) -> MeasuredRun:
    quantities = {name.replace("_", " "): Measured(value) for name, value in values.items()}
    return MeasuredRun({"alpha": 1.0, "width": width, "seed": seed, "learning_rate": 0.1}, quantities)


def made(seeds: int, widths: tuple[int, ...] = WIDTHS) -> SweepMeasurements:
    """T1 = 0.9 log m + seed/100, T2 = (1 + seed/10) m^0.7, and R_lin - 2/m on the secondary plateau."""
    return SweepMeasurements("time", tuple(
        run(m, k, exit_time=0.9 * np.log(m) + k / 100, escape_time=(1 + k / 10) * m**0.7,
            secondary_level=CONSTANTS.loss_linear - 2 / m)
        for m in widths for k in range(seeds)
    ))  # fmt: skip


def laws_of(measured: SweepMeasurements, theory: SweepTheory = THEORY) -> tuple[ScalingLaw, ...]:
    return scaling_laws(measured, theory)


def test_known_slopes() -> None:
    laws = {law.law.quantity: law for law in laws_of(made(3))}
    assert laws["exit time"].slope == pytest.approx(0.9)
    assert laws["escape time"].slope == pytest.approx(0.7)
    assert laws["escape time"].widths == WIDTHS
    assert laws["escape time"].seeds == 3
    assert laws["exit time"].points.shape == (3, 3)
    expected = linregress(np.log(WIDTHS), [one.exit_time.value for one in THEORY.runs]).slope
    assert laws["exit time"].predicted == pytest.approx(expected)
    assert laws["secondary level"].predicted == pytest.approx(-1)
    assert laws["secondary level"].slope == pytest.approx(-1)
    np.testing.assert_allclose(laws["secondary level"].fitted, 2 / np.array(WIDTHS))
    np.testing.assert_allclose(laws["exit time"].fitted, laws["exit time"].points.mean(axis=0))
    np.testing.assert_allclose(laws["exit time"].predictions, [one.exit_time.value for one in THEORY.runs])


def test_interval_is_over_seeds() -> None:
    random = np.random.default_rng(0)
    ends = {(w, s): 5 + random.normal() for w in WIDTHS for s in range(4)}
    measured = SweepMeasurements("time", tuple(run(w, s, exit_time=end) for (w, s), end in ends.items()))
    (law,) = laws_of(measured)
    slopes = [linregress(np.log(WIDTHS), [ends[w, s] for w in WIDTHS]).slope for s in range(4)]
    assert law.slope == pytest.approx(np.mean(slopes))
    reach = t.ppf(0.975, 3) * np.std(slopes, ddof=1) / 2
    assert (law.low, law.high) == (pytest.approx(law.slope - reach), pytest.approx(law.slope + reach))


def test_seeds_that_lack_a_width_are_counted() -> None:
    """Of three seeds one has not escaped at the largest width: the law is of the other two, and says so."""
    whole = made(3)
    late = Measured.none("not escaped", 900.0)
    last = {"escape time": late}
    runs = [
        replace(one, quantities=one.quantities | (last if (one.run["seed"], one.run["width"]) == (2, 800) else {}))
        for one in whole.runs
    ]
    laws = {law.law.quantity: law for law in laws_of(replace(whole, runs=tuple(runs)))}
    assert (laws["escape time"].seeds, laws["escape time"].all_seeds) == (2, 3)
    assert (laws["exit time"].seeds, laws["exit time"].all_seeds) == (3, 3)
    rows = [[cell.text for cell in row] for row in scaling_table(tuple(laws.values())).rows]
    assert [row[3] for row in rows] == ["3/3", "2/3", "3/3"]


def test_times_whose_squares_overflow() -> None:
    """Their scatter was an overflow; in another unit the slope and its interval are those of ordinary times."""

    def law(scale: float) -> ScalingLaw:
        runs = (run(width, seed, exit_time=scale * (3 + seed) * np.log(width)) for width in WIDTHS for seed in range(3))
        return laws_of(SweepMeasurements("time", tuple(runs)))[0]

    one, other = law(1.0), law(1e200)
    for name in ("slope", "low", "high"):
        assert getattr(other, name) == pytest.approx(1e200 * getattr(one, name))
    ends = {200: 0.0, 400: 1.7e308, 800: 1.7e308}
    runs = tuple(run(width, seed, exit_time=end) for width, end in ends.items() for seed in range(2))
    assert laws_of(SweepMeasurements("time", runs)) == ()


def test_one_seed_has_no_interval_and_one_width_no_law() -> None:
    law = laws_of(made(1))[0]
    assert (law.low, law.high) == (None, None)
    assert laws_of(made(2, (400,))) == ()
    silent = SweepTheory("cub1d", CONSTANTS, tuple(Theory(CONSTANTS, "relu", 1.0, width, 0.1) for width in WIDTHS))
    assert all(one.predicted is None for one in laws_of(made(2), silent))
