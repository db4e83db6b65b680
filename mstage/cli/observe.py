"""`mstage observe`: observables of the networks of a sweep at its snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli.compilation_cache import keep_compilations
from mstage.cli.unfinished import say_damage, say_unfinished
from mstage.errors import ExitCode, UsageError
from mstage.render.formats import Format

if TYPE_CHECKING:
    from mstage.cli.console import Streams


def observe(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Argument(metavar="STORE", show_default=False, help="Folder that `mstage train` has written."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", show_default=False, help="Observables, as sharpness norm; --list names all."),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the observables that there are.")] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the observables.")
    ] = "table",
) -> int:  # fmt: skip
    """Measure observables of the networks of a sweep at every snapshot, whatever their model.

    Among them are the sharpness, which is the largest eigenvalue of the Hessian of the loss, the norm of the gradient,
    the tangent kernel's top and how far it has moved, and the norms of the blocks of weights. All are computed in
    float64. The table has the medians over seeds at some snapshots; csv and json have every run and snapshot.
    """
    chosen = Format.parse(output_format)
    streams: Streams = context.obj
    if list_all:
        return _list(streams, store, chosen)
    if store is None:
        raise UsageError("mstage observe: name a sweep and observables, as `mstage observe runs/demo sharpness norm`")
    keep_compilations()
    from mstage.cli.checkpoint_messages import reading_progress
    from mstage.workflows.observe import observe as measure

    with reading_progress(streams, "measuring") as progress:
        result = measure(store, [part for name in names or () for part in name.split(",")], progress)
    if not streams.put(result, store, chosen):
        from mstage.render.snapshot_tables import observable_table

        streams.show(observable_table(result), chosen)
    if result.diverged:
        streams.say(f"{result.diverged:,} of {result.runs:,} runs diverged; they have numbers up to then.")
    say_unfinished(streams, result.unfinished, store)
    return say_damage(streams, result.damage, store) or (ExitCode.DIVERGED if result.diverged else ExitCode.DONE)


def _list(streams: Streams, store: str | None, chosen: Format) -> int:
    """The observables that there are."""
    if store is not None:
        raise UsageError(f"--list names all observables; leave `{store}` out")
    if chosen not in (Format.TABLE, Format.MARKDOWN):
        raise UsageError(f"--format {chosen}: --list prints a table, or markdown")
    from mstage.render.snapshot_tables import catalogue_table
    from mstage.workflows.observe import known_observables

    streams.show(catalogue_table(known_observables()), chosen)
    return ExitCode.DONE
