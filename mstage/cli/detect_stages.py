"""`mstage detect-stages`: which plateaus and descents every run of a sweep, or of anybody's log, goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mstage.cli import detect_options as options
from mstage.errors import ExitCode, InputError, UsageError
from mstage.render.formats import Format, csv_text, json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.analysis.stages import Stages
    from mstage.cli.console import Streams
    from mstage.workflows.logs import Reading


def detect_stages(
    context: typer.Context,
    sources: options.Sources,
    loss: options.Loss = None,
    clock: options.ClockName = None,
    list_series: options.ListSeries = False,
    reader: options.Reader = None,
    pattern: options.Pattern = None,
    output_format: options.OutputFormat = "table",
) -> int:
    """Find the plateaus and descents of every run of a sweep, or of anybody's training log.

    Of a sweep, the table shows each group of runs that differ in their seed only: medians, the range, and how many of
    the runs go through these stages. json and csv hold every run by itself. Of logs, it shows every run.
    """
    streams: Streams = context.obj
    chosen = Format.parse(output_format)
    from mstage.readers.selection import Selection
    from mstage.workflows.logs import Reading, is_sweep

    reading = Reading(Selection(tuple(loss or ()), clock), reader, pattern)
    if is_sweep(sources):
        if reading != Reading() or list_series:
            raise UsageError("--loss, --x, --list, --reader and --pattern are for logs; a sweep has one loss")
        return _detect_in_sweep(streams, sources[0], chosen)
    if list_series:
        return _list(streams, sources, reading, chosen)
    return _detect_in_logs(streams, sources, reading, chosen)


def _detect_in_sweep(streams: Streams, store: str, chosen: Format) -> ExitCode:
    from mstage.workflows.detect_stages import detect_stages as find

    stages = find(store)
    print_stages(streams, [store], stages, chosen)
    if chosen is Format.TABLE:
        streams.say(
            f"Medians over seeds; times and rates in units of `{stages.clock}`. Each run: --format json or csv."
        )
    return how_it_ended(streams, stages)


def _detect_in_logs(streams: Streams, sources: Sequence[str], reading: Reading, chosen: Format) -> ExitCode:
    from mstage.cli.log_lines import read_line
    from mstage.workflows.logs import choose_curves, read_logs, stages_of_choices

    choices = choose_curves(read_logs(sources, reading), reading)
    for choice in choices:
        streams.say(read_line(choice))
    stages = stages_of_choices(choices)
    print_stages(streams, sources, stages, chosen)
    if all(not one.stages for one in stages.runs):
        raise InputError(nothing_found(sources, stages))
    return how_it_ended(streams, stages)


def _list(streams: Streams, sources: Sequence[str], reading: Reading, chosen: Format) -> ExitCode:
    """Print what logs hold."""
    from mstage.workflows.logs import list_series, read_logs

    series = list_series(read_logs(sources, reading), reading)
    if chosen is Format.JSON:
        streams.write(json_text(", ".join(sources), {"series": series.to_dict("records")}))
    elif chosen is Format.CSV:
        streams.write(csv_text(series))
    else:
        from mstage.render.log_tables import series_table

        streams.show(series_table(series))
    return ExitCode.DONE


def print_stages(streams: Streams, sources: Sequence[str], stages: Stages, chosen: Format) -> None:
    """Print stages on stdout."""
    if chosen is Format.JSON:
        streams.write(json_text(", ".join(sources), stages.to_dict()))
    elif chosen is Format.CSV:
        streams.write(csv_text(stages.to_dataframe()))
    else:
        from mstage.analysis.groups import StageGroups
        from mstage.render.tables import stage_table

        streams.show(stage_table(StageGroups.of(stages)))


def how_it_ended(streams: Streams, stages: Stages) -> ExitCode:
    """The exit code, after saying which runs have diverged."""
    diverged = sum(one.status == "diverged" for one in stages.runs)
    if diverged:
        streams.say(f"{diverged} of {len(stages.runs)} runs diverged.")
    return ExitCode.DIVERGED if diverged else ExitCode.DONE


def nothing_found(sources: Sequence[str], stages: Stages) -> str:
    """One line for logs in which no run has a stage."""
    statuses = ", ".join(dict.fromkeys(str(one.status) for one in stages.runs))
    return (
        f"{', '.join(sources)}: no stages were found ({statuses}); expected at least 8 different finite records of a "
        f"run. Look at what there is with --list."
    )
