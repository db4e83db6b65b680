"""Did Weights & Biases export the curves of a chart, the history of one run, or a table of runs?

A chart has a column for its clock and three for each run: `RUN - METRIC`, and the minimum and maximum over what was
averaged. A history is an ordinary table. A table of runs has one row a run and no curves, so it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from mstage.errors import InputError
from mstage.readers.logs.log import Column, Columns, Series
from mstage.readers.logs.names import clock_kind, name_of

EXTREMES = ("__MIN", "__MAX")
BETWEEN = " - "
OF_RUNS = ({"name", "state"}, {"created", "runtime", "user", "tags", "notes", "sweep", "id"})
OF_RUNS_BY_API = {"name", "config", "summary"}


def check_no_table_of_runs(source: str, names: Sequence[str]) -> None:
    """Refuse a table of runs.

    Raises:
        InputError: It is one.
    """
    found = {name.lower() for name in names}
    if (OF_RUNS[0] <= found and OF_RUNS[1] & found) or found >= OF_RUNS_BY_API:
        raise InputError(
            f"{source}: is a table of runs from Weights & Biases, a row a run with its last values; expected curves. "
            f"Export a chart of the loss (its menu, Export CSV), or the history of a run "
            f"(`wandb.Api().run(PATH).history().to_csv(FILE)`)."
        )


def chart_series(table: Columns) -> tuple[Series, ...]:
    """The curves of an exported chart; none if the table is no chart.

    Each belongs to a run, has the chart's own clock beside it, and those that were exported for this run alone.
    """
    columns = {name_of(name): column for name, column in table.by_name.items()}
    if not any(name.endswith(EXTREMES[0]) and BETWEEN in name for name in columns):
        return ()
    shared = {name: column for name, column in columns.items() if BETWEEN not in name}
    by_run: dict[str, dict[str, Column]] = {}
    for name, column in columns.items():
        if BETWEEN in name and not name.endswith(EXTREMES):
            run, _, metric = name.rpartition(BETWEEN)
            by_run.setdefault(run, {})[metric] = column
    return tuple(
        Series(metric, column, shared | own, run)
        for run, own in by_run.items()
        for metric, column in own.items()
        if clock_kind(metric) is None
    )
