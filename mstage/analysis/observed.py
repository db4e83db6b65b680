"""What was measured of the networks of a sweep at their snapshots: any observables of any model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.display import Tabled, extent, lines
from mstage.history import RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, repr=False)
class Observed(Tabled):
    """Observables of runs, over their snapshots.

    Attributes:
        quantities: One variable an observable, or one for each block of weights, as `norm.input_weight`, over the run
            axes and `snapshot`; NaN where a run had ended, has not come yet or has diverged, and where the observable
            is not defined. What it is and its unit are among the attributes.
        remarks: What is to be known of the numbers, a line each: why some are not there, where a kernel was taken.
        unfinished: How many runs have not ended.
        damage: What cannot be read of the sweep, and of which runs, a line each.
    """

    quantities: xr.Dataset
    remarks: tuple[str, ...] = ()
    unfinished: int = 0
    damage: tuple[str, ...] = ()

    def __repr__(self) -> str:
        head = f"Observables over {extent(self.quantities.sizes)}"
        return lines(head, (f"{name}: {one.attrs['long_name']}" for name, one in self.quantities.items()))

    @property
    def meanings(self) -> Mapping[str, str]:
        """What each variable is, with its unit."""
        return {str(name): f"{one.attrs['long_name']} [{one.attrs['units']}]" for name, one in self.quantities.items()}

    @property
    def runs(self) -> int:
        """How many runs there are."""
        sizes = self.quantities.sizes
        return int(np.prod([size for axis, size in sizes.items() if axis != "snapshot"], dtype=int))

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
        return int((self.quantities["status"].values == RunStatus.DIVERGED).sum())

    def to_dataframe(self) -> pd.DataFrame:
        """One row a run and snapshot: where it is, the observables, how the run ended."""
        rows = self.quantities.to_dataframe().reset_index()
        where = [*self.quantities.sizes, *(["snapshot_time"] if "snapshot_time" in rows else [])]
        told = [*where, *self.quantities.data_vars]
        return rows[[*told, *rows.columns.difference(told, sort=False)]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows: list[dict[Any, Any]] = self.to_dataframe().to_dict("records")
        return {"observables": dict(self.meanings), "remarks": list(self.remarks), "snapshots": rows}
