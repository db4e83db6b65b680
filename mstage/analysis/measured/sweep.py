"""What do the runs of a sweep show by definition?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.display import lines, place
from mstage.analysis.measured.losses import along_z, measure_losses
from mstage.analysis.measured.quantity import Measured
from mstage.analysis.measured.snapshots import AT_EXIT, measure_weights
from mstage.analysis.theory.predictions import EXIT_SHARE
from mstage.history import clock_name, curves, snapshot_clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

    from mstage.analysis.theory.constants import ProblemConstants
    from mstage.history import Curve


@dataclass(frozen=True)
class MeasuredRun:
    """What one run shows.

    Attributes:
        run: Its coordinates.
        quantities: By the names of theory's predictions; those of weights only where the sweep kept some.
    """

    run: Mapping[str, float | int | str]
    quantities: Mapping[str, Measured]

    def value(self, name: str) -> float | None:
        """A quantity; None where the run has none."""
        found = self.quantities.get(name)
        return found.value if found is not None else None


@dataclass(frozen=True, repr=False)
class SweepMeasurements:
    """What the runs of a sweep show.

    Attributes:
        clock: What times are measured in.
        runs: In the order of its curves.
    """

    clock: str
    runs: tuple[MeasuredRun, ...]

    def __repr__(self) -> str:
        told = (
            f"{place(one.run)}: " + ", ".join(f"{name} {q.value:.4g}" for name, q in one.quantities.items() if q.value)
            for one in self.runs
        )
        return lines(f"Measured by definition over {self.clock}", told)

    @cached_property
    def _by_run(self) -> Mapping[tuple[Any, ...], MeasuredRun]:
        return {_key(one.run): one for one in self.runs}

    def of(self, run: Mapping[str, Any]) -> MeasuredRun | None:
        """The entry of a run; None where it has no losses."""
        return self._by_run.get(_key(run))

    def to_dataframe(self) -> pd.DataFrame:
        """One row a run and quantity: its coordinates, `quantity`, `value`, `why`, `not_by`."""
        import pandas as pd

        rows: list[dict[str, Any]] = [
            dict(one.run) | {"quantity": name, "value": q.value, "why": q.why, "not_by": q.not_by}
            for one in self.runs
            for name, q in one.quantities.items()
        ]
        return pd.DataFrame(rows)


def measure_sweep(
    loss: xr.DataArray, constants: ProblemConstants, weights: xr.Dataset | None = None
) -> SweepMeasurements:
    """Measure the runs of a sweep.

    Args:
        loss: The loss history, from the first step on.
        constants: Of its training set.
        weights: What `measure_initial_plateau` finds of the runs that kept weights; None where none has.

    Example:
        >>> measure_sweep(tree.loss, problem_constants(inputs, targets)).runs[0].value("escape time")
        442.6...
    """
    clock = clock_name(loss)
    return SweepMeasurements(
        clock, tuple(MeasuredRun(curve.run, _quantities(curve, constants, weights, clock)) for curve in curves(loss))
    )


def _quantities(
    curve: Curve, constants: ProblemConstants, weights: xr.Dataset | None, clock: str
) -> dict[str, Measured]:
    """All of one run."""
    with np.errstate(over="ignore", invalid="ignore"):  # of losses near the end of float64, as before a divergence
        found = measure_losses(curve, constants)
    if weights is None:
        return found
    if curve.run["width"] not in weights["width"]:
        return found | dict.fromkeys(("minimum of the V", *AT_EXIT), Measured.none("no weights were kept"))
    one = weights.sel({name: value for name, value in curve.run.items() if name in weights.dims})
    ticks = snapshot_clock(one, clock)
    if constants.is_unrelated or not curve.loss.size:
        along, exit_along = np.zeros(ticks.size), 0.0
    else:
        exit_loss = constants.loss_zero - EXIT_SHARE * (constants.loss_zero - constants.loss_linear)
        with np.errstate(over="ignore", invalid="ignore"):  # as above
            along = along_z(np.interp(ticks, curve.clock, curve.loss), constants)
        exit_along = float(along_z(np.array(exit_loss), constants))
    return found | measure_weights(ticks, one, found["exit time"], found["escape time"], along, exit_along)


def _key(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(run.items()))
