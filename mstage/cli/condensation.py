"""`mstage condensation`: how the neurons line up, and how many of them matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli.unfinished import say_damage
from mstage.render.formats import Format

if TYPE_CHECKING:
    from mstage.cli.console import Streams


def condensation(
    context: typer.Context,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder that `mstage train` has written.")],
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the quantities.")
    ] = "table",
) -> int:
    """Measure how the neurons line up: along z while the loss waits, along the linear fit A on the secondary plateau.

    Cosines are weighted by amplitude |a| |w|; csv and json have the unweighted ones too. `participating` is the number
    of neurons that share the amplitude, `largest` the share of the largest one, `orientations` how many directions hold
    95 % of the amplitude, and `rank from step 0` how well the growing mode at step 0 tells the order of amplitudes.
    """
    chosen = Format.parse(output_format)
    from mstage.workflows.condensation import measure_condensation

    result = measure_condensation(store)
    streams: Streams = context.obj
    if not streams.put(result, store, chosen):
        from mstage.render.snapshot_tables import condensation_table

        streams.show(condensation_table(result), chosen)
        if result.missing:
            streams.write(f"none: {result.missing}.\n")
    return say_damage(streams, result.damage, store)
