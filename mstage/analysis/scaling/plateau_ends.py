"""When does the initial plateau of every run end, over width and alpha, and when does theory say so?

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

    from mstage.analysis.stages.results import Stages
    from mstage.analysis.theory.predictions import SweepTheory


@dataclass(frozen=True)
class PlateauEnds:
    """Ends of initial plateaus, one entry a run that has left it; all arrays of shape (runs,).

    Attributes:
        clock: What they are measured in.
        alpha: Initialization scales.
        width: Hidden neurons m.
        learning_rate: Of gradient descent; NaN where runs have none.
        end: The ends.
        low: Lower ends of their 90 % intervals.
        high: Upper ends of them.
        predicted: Theory's T1; NaN where it gives none.
    """

    clock: str
    alpha: Float[np.ndarray, " runs"]
    width: Float[np.ndarray, " runs"]
    learning_rate: Float[np.ndarray, " runs"]
    end: Float[np.ndarray, " runs"]
    low: Float[np.ndarray, " runs"]
    high: Float[np.ndarray, " runs"]
    predicted: Float[np.ndarray, " runs"]

    def against(self, abscissa: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """An abscissa for each entry, from alpha and log m."""
        return abscissa(self.alpha, np.log(self.width))


def plateau_ends(stages: Stages, theory: SweepTheory | None = None) -> PlateauEnds:
    """The ends of the initial plateaus of a history whose runs have `alpha` and `width`.

    Args:
        stages: Of its runs; those that have not left the initial plateau have no entry.
        theory: Of the same sweep; None where it says nothing.
    """
    rows = []
    for one in stages.runs:
        if one.status != "ok" or len(one.stages) < 2 or one.stages[0].name != "initial plateau":
            continue
        plateau, said = one.stages[0], theory.of(one.run) if theory is not None else None
        predicted = said.exit_time.value if said is not None else None
        measured = (plateau.end, plateau.end_low, plateau.end_high)
        rows.append(
            (one.run["alpha"], one.run["width"], one.run.get("learning_rate", np.nan), *measured,
             np.nan if predicted is None else predicted),
        )  # fmt: skip
    columns = np.array(rows, float).reshape(-1, 7).T
    return PlateauEnds(stages.clock, *columns)
