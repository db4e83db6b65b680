"""`mstage report`: a sweep summed up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli.detect_options import ClockScale, LeastDrop, Steepness, stage_method
from mstage.cli.unfinished import say_damage, say_unfinished
from mstage.errors import ExitCode, InputError, UsageError
from mstage.render.formats import FigureFormat, Format

if TYPE_CHECKING:
    from mstage.analysis.summary.report import SweepReport
    from mstage.cli.console import Streams


def report(
    context: typer.Context,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder that `mstage train` has written.")],
    output_format: Annotated[
        str,
        typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the report.", show_default=True),
    ] = "table",
    clock_scale: ClockScale = "log",
    steepness: Steepness = 0.3,
    least_drop: LeastDrop = 0.05,
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
    result = sum_up(store, stage_method(clock_scale, steepness, least_drop))
    if not streams.put(result, store, chosen):
        from mstage.render.curve import draw_curve
        from mstage.render.report import report_parts

        for part in report_parts(result, store):
            streams.show(part, chosen)
            streams.write("\n")
        if result.representative is not None and chosen is Format.TABLE:
            clock = result.stage_groups.clock
            streams.draw(draw_curve(result.representative, clock, streams.columns, unicode=streams.unicode))
    if figures is not None:
        _draw(streams, store, result, figures, formats)
    say_unfinished(streams, result.statuses.get("running", 0), store)
    if result.diverged:
        streams.say(f"{len(result.diverged)} of {sum(result.statuses.values())} runs diverged.")
    return say_damage(streams, result.damage, store) or (ExitCode.DIVERGED if result.diverged else ExitCode.DONE)


def _draw(streams: Streams, store: str, result: SweepReport, folder: str, formats: tuple[FigureFormat, ...]) -> None:
    """The figures as files; what there is none of is said with its reason."""
    from mstage.render.figures.write import FIGURES, write_figures
    from mstage.workflows.figures import collect_figures

    data = collect_figures(store, result)
    written = write_figures(data, folder, formats)
    if written:
        streams.say(f"Figures in {folder}: {', '.join(path.name for path in written)}.")
    for name, (field, _) in FIGURES.items():
        if field in data.missing:
            streams.say(f"No {name}: {data.missing[field]}.")
