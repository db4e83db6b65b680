"""At what loss does a plateau hold, where it is flattest?

The median of a long plateau includes the slow drift that ends it. Theory's level is what the loss stands at before that
drift, and its distance from R_lin is so small a difference that the median would not do: it is taken where the loss
changes least from one part of the plateau to the next, in parts that are even on the logarithm of the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.magnitudes import SUMMED, in_unit, out_of_unit, unit_exponent
from mstage.analysis.stages.representatives import run_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mstage.analysis.stages.results import Stages
    from mstage.history import Curve

PARTS = 24


def flattest_losses(stages: Stages, losses: Iterable[Curve], name: str) -> Mapping[tuple[Any, ...], float]:
    """Loss at the flattest part of a plateau, for each run that has it, by `run_key`.

    Args:
        stages: Of the runs.
        losses: Their curves.
        name: Of the plateau.
    """
    curve_of = {run_key(curve.run): curve for curve in losses}
    found = {}
    for one in stages.runs:
        curve = curve_of[run_key(one.run)]
        for stage in one.stages:
            inside = (curve.clock >= stage.start) & (curve.clock <= stage.end) & (curve.clock > 0)
            inside &= np.isfinite(curve.loss)
            if stage.name == name and inside.any():
                found[run_key(one.run)] = flattest_loss(curve.clock[inside], curve.loss[inside])
    return found


def flattest_loss(clock: np.ndarray, loss: np.ndarray) -> float:
    """Mean of the two neighbouring parts whose medians differ least.

    Args:
        clock: Values above 0, ascending, shape (records,).
        loss: Shape (records,).
    """
    borders = np.geomspace(clock[0], clock[-1], min(PARTS, clock.size) + 1)[1:-1]
    parts = np.split(loss, np.searchsorted(clock, borders, side="right"))
    exponent = unit_exponent(loss, SUMMED)
    medians = np.array([np.median(in_unit(part, exponent)) for part in parts if part.size])
    if medians.size == 1:
        return out_of_unit(float(medians[0]), exponent)
    at = int(np.abs(np.diff(medians)).argmin())
    return out_of_unit(float(medians[at : at + 2].mean()), exponent)
