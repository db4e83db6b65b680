"""Tables of drift: the distances at some snapshots of each group of runs, and the early warning that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.history import shown_axes
from mstage.render.numbers import given, interval, middle, spread_range
from mstage.render.snapshot_tables import snapshot_table
from mstage.render.table import Table
from mstage.render.theory_tables import Notes, not_by

if TYPE_CHECKING:
    from mstage.analysis.weights.drift import Drift
    from mstage.analysis.weights.early_warning import EarlyWarning

HEADS = {
    "mean_amplitude": "amplitude",
    "output_input": "|a| to |w|",
    "from_first": "from first",
    "from_previous": "from previous",
    "chi_squared": "to chi^2",
    "joint": "joint",
}


def drift_table(drift: Drift) -> Table:
    """Distances over time."""
    title = f"Wasserstein distances W{drift.method.order} of the weights (medians over seeds)"
    return snapshot_table(drift.distances, HEADS, title=title)


def warning_table(warnings: tuple[EarlyWarning, ...]) -> Table:
    """When the amplitudes announce the escape, when it comes, and the lead of one over the other."""
    names = shown_axes([one.run for one in warnings])
    heads = [name.replace("_", " ") for name in names]
    title = "Early warning: the distance to chi^2 has doubled on the secondary plateau"
    bounded = any(one.lead_interval for one in warnings)
    names_of_lead = ["lead", *(["90 % of lead"] if bounded else []), "range of lead"]
    notes = Notes()
    noted = any(one.missing or one.why for one in warnings)
    columns = [*heads, "escaped", "warning", "escape", *names_of_lead, *(["note"] if noted else [])]
    table = Table(columns, title=title)
    for one in warnings:
        warning, lead = (middle(spread) or "none" for spread in (one.warning, one.lead))
        spreads = [warning, middle(one.escape) or not_by(one.missing), lead]
        place = [given(one.run[name]) for name in names]
        bounds = [interval(one.lead_interval)] if bounded else []
        mark = notes.mark(one.missing.why if one.missing else "") + notes.mark(one.why)
        cells = [*spreads, *bounds, spread_range(one.lead), *([mark] if noted else [])]
        table.add_row(*place, f"{one.escaped}/{one.runs}", *cells)
    table.notes = notes.lines() if noted else None
    return table
