"""`mstage predict`: what theory says of a sweep, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mstage.cli import train_options as options
from mstage.cli.sweep_values import any_horizon, merged, sweep_values
from mstage.errors import ExitCode, UsageError
from mstage.render.formats import Format, csv_text, json_text
from mstage.sweepfile import SWEEP_KEYS, sweep_from_dict

if TYPE_CHECKING:
    from mstage.cli.console import Streams

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="SWEEP.toml|STORE", show_default=False,
        help="A sweep file, over which options win, or the folder of a trained sweep, which takes no options.",
    ),
]  # fmt: skip


def predict(
    context: typer.Context,
    source: Source = None,
    problem: options.Problem = None,
    data: options.Data = None,
    target: options.Target = None,
    features: options.Features = None,
    standardise: options.Standardise = None,
    intercept: options.Intercept = None,
    drop_missing: options.DropMissing = None,
    alpha: options.Alpha = None,
    width: options.Width = None,
    dynamics: options.Dynamics = None,
    learning_rate: options.LearningRate = None,
    activation: options.Activation = None,
    optimizer: options.OptimizerName = None,
    batch_size: options.BatchSize = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the predictions.")
    ] = "table",
) -> int:
    """Predict the stages of a sweep from its training set: exit time, levels, escape time, and where theory is silent.

    Times are gradient-flow time, learning rate x step in a descent, whose exit time counts the steps of that rate.
    """
    given = {key: value for key, value in locals().items() if key in SWEEP_KEYS and value is not None}
    chosen = Format.parse(output_format)
    from mstage.store.reader import is_store
    from mstage.workflows.predict import predict as predict_sweep

    if source is not None and Path(source).is_dir():  # one that holds no sweep is refused where it is read
        if given and is_store(Path(source)):
            raise UsageError(f"{source}: is a sweep with settings of its own; give it without {_option(given)}")
        theory = predict_sweep(source)
    else:
        values, origin = sweep_values(source, given)
        horizon = {"until", "steps"} & values.keys()
        theory = predict_sweep(sweep_from_dict(values if horizon else merged(values, any_horizon(values)), origin))
    streams: Streams = context.obj
    if chosen is Format.JSON:
        streams.write(json_text(source or "options", theory.to_dict()))
    elif chosen is Format.CSV:
        streams.write(csv_text(theory.to_dataframe()))
        for remark in theory.remarks:  # which the other formats hold
            streams.say(f"{remark[:1].upper()}{remark[1:]}.")
    else:
        from mstage.render.theory_tables import constants_table, prediction_table

        streams.show(constants_table(theory), chosen)
        streams.write("\n")
        streams.show(prediction_table(theory), chosen)
    return ExitCode.DONE


def _option(given: dict[str, object]) -> str:
    return f"--{next(iter(given)).replace('_', '-')}"
