"""`mstage models`: which networks can be trained, and what of them can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mstage.errors import ExitCode
from mstage.render.formats import Format

if TYPE_CHECKING:
    from mstage.cli.console import Streams


def models(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="One of the models; all if left out.")
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|markdown", help="How to print them.")
    ] = "table",
) -> int:
    """List the models that `mstage train --model NAME` takes, each with its equation and its options.

    An option that is an axis takes several values, and a network is trained for each.
    """
    chosen = Format.parse(output_format)
    from mstage.workflows.models import list_models

    result = list_models(name)
    streams: Streams = context.obj
    if not streams.put(result, name or "models", chosen):
        from mstage.render.model_tables import model_table

        for index, one in enumerate(result.models):
            if index:
                streams.write("\n")
            streams.show(f"{one.name}: {one.equation}\n", chosen)
            streams.show(model_table(one), chosen)
    return ExitCode.DONE
