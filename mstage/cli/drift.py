"""`mstage drift`: how far the distribution of the weights moves, and how early that announces the escape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mstage.errors import ExitCode, UsageError
from mstage.render.formats import Format, csv_text, json_text

if TYPE_CHECKING:
    from mstage.cli.console import Streams


def drift(
    context: typer.Context,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder that `mstage train` has written.")],
    order: Annotated[str, typer.Option(metavar="1|2", help="p of the Wasserstein distance W_p.")] = "1",
    joint: Annotated[
        bool, typer.Option("--joint", help="Measure the joint law of (a, w) too, which takes long.")
    ] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv", help="How to print the distances.")
    ] = "table",
) -> int:
    """Measure Wasserstein distances between the distributions of the weights, snapshot by snapshot.

    Between the laws of |a| and of |w|; of the amplitude |a| |w| and its first and its previous snapshot; and of the
    amplitude over its mean and chi-squared with one degree of freedom, whose growth announces the escape.
    """
    chosen = Format.parse(output_format)
    if order not in ("1", "2"):
        raise UsageError(f"--order {order}: expected 1 or 2")
    from mstage.analysis.drift import MOST_NEURONS_EXACT, DriftMethod
    from mstage.workflows.drift import drift as measure

    method = DriftMethod(int(order), joint)
    result = measure(store, method)
    streams: Streams = context.obj
    if joint:
        widths = [int(one.distances.coords["width"]) for one in result.drifts]
        sliced = [width for width in widths if not method.is_exact(width)]
        how = f"sliced for width {', '.join(map(str, sliced))} (over {MOST_NEURONS_EXACT} neurons)" if sliced else ""
        exact = "exact" if len(sliced) < len(widths) else ""
        streams.say(f"Joint law: {', '.join(filter(None, (exact, how)))}.")
    if chosen is Format.JSON:
        streams.write(json_text(store, result.to_dict()))
    elif chosen is Format.CSV:
        streams.write(csv_text(result.to_dataframe()))
    else:
        from mstage.render.drift_tables import drift_table, warning_table

        streams.show(drift_table(result.drifts))
        if result.warnings:
            streams.write("\n")
            streams.show(warning_table(result.warnings))
    return ExitCode.DONE
