"""`mstage drift`: how far the distribution of the weights moves, and how early that announces the escape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli.unfinished import say_damage, say_unfinished
from mstage.errors import ExitCode, UsageError
from mstage.render.formats import Format

if TYPE_CHECKING:
    from mstage.cli.console import Streams

CHECKPOINTS = "Checkpoints"


def drift(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="STORE|CHECKPOINT...", show_default=False,
            help="Folder that `mstage train` has written; or checkpoints: safetensors or npz files, folders of them.",
        ),
    ],
    order: Annotated[
        str,
        typer.Option(metavar="1|2", help="p of the Wasserstein distance W_p. Of checkpoints, csv and json have both."),
    ] = "1",
    joint: Annotated[
        bool, typer.Option("--joint", help="Measure the joint distribution of (a, w) of a sweep too: slow.")
    ] = False,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", show_default=False, rich_help_panel=CHECKPOINTS,
            help="Layers to measure, as '*.weight'; can be given several times. All if it is left out.",
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="LIST|RANGE", show_default=False, rich_help_panel=CHECKPOINTS,
            help="Steps of the checkpoints in their order, as 0,100,200. Told by their names if it is left out.",
        ),
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the distances.")
    ] = "table",
) -> int:  # fmt: skip
    """Measure Wasserstein distances between the distributions of the weights, snapshot by snapshot.

    In a sweep: between the distributions of |a| and of |w|, also over that of the linear flow from the same weights; of
    the amplitude |a| |w| and its first and its previous snapshot; and of the amplitude over its mean and chi-squared
    with one degree of freedom, whose growth announces the escape.

    In checkpoints of any network: of the magnitudes of each layer's weights, and of the norms of its rows, from the
    first and from the previous checkpoint. Nothing is unpickled.
    """
    chosen = Format.parse(output_format)
    if order not in ("1", "2"):
        raise UsageError(f"--order {order}: expected 1 or 2")
    from mstage.store.reader import is_store

    sweep = next((source for source in sources if is_store(Path(source))), None)
    if sweep is None:
        if joint:
            raise UsageError("--joint is for sweeps; the layers of checkpoints have no joint distribution of (a, w)")
        return _drift_of_checkpoints(context.obj, sources, int(order), layer or (), steps, chosen)
    for option, value in (("--layer", layer), ("--steps", steps)):
        if value:
            raise UsageError(f"{option} is for checkpoints; {sweep} is a sweep. Leave it out.")
    if len(sources) > 1:
        raise UsageError(f"{sweep}: is a sweep; give it alone, it is measured by itself")
    return _drift_of_sweep(context.obj, sweep, int(order), joint, chosen)


def _drift_of_sweep(streams: Streams, store: str, order: int, joint: bool, chosen: Format) -> int:
    from mstage.analysis.weights.drift import MAX_NEURONS_EXACT, DriftMethod, keep_array_libraries_out
    from mstage.workflows.drift import measure_drift

    keep_array_libraries_out()
    method = DriftMethod(order, joint)
    result = measure_drift(store, method)
    if joint:
        widths = result.distances["width"].values.tolist()
        sliced = [width for width in widths if not method.is_exact(width)]
        how = f"sliced for width {', '.join(map(str, sliced))} (over {MAX_NEURONS_EXACT} neurons)" if sliced else ""
        exact = "exact" if len(sliced) < len(widths) else ""
        streams.say(f"Joint distribution: {', '.join(filter(None, (exact, how)))}.")
    if not streams.put(result, store, chosen):
        from mstage.render.drift_tables import drift_table, turning_table, warning_table

        streams.show(drift_table(result), chosen)
        streams.write("\n")
        if result.measured is not None:
            streams.show(turning_table(result.measured), chosen)
            streams.write("\n")
        if result.warnings:
            streams.show(warning_table(result.warnings), chosen)
        else:
            streams.write(f"Early warning: none, because {result.no_warnings}.\n")
    say_unfinished(streams, result.unfinished, store)
    return say_damage(streams, result.damage, store)


def _drift_of_checkpoints(
    streams: Streams, sources: list[str], order: int, layers: list[str] | tuple[()], steps: str | None, chosen: Format
) -> int:
    from mstage.cli.checkpoint_messages import reading_progress, remarks
    from mstage.spec.text import parse_axis
    from mstage.workflows.checkpoint_drift import measure_checkpoint_drift

    at = None if steps is None else parse_axis("--steps", steps, float)
    with reading_progress(streams) as progress:
        result = measure_checkpoint_drift(sources, at, layers, progress)
    for line in remarks(result):
        streams.say(line)
    if not streams.put(result, " ".join(sources), chosen):
        from mstage.render.layer_tables import layer_table

        streams.show(layer_table(result.layers, order), chosen)
    return ExitCode.DONE
