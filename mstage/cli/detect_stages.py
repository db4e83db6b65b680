"""`mstage detect-stages`: which plateaus and descents every run of a sweep, or of anybody's log, goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mstage.cli import detect_options as options
from mstage.cli.scale_line import say_scale
from mstage.cli.unfinished import say_damage, say_unfinished
from mstage.errors import ExitCode, InputError, UsageError
from mstage.render.formats import Format, csv_text, json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mstage.analysis.stages.results import StageMethod, Stages
    from mstage.cli.console import Streams
    from mstage.workflows.logs import LogOptions


def detect_stages(
    context: typer.Context,
    sources: options.Sources,
    loss: options.Loss = None,
    clock: options.ClockName = None,
    list_series: options.ListSeries = False,
    reader: options.Reader = None,
    pattern: options.Pattern = None,
    goal: options.Goal = None,
    clock_scale: options.ClockScale = "log",
    steepness: options.Steepness = 0.3,
    least_drop: options.LeastDrop = 0.05,
    follow: options.Follow = False,
    until: options.Until = None,
    fail_on: options.FailOn = None,
    output_format: options.OutputFormat = "table",
) -> int:
    """Find the plateaus and descents of every run of a sweep, or of anybody's training log.

    Of a sweep, the table shows each group of runs that differ in their seed only: medians, the range, and how many of
    the runs go through these stages. json and csv hold every run by itself. Of logs, it shows every run.
    """
    streams: Streams = context.obj
    chosen = Format.parse(output_format)
    if until is not None and not follow:
        raise UsageError("--until is for --follow: it says at which stage to stop looking")
    if list_series and (follow or fail_on is not None):
        raise UsageError("--list finds no stages; leave --follow and --fail-on out")
    from mstage.readers.logs.selection import Selection
    from mstage.workflows.conditions import conditions_of, stage_of
    from mstage.workflows.logs import LogOptions, is_sweep, list_of_series, read_logs

    method = options.stage_method(clock_scale, steepness, least_drop, goal)
    conditions = conditions_of(fail_on) if fail_on is not None else ()
    stage = stage_of(until) if until is not None else None
    log_options = LogOptions(Selection(tuple(loss or ()), clock), reader, pattern)
    if is_sweep(sources):
        if log_options != LogOptions() or list_series or follow:
            raise UsageError("--loss, --x, --list, --reader, --pattern and --follow are for logs, not for a sweep")
        return _detect_in_sweep(streams, sources[0], method, chosen, conditions)
    if list_series:
        _print_series(streams, sources, list_of_series(read_logs(sources, log_options), log_options), chosen)
        return ExitCode.DONE
    if not follow:
        return _detect_in_logs(streams, sources, log_options, method, chosen, conditions)
    from mstage.cli.following import Watch, follow_logs

    watch = Watch(streams, chosen, lambda stages: _print_stages(streams, sources, stages, chosen))
    stages, entered = follow_logs(watch, sources, log_options, method, stage, conditions)
    if entered:
        return ExitCode.DONE
    code = _how_it_ended(streams, stages, conditions)
    if stage is None or code is ExitCode.CONDITION:
        return code
    streams.say(f"--until: the log has ended, and no run has entered its {stage}.")
    return ExitCode.CONDITION


def _detect_in_sweep(
    streams: Streams, store: str, method: StageMethod, chosen: Format, conditions: tuple[str, ...]
) -> ExitCode:
    from mstage.store.reader import open_sweep
    from mstage.workflows.detect_stages import detect_stages as find
    from mstage.workflows.detect_stages import unfinished

    tree = open_sweep(store)
    stages = find(tree, method)
    _print_stages(streams, [store], stages, chosen)
    if chosen is Format.TABLE:
        streams.say(
            f"Medians over seeds; times and rates in units of `{stages.clock}`, t^-2 is a power law. "
            "Each run: --format json or csv."
        )
    say_scale(streams, stages)
    say_unfinished(streams, unfinished(tree), store)
    hurt = say_damage(streams, tree.attrs.get("damage", ()), store)
    return _how_it_ended(streams, stages, conditions) if hurt is ExitCode.DONE else hurt


def _detect_in_logs(
    streams: Streams,
    sources: Sequence[str],
    options: LogOptions,
    method: StageMethod,
    chosen: Format,
    conditions: tuple[str, ...],
) -> ExitCode:
    from mstage.cli.log_lines import read_line
    from mstage.workflows.logs import choose_series, read_logs, stages_of_choices

    choices = choose_series(read_logs(sources, options), options)
    for choice in choices:
        streams.say(read_line(choice))
    stages = stages_of_choices(choices, method)
    _print_stages(streams, sources, stages, chosen)
    say_scale(streams, stages)
    return _how_it_ended(streams, stages, conditions)


def _print_series(streams: Streams, sources: Sequence[str], series: pd.DataFrame, chosen: Format) -> None:
    """Print what logs hold."""
    if chosen is Format.JSON:
        streams.write(json_text(", ".join(sources), {"series": series.to_dict("records")}))
    elif chosen is Format.CSV:
        streams.write(csv_text(series))
    else:
        from mstage.render.log_tables import series_table

        streams.show(series_table(series), chosen)


def _print_stages(streams: Streams, sources: Sequence[str], stages: Stages, chosen: Format) -> None:
    """Print stages on stdout."""
    if not streams.put(stages, ", ".join(sources), chosen):
        from mstage.analysis.stages.groups import StageGroups
        from mstage.render.stage_tables import stage_table

        streams.show(stage_table(StageGroups.of(stages)), chosen)


def _how_it_ended(streams: Streams, stages: Stages, conditions: tuple[str, ...]) -> ExitCode:
    """The exit code, after saying what it stands for.

    Raises:
        InputError: Nothing was found, in any of the runs, or in one that a condition asks for.
    """
    from mstage.workflows.conditions import not_judged, what_fails

    diverged = sum(one.status == "diverged" for one in stages.runs)
    if diverged:
        streams.say(f"{diverged} of {len(stages.runs)} runs diverged.")
    failing = what_fails(stages, conditions)
    for line in failing:
        streams.say(f"--fail-on: {line}")
    if failing:
        return ExitCode.CONDITION
    unknown = not_judged(stages)
    if len(unknown) == len(stages.runs) or (conditions and unknown):
        raise InputError(
            f"no stages were found: {'; '.join(unknown[:4])}{' and others' if len(unknown) > 4 else ''}. "
            f"Stages need 8 different finite records of a run."
        )
    return ExitCode.DIVERGED if diverged else ExitCode.DONE
