"""What `mstage train --dry-run` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.render.formats import Format, csv_text, json_text
from mstage.render.table import Table

if TYPE_CHECKING:
    from mstage.cli.console import Streams
    from mstage.spec import Sweep
    from mstage.workflows.estimate import Estimate, ProgramEstimate


def print_estimate(streams: Streams, sweep: Sweep, source: str, chosen: Format) -> None:
    """Estimate what a sweep takes, and print it.

    Raises:
        UsageError: The sweep cannot be trained.
        InputError: Its table cannot be read.
    """
    from mstage.workflows.estimate import estimate

    found = estimate(sweep)
    if chosen is Format.JSON:
        streams.write(json_text(source, {"sweep": sweep.to_dict()} | found.to_dict()))
    elif chosen is Format.CSV:
        streams.write(csv_text(found.to_dataframe()))
    else:
        streams.show(estimate_table(found), chosen)
        streams.say("Nothing was trained and nothing written. Widths are trained one after the other.")


def estimate_table(found: Estimate) -> Table:
    """A row for each program, and one for all of them where there are several."""
    from mstage.render.numbers import duration, size

    axes = list(found.programs[0].program)
    table = Table([*(axis.replace("_", " ") for axis in axes), "runs", "steps", "memory", "disk", "time"])

    def add(names: list[str], steps: str, of: ProgramEstimate | Estimate) -> None:
        table.add_row(*names, f"{of.runs:,}", steps, size(of.memory_bytes), size(of.disk_bytes), duration(of.seconds))

    for one in found.programs:
        add([f"{value:.10g}" for value in one.program.values()], f"{one.steps:,}", one)
    if len(found.programs) > 1:
        table.add_section()
        add(["all", *[""] * (len(axes) - 1)], "", found)
    return table
