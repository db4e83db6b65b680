"""Tables of what was measured at every snapshot: some snapshots of each group of runs, medians over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    """Quantities over time of each alpha and width (and learning rate where there are several).

    Args:
        measured: Over the run axes and `snapshot`.
        heads: The heading of each quantity that is shown, by its name; those that were not measured are left out.
        title: Above the table.
    """
    names = [name for name in heads if name in measured]
    timed = "snapshot_time" in measured.coords
    rates = measured.sizes.get("learning_rate", 1) > 1
    coordinates = ["alpha", "width", *(["learning rate"] if rates else []), "time" if timed else "step"]
    table = Table([*coordinates, *(heads[name] for name in names)], title=title)
    every_width = measured.median("seed", skipna=True, keep_attrs=True)
    if "width" not in every_width.dims:
        every_width = every_width.expand_dims("width")
    for width in every_width.width.values:
        data = every_width.sel(width=width)
        for alpha in data.alpha.values:
            for rate in data.learning_rate.values.tolist() if "learning_rate" in data.dims else [None]:
                one = data.sel({"alpha": alpha} | ({} if rate is None else {"learning_rate": rate}))
                seen = np.flatnonzero(np.any([np.isfinite(one[name].values) for name in names], axis=0))
                chosen = seen[np.linspace(0, seen.size - 1, min(MAX_SNAPSHOTS, seen.size)).round().astype(int)]
                place = [given(float(alpha)), given(int(data.width)), *([given(rate)] if rates else [])]
                for index in chosen:
                    at = one.isel(snapshot=index)
                    when = float(at.snapshot_time) if timed else int(at.snapshot)
                    table.add_row(*place, number(when), *(_cell(float(at[name])) for name in names))
                    place = [""] * len(place)
                table.add_section()
    return table


def _cell(value: float) -> str:
    return number(value) if np.isfinite(value) else "none"
