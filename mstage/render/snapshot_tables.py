"""Tables of what was measured at every snapshot: some snapshots of each group of runs, medians over seeds."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from mstage.history import shown_axes
from mstage.render.numbers import given, number
from mstage.render.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from mstage.analysis.weights.condensation import Condensation

CONDENSATION_HEADS = {
    "alignment": "along z",
    "weighted_cosine_z": "cos to z",
    "weighted_cosine_fit": "cos to A",
    "participation": "participating",
    "largest_share": "largest",
    "orientations": "orientations",
    "rank_correlation": "rank from step 0",
}
MAX_SNAPSHOTS = 9  # of a group that a table shows; csv has them all


def condensation_table(measured: Condensation) -> Table:
    """How the neurons line up over time."""
    title = "Condensation (medians over seeds)"
    return snapshot_table(measured.quantities, CONDENSATION_HEADS, title=title)


def snapshot_table(measured: xr.Dataset, heads: Mapping[str, str], *, title: str) -> Table:
    """Quantities over time of each combination of the run axes but the seed.

    Args:
        measured: Over the run axes and `snapshot`.
        heads: The heading of each quantity that is shown, by its name; those that were not measured are left out.
        title: Above the table.
    """
    names = [name for name in heads if name in measured]
    timed = "snapshot_time" in measured.coords
    medians = measured.median("seed", skipna=True, keep_attrs=True)
    if "width" not in medians.dims:
        medians = medians.expand_dims("width")
    axes = sorted((str(axis) for axis in medians.sizes if axis != "snapshot"), key=lambda axis: axis != "width")
    places = [dict(zip(axes, values, strict=True)) for values in product(*(medians[axis].values for axis in axes))]
    shown = shown_axes(places)
    coordinates = [*(axis.replace("_", " ") for axis in shown), "time" if timed else "step"]
    table = Table([*coordinates, *(heads[name] for name in names)], title=title)
    for where in places:
        one = medians.sel(where)
        seen = np.flatnonzero(np.any([np.isfinite(one[name].values) for name in names], axis=0))
        chosen = seen[np.linspace(0, seen.size - 1, min(MAX_SNAPSHOTS, seen.size)).round().astype(int)]
        place = [given(where[axis].item()) for axis in shown]
        for index in chosen:
            at = one.isel(snapshot=index)
            when = float(at.snapshot_time) if timed else int(at.snapshot)
            table.add_row_of(place, number(when), *(_cell(float(at[name])) for name in names))
    return table


def _cell(value: float) -> str:
    return number(value) if np.isfinite(value) else "none"
