"""When does every run leave its initial plateau, over width and alpha, and when does theory say so?

The exit time grows as (2 alpha - 1) log m / (2 lambda), so that against alpha log m each alpha has a line of its own,
and against (2 alpha - 1) log m all runs of a problem fall on one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from mstage.analysis.measured.sweep import SweepMeasurements
    from mstage.analysis.theory.predictions import SweepTheory


@dataclass(frozen=True)
class PlateauEnds:
    """Exit times T1 by definition, one entry a run that has left its initial plateau; all arrays of shape (runs,).

    Attributes:
        clock: What they are measured in.
        alpha: Initialization scales.
        width: Hidden neurons m.
        learning_rate: Of gradient descent; NaN where runs have none.
        end: T1.
        predicted: Theory's T1; NaN where it gives none.
        staying: How many runs have no entry.
    """

    clock: str
    alpha: Float[np.ndarray, " runs"]
    width: Float[np.ndarray, " runs"]
    learning_rate: Float[np.ndarray, " runs"]
    end: Float[np.ndarray, " runs"]
    predicted: Float[np.ndarray, " runs"]
    staying: int

    def against(self, abscissa: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """An abscissa for each entry, from alpha and log m."""
        return abscissa(self.alpha, np.log(self.width))


def plateau_ends(measured: SweepMeasurements, theory: SweepTheory | None = None) -> PlateauEnds:
    """The exit times of a sweep whose runs have `alpha` and `width`.

    Args:
        measured: Of its runs; those that have not left the initial plateau have no entry.
        theory: Of the same sweep; None where it says nothing.
    """
    rows = []
    for one in measured.runs:
        end, said = one.value("exit time"), theory.of(one.run) if theory is not None else None
        predicted = said.exit_time.value if said is not None else None
        if end is not None:
            place = (one.run["alpha"], one.run["width"], one.run.get("learning_rate", np.nan))
            rows.append((*place, end, np.nan if predicted is None else predicted))
    alpha, width, rate, ends, known = np.array(rows, float).reshape(-1, 5).T
    return PlateauEnds(measured.clock, alpha, width, rate, ends, known, len(measured.runs) - len(rows))
