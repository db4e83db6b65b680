"""The options of `mstage train` that describe a sweep: one for each key of a sweep file, in the panels of its help.

All of them are text or yes/no: a value is read in one place, `mstage.sweepfile`, whether it was typed or lay in a file.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from mstage.recording import MAX_RECORDS, Recording
from mstage.spec import ACTIVATIONS, DTYPES, DYNAMICS, FLOW_TOLERANCE, PROBLEMS, Sweep

_PROBLEM = "What is learnt"
_AXES = "Axes: each 1 or 1,2 or 0.5:1.5:5, five even steps (in log with :log behind)"
_NETWORK = "What learns, and how"
_END = "How long: one of --until and --steps"
_RECORD = "What is kept"
_STORE = "Where it goes"

SweepFile: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="SWEEP.toml", show_default=False,
        help="File that holds these options as keys, as in `alpha = [1, 1.5]`. Options win over it.",
    ),
]  # fmt: skip

Problem: TypeAlias = Annotated[
    str | None,
    typer.Option(rich_help_panel=_PROBLEM, metavar="NAME", help=f"{', '.join(PROBLEMS)}. [default: {Sweep.problem}]"),
]
Data: TypeAlias = Annotated[
    str | None,
    typer.Option(rich_help_panel=_PROBLEM, metavar="FILE", help="Your own table: CSV, TSV, Parquet or npz."),
]
Target: TypeAlias = Annotated[
    str | None,
    typer.Option(rich_help_panel=_PROBLEM, metavar="COLUMN", help="Column of the table to predict."),
]
Features: TypeAlias = Annotated[
    str | None,
    typer.Option(rich_help_panel=_PROBLEM, metavar="A,B", help="Columns to predict it from. [default: all others]"),
]
Standardise: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--standardise/--no-standardise", rich_help_panel=_PROBLEM,
        help="Shift and scale columns to mean 0 and deviation 1. [default: yes]",
    ),
]  # fmt: skip
Intercept: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--intercept/--no-intercept", rich_help_panel=_PROBLEM, help="Append a column of ones. [default: yes]"
    ),
]  # fmt: skip
DropMissing: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--drop-missing/--no-drop-missing", rich_help_panel=_PROBLEM,
        help="Leave rows with missing values out instead of refusing them. [default: no]",
    ),
]  # fmt: skip

Alpha: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_AXES, metavar="A",
        help=f"Initialization scale: weights have standard deviation width^-alpha. [default: {Sweep.alpha[0]:g}]",
    ),
]  # fmt: skip
Width: TypeAlias = Annotated[
    str | None, typer.Option(rich_help_panel=_AXES, metavar="M", help=f"Hidden neurons. [default: {Sweep.width[0]}]")
]
Seed: TypeAlias = Annotated[
    str | None, typer.Option(rich_help_panel=_AXES, metavar="S", help=f"Seeds themselves. [default: {Sweep.seed[0]}]")
]
Seeds: TypeAlias = Annotated[
    str | None, typer.Option(rich_help_panel=_AXES, metavar="N", help="Number of seeds: 0 to N - 1.")
]
Dynamics: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_NETWORK, metavar="NAME",
        help=f"{' in steps, or gradient '.join(DYNAMICS)} in continuous time. [default: {Sweep.dynamics}]",
    ),
]  # fmt: skip
Tolerance: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_NETWORK, metavar="E",
        help="Error of a step of the flow, relative to the weights or, along the motion, to the time. "
        f"[default: {FLOW_TOLERANCE:g}]",
    ),
]  # fmt: skip
LearningRate: TypeAlias = Annotated[
    str | None,
    typer.Option(rich_help_panel=_AXES, metavar="R", help=f"Learning rate. [default: {Sweep.learning_rate[0]:g}]"),
]

Activation: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_NETWORK, metavar="NAME", help=f"{', '.join(ACTIVATIONS)}. [default: {Sweep.activation}]"
    ),
]
OptimizerName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--optimizer", rich_help_panel=_NETWORK, metavar="NAME",
        help=f"Any of Optax, options behind it, as in adam:b1=0.8,nesterov=true. [default: {Sweep.optimizer}]",
    ),
]  # fmt: skip
BatchSize: TypeAlias = Annotated[
    str | None, typer.Option(rich_help_panel=_NETWORK, metavar="N", help="Samples a step. [default: all of them]")
]
Dtype: TypeAlias = Annotated[
    str | None,
    typer.Option(rich_help_panel=_NETWORK, metavar="NAME", help=f"{', '.join(DTYPES)}. [default: {Sweep.dtype}]"),
]

Until: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_END, metavar="TIME", help="Time at which a run ends: learning rate x step (of plain sgd)."
    ),
]  # fmt: skip
Steps: TypeAlias = Annotated[
    str | None, typer.Option(rich_help_panel=_END, metavar="N", help="Updates after which a run ends.")
]
StopAt: TypeAlias = Annotated[
    str | None, typer.Option(rich_help_panel=_END, metavar="LOSS", help="Loss at which a run ends early.")
]

Record: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_RECORD, metavar="RULE",
        help=f"Losses: every:N steps, log:N for N evenly in log time, or auto, every step up to {MAX_RECORDS:,} of "
        f"them and evenly in log time beyond. [default: {Recording.losses}]",
    ),
]  # fmt: skip
Snapshots: TypeAlias = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_RECORD, metavar="N",
        help=f"How often the weights are kept, evenly in log time. [default: {Recording.snapshots}]",
    ),
]  # fmt: skip

Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", rich_help_panel=_STORE, metavar="PATH", show_default=False,
        help="Folder to write, as runs/demo. [default: runs/ and the problem's name with a new number]",
    ),
]  # fmt: skip
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume", rich_help_panel=_STORE, help="Go on with the sweep in --output; no other option is needed."
    ),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel=_STORE, help="Replace the sweep that lies in --output.")
]
DryRun: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--dry-run", rich_help_panel=_STORE,
        help="Print the runs and the memory, disk and time that they will take; write nothing.",
    ),
]  # fmt: skip
DryRunFormat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format", rich_help_panel=_STORE, metavar="table|json|csv|markdown",
        help="How to print what --dry-run finds. [default: table]",
    ),
]  # fmt: skip
