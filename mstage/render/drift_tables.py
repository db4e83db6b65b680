"""Tables of drift: the distances at some snapshots of each group of runs, and the early warning that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.drift import DISTANCES
from mstage.render.numbers import given, middle, number, spread_range
from mstage.render.tables import plain_table

if TYPE_CHECKING:
    from rich.table import Table

    from mstage.analysis.drift import Drift
    from mstage.analysis.early_warning import EarlyWarning

MOST_SNAPSHOTS = 9  # of a group that a table shows; csv has them all
HEADS = {
    "output_input": "|a| to |w|",
    "from_first": "from first",
    "from_previous": "from previous",
    "chi_squared": "to chi^2",
    "joint": "joint",
}


def drift_table(drifts: tuple[Drift, ...]) -> Table:
    """Distances over time, medians over seeds, of each alpha and width (and learning rate where there are several)."""
    first = drifts[0].distances
    names = [name for name in DISTANCES if name in first]
    timed = "snapshot_time" in first.coords
    rates = first.sizes["learning_rate"] > 1
    heads = ["alpha", "width", *(["learning rate"] if rates else []), "time" if timed else "step"]
    title = f"Wasserstein distances W{drifts[0].method.order} of the weights (medians over seeds)"
    table = plain_table([*heads, "amplitude", *(HEADS[name] for name in names)], title=title)
    for drift in drifts:
        data = drift.distances.median("seed", skipna=True, keep_attrs=True)
        for alpha in data.alpha.values:
            for rate in data.learning_rate.values:
                one = data.sel(alpha=alpha, learning_rate=rate)
                seen = np.flatnonzero(np.isfinite(one.mean_amplitude.values))
                chosen = seen[np.linspace(0, seen.size - 1, min(MOST_SNAPSHOTS, seen.size)).round().astype(int)]
                place = [given(float(alpha)), given(int(data.width)), *([given(float(rate))] if rates else [])]
                for index in chosen:
                    at = one.isel(snapshot=index)
                    when = float(at.snapshot_time) if timed else int(at.snapshot)
                    values = [number(float(at[name])) for name in ("mean_amplitude", *names)]
                    table.add_row(*place, number(when), *values)
                    place = [""] * len(place)
                table.add_section()
    return table


def warning_table(warnings: tuple[EarlyWarning, ...]) -> Table:
    """When the amplitudes announce the escape, when it comes, and the lead of one over the other."""
    rates = len({one.run.get("learning_rate") for one in warnings}) > 1
    names = ["alpha", "width", *(["learning_rate"] if rates else [])]
    heads = [name.replace("_", " ") for name in names]
    title = "Early warning: the distance to chi^2 has doubled on the secondary plateau"
    table = plain_table([*heads, "escaped", "warning", "escape", "lead", "range of lead"], title=title)
    for one in warnings:
        spreads = [middle(spread) or "none" for spread in (one.warning, one.escape, one.lead)]
        place = [given(one.run[name]) for name in names]
        table.add_row(*place, f"{one.runs[0]}/{one.runs[1]}", *spreads, spread_range(one.lead))
    return table
