"""Tables of drift: the distances at some snapshots of each group of runs, and the early warning that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mstage.analysis.measured.quantity import OverRuns
from mstage.analysis.samples import Spread
from mstage.history import shown_axes
from mstage.render.numbers import given, interval, middle, number, spread_range
from mstage.render.snapshot_tables import snapshot_table
from mstage.render.table import Table
from mstage.render.theory_tables import Notes, absences, not_by, share

if TYPE_CHECKING:
    from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
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

TURNING = ("exit time", "minimum of the V", "W2 over its closed form")
CLOSED_FORM = (
    "W2 over closed form: over that of the linear flow from the same weights, where farthest from 1 up to 0.9 T1"
)


def drift_table(drift: Drift) -> Table:
    """Distances over time."""
    title = f"Wasserstein distances W{drift.method.order} of the weights (medians over seeds)"
    table = snapshot_table(drift.distances, HEADS, title=title)
    chance = drift.distances["chi_squared_chance"]
    widths = chance["width"].values.tolist() if "width" in chance.dims else []
    by_width = [f"{number(float(chance.sel(width=width).max()), 3)} at width {width}" for width in widths]
    if by_width:
        table.notes = [f"to chi^2: as many draws from chi^2 itself are expected at {', '.join(by_width)}"]
    return table


def turning_table(measured: SweepMeasurements) -> Table:
    """Where the V of W2(|a|, |w|) turns, beside the exit time, and how near it is to its closed form."""
    names = shown_axes([one.run for one in measured.runs])
    groups: dict[tuple[Any, ...], list[MeasuredRun]] = {}
    for one in measured.runs:
        groups.setdefault(tuple(one.run.get(name, "") for name in names), []).append(one)
    heads = [name.replace("_", "\n") for name in names]
    columns = ["runs", "exit T1", "minimum", "over T1", "range\nover seeds", "W2 over\nclosed form", "note"]
    table = Table([*heads, *columns], title=f"Minimum of the V: W2 between |a| and |w|, in units of {measured.clock}")
    notes = Notes()
    for place, runs in groups.items():
        exits, minima, ratios = (OverRuns.of([one.quantities[name] for one in runs]) for name in TURNING)
        pairs = [(one.value("minimum of the V"), one.value("exit time")) for one in runs]
        over = Spread.of(minimum / exit_time for minimum, exit_time in pairs if minimum and exit_time)
        marks = "".join(notes.mark(line) for found in (exits, minima, ratios) for line in absences(found))
        cells = [middle(exits.spread) or not_by(exits), middle(minima.spread) or not_by(minima), middle(over, 3)]
        table.add_row(*map(given, place), share(minima), *cells, spread_range(over, 3), middle(ratios.spread), marks)
    table.notes = notes.lines([CLOSED_FORM])
    return table


def warning_table(warnings: tuple[EarlyWarning, ...]) -> Table:
    """When the amplitudes announce the escape, when it comes, and the lead of one over the other."""
    names = shown_axes([one.run for one in warnings])
    heads = [name.replace("_", "\n") for name in names]
    bounded = any(one.lead_interval for one in warnings)
    of_lead = ["lead", *(["90 % interval\nof the median"] if bounded else []), "range of lead\nover seeds"]
    columns = [*heads, "escaped", "warning", "escape T2", *of_lead, "note"]
    table = Table(columns, title="Early warning: the distance to chi^2 has doubled")
    notes = Notes()
    for one in warnings:
        cells = [middle(one.warning.spread) or "none", middle(one.escape.spread) or not_by(one.escape)]
        cells += [middle(one.lead.spread) or "none", *([interval(one.lead_interval)] if bounded else [])]
        marks = "".join(notes.mark(line) for found in (one.escape, one.lead) for line in absences(found))
        place = [given(one.run[name]) for name in names]
        table.add_row(*place, share(one.escape), *cells, spread_range(one.lead.spread), marks)
    table.notes = notes.lines()
    return table
