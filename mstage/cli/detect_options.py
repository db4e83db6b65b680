"""The options of `mstage detect-stages`, in the panels of its help."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

_LOG = "Logs: which series, which clock"
_FORMAT = "Logs: what they are"
_WATCH = "Scripts and watching"

Sources: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="A sweep that `mstage train` has written; or logs: a TensorBoard event file or a folder of them, CSV (of "
        "Lightning, Keras, Weights & Biases), TSV, Parquet, npz, JSON Lines, trainer_state.json, a text log, each "
        "also as gzip; - for standard input.",
    ),
]
Loss: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        rich_help_panel=_LOG, metavar="NAME", show_default=False,
        help="Series to look at, or a pattern as 'train/*'; may be given several times. [default: the likeliest "
        "training loss]",
    ),
]  # fmt: skip
ClockName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--x", rich_help_panel=_LOG, metavar="NAME", show_default=False,
        help="Clock: a column, or one of step, epoch, tokens, samples, seconds, record. [default: the first there is]",
    ),
]  # fmt: skip
ListSeries: TypeAlias = Annotated[
    bool, typer.Option("--list", rich_help_panel=_LOG, help="Print what the logs hold and find no stages.")
]
Reader: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_FORMAT, metavar="NAME", show_default=False,
        help="tensorboard, csv, jsonl, json, text, numpy or parquet. [default: told by the content]",
    ),
]  # fmt: skip
Pattern: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_FORMAT, metavar="REGEX", show_default=False,
        help="How a text log is written: nanogpt, modded-nanogpt, llm.c, or a regular expression as "
        r"'step (?P<step>\d+) loss (?P<loss>\S+)'. [default: a name before every number]",
    ),
]  # fmt: skip
Follow: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--follow", rich_help_panel=_WATCH, help="Go on reading as the log grows, until told to stop (Ctrl-C)."
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_WATCH, metavar="STAGE", show_default=False,
        help="With --follow: end when a run enters this stage, as secondary-descent.",
    ),
]  # fmt: skip
FailOn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_WATCH, metavar="plateau|rise|diverged", show_default=False,
        help="End with exit code 5 if a run ends on a plateau, ends in a rise, or has diverged; several with commas.",
    ),
]  # fmt: skip
OutputFormat: TypeAlias = Annotated[
    str,
    typer.Option("--format", metavar="table|json|csv|markdown", help="How to print the stages.", show_default=True),
]
