"""Tables of what was measured at every snapshot: some snapshots of each group of runs, medians over seeds."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.samples import Spread
from mstage.history import shown_axes
from mstage.render.numbers import given, number, spread_range
from mstage.render.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from mstage.analysis.observed import Observed
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
MAX_RANGES = 3  # quantities of a table that have their range over seeds beside them
MAX_SNAPSHOTS = 9  # of a group that a table shows; csv has them all


def condensation_table(measured: Condensation) -> Table:
    """How the neurons line up over time."""
    title = "Condensation (medians over seeds)"
    return snapshot_table(measured.quantities, CONDENSATION_HEADS, title=title)


def observable_table(observed: Observed) -> Table:
    """Observables over time, with their range over seeds where there are few of them."""
    names = [str(name) for name in observed.quantities.data_vars]
    table = snapshot_table(
        observed.quantities, {name: name.replace(".", "\n") for name in names},
        title="Observables (medians over seeds)", ranges=len(names) <= MAX_RANGES,
    )  # fmt: skip
    told = dict.fromkeys(one.attrs["comment"] for one in observed.quantities.data_vars.values())
    table.notes = [*told, *observed.remarks]
    return table


def catalogue_table(observables: Iterable[tuple[str, str, str]]) -> Table:
    """The observables that there are: name, what each is, its unit."""
    columns = ["observable", "what it is", "unit or scale"]
    table = Table(columns, left=columns)
    for one in observables:
        table.add_row(*one)
    return table


def snapshot_table(measured: xr.Dataset, heads: Mapping[str, str], *, title: str, ranges: bool = False) -> Table:
    """Quantities over time of each combination of the run axes but the seed.

    Args:
        measured: Over the run axes and `snapshot`.
        heads: The heading of each quantity that is shown, by its name; those that were not measured are left out.
        title: Above the table.
        ranges: Whether their range over seeds stands beside them, where there are several.
    """
    measured = measured if "seed" in measured.dims else measured.expand_dims("seed")
    ranges = ranges and measured.sizes["seed"] > 1
    names = [name for name in heads if name in measured]
    timed = "snapshot_time" in measured.coords
    medians = measured.median("seed", skipna=True, keep_attrs=True)
    if "width" not in medians.dims:
        medians = medians.expand_dims("width")
    axes = sorted((str(axis) for axis in medians.sizes if axis != "snapshot"), key=lambda axis: axis != "width")
    places = [dict(zip(axes, values, strict=True)) for values in product(*(medians[axis].values for axis in axes))]
    shown = shown_axes(places)
    coordinates = [*(axis.replace("_", " ") for axis in shown), "time" if timed else "step"]
    columns = [column for name in names for column in (heads[name], *(["range\nover seeds"] if ranges else []))]
    table = Table([*coordinates, *columns], title=title)
    for where in places:
        one = medians.sel(where)
        runs = measured.sel({axis: value for axis, value in where.items() if axis in measured.dims})
        seen = np.flatnonzero(np.any([np.isfinite(one[name].values) for name in names], axis=0))
        chosen = seen[np.linspace(0, seen.size - 1, min(MAX_SNAPSHOTS, seen.size)).round().astype(int)]
        place = [given(where[axis].item()) for axis in shown]
        for index in chosen:
            at = one.isel(snapshot=index)
            when = float(at.snapshot_time) if timed else int(at.snapshot)
            cells = []
            for name in names:
                cells.append(_cell(float(at[name])))
                if ranges:
                    cells.append(spread_range(Spread.of(runs[name].isel(snapshot=index).values.tolist())))
            table.add_row_of(place, number(when), *cells)
    return table


def _cell(value: float) -> str:
    return number(value) if np.isfinite(value) else "none"
