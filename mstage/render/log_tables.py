"""The table of the series that logs hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.render.numbers import number, on_clock
from mstage.render.table import Table

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 200  # that a table shows; json and csv have them all
TAKEN = "*"  # stands before the series that would be looked at


def series_table(series: pd.DataFrame) -> Table:
    """What logs hold, a row a series of a run.

    Args:
        series: As `mstage.workflows.logs.list_of_series` returns it.
    """
    heads = [name for name in ("log", "run") if series[name].nunique() > 1]
    names = [*heads, "", "series", "points", "not finite", "clock", "from", "to", "first", "last"]
    table = Table(names, left=[*heads, "", "series", "clock"])
    before = [""] * len(heads)
    for row in series.head(MAX_ROWS).to_dict("records"):
        place = [str(row[name]) for name in heads]
        whole = "step" if float(row["end"]).is_integer() else ""
        table.add_row(
            *("" if one == old else one for one, old in zip(place, before, strict=True)),
            TAKEN if row["taken"] else "", str(row["series"]), f"{row['points']:,}",
            f"{row['not_finite']:,}" if row["not_finite"] else "", str(row["clock"]), on_clock(row["start"], whole),
            on_clock(row["end"], whole), number(row["first"]), number(row["last"]),
        )  # fmt: skip
        before = place
    if len(series) > MAX_ROWS:
        table.add_row(*[""] * len(heads), "", f"and {len(series) - MAX_ROWS:,} more")
    return table
