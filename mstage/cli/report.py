"""`mstage report`: a sweep summed up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli.unfinished import say_damage, say_unfinished
from mstage.errors import ExitCode, InputError, UsageError
from mstage.render.formats import FigureFormat, Format, csv_text, json_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mstage.analysis.summary import SweepReport
    from mstage.cli.console import Streams


def report(
    context: typer.Context,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder that `mstage train` has written.")],
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv", help="How to print the report.", show_default=True)
    ] = "table",
    figures: Annotated[
        str | None,
        typer.Option("--figures", metavar="DIR", help="Draw its figures into a folder.", show_default=False),
    ] = None,
    figure_format: Annotated[
        str | None,
        typer.Option(metavar="png,pdf,svg", help="File formats of the figures. [default: png]", show_default=False),
    ] = None,
) -> int:
    """Sum up a sweep: its stages by alpha and width, plateau lengths, descent rates, final losses, what diverged."""
    chosen = Format.parse(output_format)
    if figure_format is not None and figures is None:
        raise UsageError(f"--figure-format {figure_format}: needs a folder for the figures, --figures DIR")
    formats = FigureFormat.parse(figure_format or "png")
    if figures is not None and Path(figures).exists() and not Path(figures).is_dir():
        raise InputError(f"{figures}: is a file; give a folder for the figures, --figures DIR")
    from mstage.workflows.report import report as sum_up

    streams: Streams = context.obj
    result = sum_up(store)
    if chosen is Format.JSON:
        streams.write(json_text(store, result.to_dict()))
    elif chosen is Format.CSV:
        streams.write(csv_text(result.to_dataframe()))
    else:
        _show(streams, store, result)
    if figures is not None:
        _draw(streams, store, result, figures, formats)
    say_unfinished(streams, result.statuses.get("running", 0), store)
    if result.diverged:
        streams.say(f"{len(result.diverged)} of {sum(result.statuses.values())} runs diverged.")
    return say_damage(streams, result.damage, store) or (ExitCode.DIVERGED if result.diverged else ExitCode.DONE)


def _show(streams: Streams, store: str, result: SweepReport) -> None:
    """The report as tables, with the drawn curve at its end."""
    from mstage.render import tables
    from mstage.render.curve import draw_curve
    from mstage.render.theory_tables import comparison_table, missing_lines, scaling_table

    groups = result.stage_groups
    over = "medians over seeds, with their range"
    parts: list[RenderableType] = [
        tables.settings_table(result, store),
        tables.stage_table(groups, title=f"Stages, in units of {groups.clock} ({over})"),
        tables.plateau_table(groups, title="Plateaus"),
        tables.descent_table(groups, title=f"Descents: rates per unit of {groups.clock}"),
    ]
    if result.comparisons:
        parts.append(comparison_table(groups, result.comparisons, result.theory.remarks if result.theory else ()))
    if result.laws:
        parts.append(scaling_table(result.laws))
    parts.append(tables.final_loss_table(result, title="Final losses"))
    if result.diverged:
        parts.append(tables.diverged_table(result, title="Diverged"))
    if result.missing:
        parts.append(missing_lines(result.missing))
    for part in parts:
        streams.show(part)
        streams.write("\n")
    if result.curve is not None:
        streams.draw(draw_curve(result.curve, streams.columns, unicode=streams.unicode))


def _draw(streams: Streams, store: str, result: SweepReport, folder: str, formats: tuple[FigureFormat, ...]) -> None:
    """The figures as files; what there is none of is said with its reason."""
    from mstage.render.figures.write import FIGURES, write_figures
    from mstage.workflows.figures import figure_data

    data = figure_data(store, result)
    written = write_figures(data, folder, formats)
    if written:
        streams.say(f"Figures in {folder}: {', '.join(path.name for path in written)}.")
    for name, (field, _) in FIGURES.items():
        if field in data.missing:
            streams.say(f"No {name}: {data.missing[field]}.")
