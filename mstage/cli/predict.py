"""`mstage predict`: what theory says of a sweep, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli.sweep_arguments import any_horizon, base_of, merged
from mstage.cli.sweep_options import with_theory_options
from mstage.errors import ExitCode, UsageError
from mstage.render.formats import Format
from mstage.spec import Sweep

if TYPE_CHECKING:
    from mstage.cli.console import Streams

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="SWEEP.toml|STORE", show_default=False,
        help="A sweep file, over which options win, or the folder of a trained sweep, which takes no options.",
    ),
]  # fmt: skip


@with_theory_options
def predict(
    context: typer.Context,
    source: Source = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the predictions.")
    ] = "table",
    **values: object,
) -> int:
    """Predict the stages of a sweep from its training set: exit time, levels, escape time, and where theory is silent.

    Times are gradient-flow time, learning rate x step in a descent, whose exit time counts the steps of that rate.
    """
    given = {key: value for key, value in values.items() if value is not None}
    chosen = Format.parse(output_format)
    from mstage.store.reader import is_store
    from mstage.workflows.predict import predict as predict_sweep

    if source is not None and Path(source).is_dir():  # one that holds no sweep is refused where it is read
        if given and is_store(Path(source)):
            raise UsageError(f"{source}: is a sweep with settings of its own; give it without {_option(given)}")
        theory = predict_sweep(source)
    else:
        base = base_of(source)
        keys = base.with_options(given)
        horizon = {} if {"until", "steps"} & keys.keys() else any_horizon(keys)
        theory = predict_sweep(Sweep.from_dict(merged(keys, horizon), base.described(given)))
    streams: Streams = context.obj
    if chosen is Format.CSV:
        for remark in theory.remarks:  # which the other formats hold
            streams.say(f"{remark[:1].upper()}{remark[1:]}.")
    if not streams.put(theory, source or "options", chosen):
        from mstage.render.theory_tables import constants_table, prediction_table

        streams.show(constants_table(theory), chosen)
        streams.write("\n")
        streams.show(prediction_table(theory), chosen)
    return ExitCode.DONE


def _option(given: dict[str, object]) -> str:
    return f"--{next(iter(given)).replace('_', '-')}"
