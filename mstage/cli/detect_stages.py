"""`mstage detect-stages`: which plateaus and descents every run of a sweep goes through."""

from __future__ import annotations

from typing import Annotated

import typer

from mstage.errors import ExitCode
from mstage.render.formats import Format, csv_text, json_text


def detect_stages(
    context: typer.Context,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder that `mstage train` has written.")],
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv", help="How to print the stages.", show_default=True)
    ] = "table",
) -> int:
    """Find the plateaus and descents of every run of a sweep.

    The table shows each group of runs that differ in their seed only: medians, the range, and how many of the runs go
    through these stages. json and csv hold every run by itself.
    """
    chosen = Format.parse(output_format)
    from mstage.workflows.detect_stages import detect_stages as find

    stages = find(store)
    streams = context.obj
    if chosen is Format.JSON:
        streams.write(json_text(store, stages.to_dict()))
    elif chosen is Format.CSV:
        streams.write(csv_text(stages.to_dataframe()))
    else:
        from mstage.analysis.groups import StageGroups
        from mstage.render.tables import stage_table

        streams.show(stage_table(StageGroups.of(stages)))
        streams.say(
            f"Medians over seeds; times and rates in units of `{stages.clock}`. Each run: --format json or csv."
        )
    diverged = sum(one.status == "diverged" for one in stages.runs)
    if diverged:
        streams.say(f"{diverged} of {len(stages.runs)} runs diverged.")
    return ExitCode.DIVERGED if diverged else ExitCode.DONE
