"""Measure how far the weights of a sweep move, and how early that announces the escape."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from mstage.analysis.weights.drift import Drift, DriftMethod, measure_weight_drift
from mstage.analysis.weights.early_warning import early_warnings
from mstage.analysis.weights.snapshots import over_widths
from mstage.history import kept_weights
from mstage.store.reader import open_sweep
from mstage.workflows.detect_stages import detect_stages, unfinished

NO_LEAD = "the clock is {}, and a lead is of gradient-flow time, which only flow and plain sgd have"


def measure_drift(source: str | Path | xr.DataTree, method: DriftMethod | None = None) -> Drift:
    """Measure the Wasserstein drift of every run of a sweep, and the early warning that it gives.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        method: Order of the distance, and whether the joint distribution is measured.

    Raises:
        InputError: There is no sweep there, or it kept no weights.
    """
    method = method or DriftMethod()
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    distances = over_widths([measure_weight_drift(*pair, method).distances for pair in kept_weights(tree, source)])
    stages = detect_stages(tree)
    warnings = early_warnings(distances, stages) if stages.clock == "time" else ()
    why = "" if stages.clock == "time" else NO_LEAD.format(stages.clock)
    return Drift(distances, method, warnings, why, unfinished(tree), tuple(tree.attrs.get("damage", ())))
