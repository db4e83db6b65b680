"""The `mstage` command: its commands, `--version`, and Typer's own complaints in our words."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from mstage.cli.condensation import condensation
from mstage.cli.console import Streams
from mstage.cli.detect_stages import detect_stages
from mstage.cli.drift import drift
from mstage.cli.help import PanelledCommand
from mstage.cli.models import models
from mstage.cli.observe import observe
from mstage.cli.predict import predict
from mstage.cli.report import report
from mstage.cli.train import train
from mstage.errors import ExitCode, UsageError
from mstage.nearness import nearest

# Typer has its own copy of Click or needs Click beside it, as its version will have it; this is the base of their
# complaints about the command line in either.
_CLICK_USAGE_ERROR: Any = typer.BadParameter.__bases__[0]

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
app.command(
    "train", cls=PanelledCommand, short_help="Train a sweep of networks, keep losses and weights.",
    epilog="Example: mstage train --alpha 0.75,1,1.5 --width 400,1600 --seeds 3 --until 800 -o runs/demo",
)(train)  # fmt: skip
app.command(
    "detect-stages", cls=PanelledCommand, short_help="Find the plateaus and descents of every run."
)(detect_stages)  # fmt: skip
app.command("predict", cls=PanelledCommand, short_help="Say what theory predicts, before training.")(predict)
app.command("drift", cls=PanelledCommand, short_help="Measure how far the distribution of the weights moves.")(drift)
app.command("condensation", cls=PanelledCommand, short_help="Measure how the neurons line up.")(condensation)
app.command("models", cls=PanelledCommand, short_help="List the networks that can be trained.")(models)
app.command("observe", cls=PanelledCommand, short_help="Measure sharpness, kernel, norms at the snapshots.")(observe)
app.command("report", cls=PanelledCommand, short_help="Sum up a sweep in tables and a curve.")(report)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mstage {version('mstage')}")
        raise typer.Exit


@app.callback(
    epilog="A first look: mstage train --problem cub1d --until 800 -o runs/first, then mstage report runs/first"
)
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train sweeps of small networks and find the stages of their losses: plateaus and descents.

    stdout is data, stderr is talk. Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 bad or unreadable input, 4 some runs
    diverged (the results of the others are printed), 5 what --fail-on names is there or --until did not come, 130
    interrupted.
    """


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code.

    Raises:
        MstageError: What a user can put right.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("mstage", list(arguments) or ["--help"], obj=Streams()) as context:
            return int(command.invoke(context) or ExitCode.DONE)
    except typer.Exit as end:
        return end.exit_code
    except _CLICK_USAGE_ERROR as error:
        raise UsageError(_worded(error, _command_path(error, arguments))) from None


def _command_path(error: Any, arguments: list[str]) -> str:
    """The command that a complaint is about; Click does not always say."""
    if error.ctx is not None:
        return str(error.ctx.command_path)
    names = {command.name for command in app.registered_commands}
    return f"mstage {arguments[0]}" if arguments and arguments[0] in names else "mstage"


def _worded(error: Any, path: str) -> str:
    """A complaint of Click in one line, with the nearest option or command and where to read on."""
    see = f"See `{path} --help`."
    option = getattr(error, "option_name", None)
    if hasattr(error, "possibilities"):
        names = [] if error.ctx is None else [name for one in error.ctx.command.params for name in one.opts]
        near = nearest(str(option), [name for name in names if name.startswith("--")])
        return f"{path} has no option `{option}`{f'; did you mean `{near}`?' if near else '.'} {see}"
    message = " ".join(error.format_message().split())
    unknown = re.match(r"No such command '(.*?)'\.", message)
    if unknown is not None:
        names = [str(command.name) for command in app.registered_commands]
        near = nearest(unknown[1], names)
        hint = f"Did you mean `{near}`?" if near else f"Commands: {', '.join(names)}."
        return f"no command `{unknown[1]}`. {hint} {see}"
    if not message.endswith(("?", ".")):
        message += "."
    return f"{message} {see}"
