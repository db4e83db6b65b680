"""At what loss does a plateau hold, where it is flattest?

The median of a long plateau includes the slow drift that ends it. Theory's level is what the loss stands at before that
drift, and its distance from R_lin is so small a difference that the median would not do: it is taken where the loss
changes least from one part of the plateau to the next, in parts that are even on the logarithm of the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.magnitudes import SUMMED, in_unit, out_of_unit, unit_exponent

if TYPE_CHECKING:
    from jaxtyping import Float

PARTS = 24


def plateau_level(clock: Float[np.ndarray, " records"], loss: Float[np.ndarray, " records"]) -> float:
    """Mean of the two neighbouring parts whose medians differ least.

    Args:
        clock: Values above 0, ascending, shape (records,).
        loss: Shape (records,).
    """
    boundaries = np.geomspace(clock[0], clock[-1], min(PARTS, clock.size) + 1)[1:-1]
    parts = np.split(loss, np.searchsorted(clock, boundaries, side="right"))
    exponent = unit_exponent(loss, SUMMED)
    medians = np.array([np.median(in_unit(part, exponent)) for part in parts if part.size])
    if medians.size == 1:
        return out_of_unit(float(medians[0]), exponent)
    at = int(np.abs(np.diff(medians)).argmin())
    return out_of_unit(float(medians[at : at + 2].mean()), exponent)
