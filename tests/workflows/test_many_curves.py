"""Curves dealt out to several processes have the same stages as one after the other, in their order."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from mstage.analysis.stages import StageMethod, stages_of_curve
from mstage.history import Curve
from mstage.workflows import many_curves
from tests import curves


def staircases(count: int) -> list[Curve]:
    time = np.geomspace(0.05, 300, 300)
    clean = curves.staircase((1.0, 0.1))(time)
    return [Curve({"seed": seed}, time, clean * curves.noise("white", 300, 0.03, seed), False) for seed in range(count)]


def test_the_same_stages_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_curves, "FEWEST_EACH", 2)
    monkeypatch.setattr(many_curves, "processors", lambda: 2)
    method = StageMethod(cells=200)
    some = staircases(5)
    assert many_curves.stages_of_curves(some, method) == [stages_of_curve(curve, method) for curve in some]


def test_few_curves_begin_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_curves, "processors", lambda: 8)
    monkeypatch.setattr(subprocess, "run", None)
    assert len(many_curves.stages_of_curves(staircases(3), StageMethod())) == 3
    assert many_curves.stages_of_curves([], StageMethod()) == []
