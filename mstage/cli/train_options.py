"""The options of `mstage train` that say what is done with a sweep; those that describe it are in `sweep_options`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

_STORE = "Where it goes"

SweepFile: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="SWEEP.toml", show_default=False,
        help="File that holds these options as keys, as in `alpha = [1, 1.5]`. Options win over it.",
    ),
]  # fmt: skip
Like: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--like", metavar="STORE", show_default=False, rich_help_panel="What is learnt",
        help="Take the sweep of a store in place of a sweep file. Options win over it.",
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
        "--resume",
        rich_help_panel=_STORE,
        help="Go on with the sweep in --output; no other option is needed. Several processes may share it so.",
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
