"""Measure how the neurons of a sweep line up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.weights.condensation import Condensation, CondensationMethod, measure_condensation
from mstage.store.reader import open_sweep
from mstage.workflows.weights import weight_histories

if TYPE_CHECKING:
    from collections.abc import Hashable
NO_DIRECTION = "the targets have no linear trend (v = 0): no z and no A to line up with"


@dataclass(frozen=True)
class SweepCondensation:
    """The condensation of a sweep.

    Attributes:
        widths: One entry a width.
        method: How it was measured.
        missing: Why there are no numbers of some kind, in words; empty where there are.
    """

    widths: tuple[Condensation, ...]
    method: CondensationMethod
    missing: str = ""

    def to_dataframe(self) -> pd.DataFrame:
        """One row a run and snapshot, all widths."""
        return pd.concat([one.to_dataframe() for one in self.widths], ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows: list[dict[Hashable, Any]] = self.to_dataframe().to_dict("records")
        return {"angle_cosine": self.method.angle_cosine, "missing": self.missing, "snapshots": rows}


def condensation(source: str | Path | xr.DataTree, method: CondensationMethod | None = None) -> SweepCondensation:
    """Measure the condensation of every run of a sweep.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        method: What counts as one orientation.

    Raises:
        InputError: There is no sweep there, or it kept no weights.
    """
    method = method or CondensationMethod()
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source)
    constants = problem_constants(tree.dataset["input"].values, tree.dataset["target"].values)
    widths = tuple(measure_condensation(*weights, constants, method) for weights in weight_histories(tree, source))
    return SweepCondensation(widths, method, NO_DIRECTION if constants.is_unrelated else "")
