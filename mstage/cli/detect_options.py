"""The options of `mstage detect-stages`, in the panels of its help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias, cast

import typer

if TYPE_CHECKING:
    from mstage.analysis.stages.records import ClockScale as ClockScaleName
    from mstage.analysis.stages.records import Goal as GoalName
    from mstage.analysis.stages.results import StageMethod

_LOG = "Logs: which series, which clock"
_FORMAT = "Logs: what they are"
_STAGES = "How stages are found"
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
Goal: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_STAGES, metavar="min|max", show_default=False,
        help="max: an accuracy, a reward; its stages are seen on a straight scale. min: a loss; on a logarithmic scale "
        "where it is not negative. [default: told by name and curve]",
    ),
]  # fmt: skip
ClockScale: TypeAlias = Annotated[
    str,
    typer.Option(
        rich_help_panel=_STAGES, metavar="log|linear", show_default=True,
        help="On which clock stages are seen: on a logarithmic one a plateau is as long as the time before it.",
    ),
]  # fmt: skip
Steepness: TypeAlias = Annotated[
    float,
    typer.Option(
        rich_help_panel=_STAGES, metavar="SLOPE", show_default=True,
        help="How steep a descent or a rise is at least: its power of the clock, on a linear one its factors of e in a "
        "tenth of the run.",
    ),
]  # fmt: skip
LeastDrop: TypeAlias = Annotated[
    float,
    typer.Option(
        rich_help_panel=_STAGES, metavar="SHARE", show_default=True,
        help="By which share of the loss, on a straight scale of its whole range, a descent or a rise goes at least.",
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


def stage_method(clock_scale: str, steepness: float, least_drop: float, goal: str | None = None) -> StageMethod:
    """How stages are found, as the options say.

    Raises:
        UsageError: One of them makes no sense.
    """
    from mstage.analysis.stages.method import SegmentationMethod
    from mstage.analysis.stages.results import StageMethod

    segmentation = SegmentationMethod(steepness=steepness, least_drop=least_drop)
    return StageMethod(segmentation, cast("ClockScaleName", clock_scale), goal=cast("GoalName | None", goal))
