"""The loss at which a plateau holds, despite the drift that ends it and despite noise."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.stages.plateau_level import plateau_level
from tests.render.synthetic import collected, run, stages_with_ends, with_losses

CLOCK = np.geomspace(8, 400, 900)
PLATEAU = 0.1 + 0.01 * np.exp(-CLOCK) - 1e-7 * CLOCK**2  # relaxes to 0.1, and drifts away late


def test_the_late_drift_does_not_count() -> None:
    assert abs(np.median(PLATEAU) - 0.1) > 3e-4
    assert plateau_level(CLOCK, PLATEAU) == pytest.approx(0.1, abs=3e-5)
    noisy = PLATEAU + 1e-4 * np.random.default_rng(0).standard_normal(CLOCK.size)
    assert plateau_level(CLOCK, noisy) == pytest.approx(0.1, abs=1e-3)


def test_few_records() -> None:
    assert plateau_level(np.array([2.0]), np.array([0.5])) == 0.5
    assert plateau_level(np.array([2.0, 3.0]), np.array([0.5, 0.4])) == pytest.approx(0.45)


def test_a_run_has_a_level_of_each_of_its_plateaus() -> None:
    stages = collected(run(1.0, 100, 0, *stages_with_ends(3.0, 8.0, 400.0)), run(1.0, 100, 1, *stages_with_ends(3.0)))
    staged, short = with_losses(stages, CLOCK, lambda _: PLATEAU).runs
    assert staged.plateau_levels == {"secondary plateau": pytest.approx(0.1, abs=3e-5)}  # no record lies on the first
    assert short.plateau_levels == {}


def test_losses_whose_sum_overflows() -> None:
    assert plateau_level(CLOCK, np.full(CLOCK.size, 1.7e308)) == 1.7e308
