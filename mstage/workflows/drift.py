"""Measure how far the weights of a sweep move, and how early that announces the escape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from mstage.analysis.weights.drift import Drift, DriftMethod, measure_drift
from mstage.analysis.weights.early_warning import EarlyWarning, early_warnings
from mstage.store.reader import open_sweep
from mstage.workflows.detect_stages import detect_stages, unfinished
from mstage.workflows.weights import weight_histories


@dataclass(frozen=True)
class SweepDrift:
    """The drift of a sweep.

    Attributes:
        clock: `time` where it is defined, else `step`.
        drifts: One entry a width.
        warnings: By alpha, width and learning rate; none where there is no gradient-flow time.
        method: How it was measured.
        unfinished: How many runs have not ended.
        no_warnings: Why there are no warnings; empty where there are.
    """

    clock: str
    drifts: tuple[Drift, ...]
    warnings: tuple[EarlyWarning, ...]
    method: DriftMethod
    unfinished: int
    no_warnings: str = ""

    def to_dataframe(self) -> pd.DataFrame:
        """One row a run and snapshot, all widths."""
        return pd.concat([drift.to_dataframe() for drift in self.drifts], ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows: list[dict[str, Any]] = [
            {str(name): value for name, value in row.items()} for row in self.to_dataframe().to_dict("records")
        ]
        warnings = [one.to_dict() for one in self.warnings]
        head = {"clock": self.clock, "order": self.method.order, "warnings": warnings}
        return head | ({"no_warnings": self.no_warnings} if self.no_warnings else {}) | {"snapshots": rows}


def drift(source: str | Path | xr.DataTree, method: DriftMethod | None = None) -> SweepDrift:
    """Measure the Wasserstein drift of every run of a sweep, and the early warning that it gives.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        method: Order of the distance, and whether the joint law is measured.

    Raises:
        InputError: There is no sweep there, or it kept no weights.
    """
    method = method or DriftMethod()
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source)
    drifts = tuple(measure_drift(*weights, method) for weights in weight_histories(tree, source))
    stages = detect_stages(tree)
    if stages.clock != "time":
        why = f"the clock is {stages.clock}, and a lead is of gradient-flow time, which only flow and plain sgd have"
        return SweepDrift(stages.clock, drifts, (), method, unfinished(tree), why)
    return SweepDrift(stages.clock, drifts, early_warnings(drifts, stages), method, unfinished(tree))
