"""Scaling laws: slopes of lines that are known, intervals over seeds, theory's slopes, a real sweep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress, t

import mstage
from mstage.analysis.scaling.laws import scaling_laws
from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.simulate.problems import load_problem
from tests.render.synthetic import collected, run, stages_with_ends, with_losses

WIDTHS = (200, 400, 800)
DATA = load_problem("cub1d")
CONSTANTS = problem_constants(DATA.input, DATA.target)
THEORY = SweepTheory("cub1d", CONSTANTS, tuple(Theory(CONSTANTS, "tanh", 1.0, width, 0.1) for width in WIDTHS))


def made(seeds: int, widths: tuple[int, ...] = WIDTHS):
    """T1 = 0.9 log m + seed/100, T2 = (1 + seed/10) m^0.7."""
    return collected(
        *(
            run(1.0, width, seed, *stages_with_ends(
                0.9 * np.log(width) + seed / 100, 12.0, (1 + seed / 10) * width**0.7, 900.0))
            for width in widths for seed in range(seeds)
        )
    )  # fmt: skip


def laws_of(stages, theory=THEORY):
    """The laws of runs that hold R_lin - 2/m on the secondary plateau."""
    clock = np.geomspace(1, 2000, 400)
    level = {width: CONSTANTS.loss_linear - 2 / width for width in WIDTHS}
    stages = with_losses(stages, clock, lambda run: np.full(400, level[run["width"]]))
    return scaling_laws(stages, theory)


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
    stages = collected(*(run(1.0, w, s, *stages_with_ends(end, 20.0, 30.0)) for (w, s), end in ends.items()))
    law = next(law for law in laws_of(stages) if law.law.quantity == "exit time")
    slopes = [linregress(np.log(WIDTHS), [ends[w, s] for w in WIDTHS]).slope for s in range(4)]
    assert law.slope == pytest.approx(np.mean(slopes))
    reach = t.ppf(0.975, 3) * np.std(slopes, ddof=1) / 2
    assert (law.low, law.high) == (pytest.approx(law.slope - reach), pytest.approx(law.slope + reach))


def test_one_seed_has_no_interval_and_one_width_no_law() -> None:
    law = laws_of(made(1))[0]
    assert (law.low, law.high) == (None, None)
    assert laws_of(made(2, (400,))) == ()
    silent = SweepTheory("cub1d", CONSTANTS, tuple(Theory(CONSTANTS, "relu", 1.0, width, 0.1) for width in WIDTHS))
    assert all(one.predicted is None for one in laws_of(made(2), silent))


@pytest.mark.slow
def test_a_real_sweep_scales_as_theory_says() -> None:
    sweep = mstage.Sweep(mstage.TwoLayer(alpha=(1.5,), width=(200, 400, 800)), seed=(0, 1, 2, 3), until=400.0)
    laws = {law.law.quantity: law for law in mstage.report(mstage.train(sweep)).laws}
    assert set(laws) == {"exit time", "escape time", "secondary level", "relative distance at exit"}
    assert laws["exit time"].slope == pytest.approx(laws["exit time"].predicted, rel=0.06)
    assert laws["secondary level"].slope == pytest.approx(-1, abs=0.1)
    assert laws["relative distance at exit"].slope == pytest.approx(1.0, abs=0.1)  # alpha - 1/2
    assert 0.5 < laws["escape time"].slope < 0.95
