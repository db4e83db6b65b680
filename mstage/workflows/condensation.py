"""Measure how the neurons of a sweep line up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import xarray as xr

from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.weights.condensation import Condensation, CondensationMethod, measure_weight_condensation
from mstage.analysis.weights.snapshots import over_widths
from mstage.history import kept_weights
from mstage.store.reader import open_sweep


def measure_condensation(source: str | Path | xr.DataTree, method: CondensationMethod | None = None) -> Condensation:
    """Measure the condensation of every run of a sweep.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        method: What counts as one orientation.

    Raises:
        InputError: There is no sweep there, or it kept no weights.
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    constants = problem_constants(tree.dataset["input"].values, tree.dataset["target"].values)
    widths = [measure_weight_condensation(*pair, constants, method) for pair in kept_weights(tree, source)]
    quantities = over_widths([one.quantities for one in widths])
    return replace(widths[0], quantities=quantities, damage=tuple(tree.attrs.get("damage", ())))
