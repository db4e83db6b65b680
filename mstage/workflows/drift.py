"""Measure how far the weights of a sweep move, and how early that announces the escape."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from mstage.analysis.weights.drift import Drift, DriftMethod, measure_weight_drift
from mstage.analysis.weights.early_warning import early_warnings
from mstage.analysis.weights.snapshots import over_widths
from mstage.history import kept_weights
from mstage.store.reader import open_sweep
from mstage.workflows.detect_stages import unfinished
from mstage.workflows.measure import linear_flows, measurements_of, theory_in

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
    weights, damage = kept_weights(tree, source), tuple(tree.attrs.get("damage", ()))
    theory, why = theory_in(tree)
    if theory is None:
        distances = over_widths([measure_weight_drift(*pair, method).distances for pair in weights])
        return Drift(distances, method, (), why, None, unfinished(tree), damage)
    flow_of, measured = linear_flows(theory), measurements_of(tree, theory)
    parts = [measure_weight_drift(*pair, method, flow_of).distances for pair in weights]
    distances = over_widths(parts)
    timed = measured.clock == "time"
    why = "" if timed else NO_LEAD.format(measured.clock)
    warnings = early_warnings(distances, measured) if timed else ()
    return Drift(distances, method, warnings, why, measured, unfinished(tree), damage)
