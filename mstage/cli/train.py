"""`mstage train`: train a sweep of networks and keep its losses and weights."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mstage.cli import train_options as options
from mstage.cli.compilation_cache import keep_compilations
from mstage.cli.dry_run import print_estimate
from mstage.cli.encodings import shell_word
from mstage.cli.interrupts import Interrupts
from mstage.cli.progress import TrainingProgress, stopped_at
from mstage.cli.sweep_arguments import base_of, default_output, resumed_sweep, sweep_of
from mstage.cli.sweep_options import with_sweep_options
from mstage.cli.unfinished import say_damage
from mstage.errors import ExitCode, InputError, UsageError
from mstage.render.formats import Format
from mstage.render.numbers import counted, duration

if TYPE_CHECKING:
    import xarray as xr

    from mstage.cli.console import Streams
    from mstage.spec import Sweep


@with_sweep_options
def train(
    context: typer.Context,
    sweep_file: options.SweepFile = None,
    like: options.Like = None,
    output: options.Output = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    output_format: options.DryRunFormat = None,
    **values: object,
) -> int:
    """Train networks, one for each combination of alpha, width, seed and learning rate; keep their losses and weights.

    A network is f(x) = sum_k a_k sigma(w_k . x), or another --model; `mstage models` lists them, with the options of
    each. The loss is half the mean squared residual.
    """
    given = {key: value for key, value in values.items() if value is not None}
    base = base_of(sweep_file, like)
    streams: Streams = context.obj
    chosen = Format.parse(output_format or "table")
    _check_together(output, resume=resume, overwrite=overwrite, dry_run=dry_run, formatted=output_format is not None)
    keep_compilations()
    if dry_run:
        print_estimate(streams, sweep_of(base, given), base.name or "options", chosen)
        return ExitCode.DONE
    with Interrupts() as interrupts:
        if output is not None and resume:
            path = Path(output)
            sweep = resumed_sweep(path, base, given)
        else:
            sweep = sweep_of(base, given)
            path = default_output(sweep) if output is None else Path(output)
        return _train(streams, interrupts, sweep, path, resume=resume, overwrite=overwrite)


def _check_together(output: str | None, *, resume: bool, overwrite: bool, dry_run: bool, formatted: bool) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageError: Some do not.
    """
    if output is not None and not output.strip():
        raise UsageError("--output is empty; name a folder, as --output runs/demo")
    if output is not None and not resume and Path(output).name in ("", ".."):
        raise UsageError(f"--output {output}: name a folder of its own for the sweep, as --output runs/demo")
    if resume and overwrite:
        raise UsageError("both --resume and --overwrite are given; go on with the sweep or replace it")
    if (resume or overwrite) and output is None and not dry_run:
        raise UsageError(f"{'--resume' if resume else '--overwrite'}: say which sweep with --output PATH")
    if resume and dry_run:
        raise UsageError("--dry-run estimates a whole sweep and not what is left of one; leave --resume out")
    if formatted and not dry_run:
        raise UsageError("--format is for --dry-run: training prints no data. See a sweep with `mstage report PATH`.")


def _train(
    streams: Streams, interrupts: Interrupts, sweep: Sweep, path: Path, *, resume: bool, overwrite: bool
) -> ExitCode:
    """Train and say how it went."""
    begun = time.monotonic()
    if streams.talks_to_a_terminal:
        runs = counted(sweep.run_count, "run")
        streams.say(f"Going on with {runs} in {path}" if resume else f"Training {runs} into {path}")
    progress = TrainingProgress(streams, interrupts)
    try:
        with progress:
            from mstage.workflows.train import train as train_sweep

            tree = train_sweep(
                sweep, path, resume=resume, overwrite=overwrite, progress=progress, before_writing=interrupts.hold
            )
    except KeyboardInterrupt:
        resume_command = f"mstage train --resume -o {shell_word(str(path))}"
        raise KeyboardInterrupt(stopped_at(progress.state, resume_command)) from None
    except MemoryError as error:
        raise InputError(
            "out of memory. Train fewer runs at once; `mstage train --dry-run` says what they take."
        ) from error
    if progress.state is None:
        how = "had been trained already"
    else:
        how = f"trained{' to the end' if resume else ''} in {duration(time.monotonic() - begun)}"
    return _say_result(streams, tree, shell_word(str(path)), how)


def _say_result(streams: Streams, tree: xr.DataTree, path: str, how: str) -> ExitCode:
    """The closing lines: what was trained, where it lies, what comes next."""
    from mstage.history import RunStatus

    preparation = tree.attrs.get("problem", {}).get("preparation")
    if preparation:
        streams.say(f"Data: {preparation}.")
    statuses = Counter(int(status) for status in tree.dataset["status"].values.flat)
    total, diverged = statuses.total(), statuses[RunStatus.DIVERGED]
    if diverged:
        is_flow = tree.attrs["sweep"].get("dynamics") == "flow"
        way_out = (
            "A larger --alpha starts them smaller." if is_flow else "A smaller --learning-rate may keep them finite."
        )
        streams.say(f"{diverged:,} of {counted(total, 'run')} diverged. {way_out}")
    stopped = f", {statuses[RunStatus.STOPPED]:,} of them as far as --stop-at" if statuses[RunStatus.STOPPED] else ""
    if statuses[RunStatus.RUNNING]:
        streams.say(f"{path}: {statuses[RunStatus.RUNNING]:,} of {counted(total, 'run')} are in training elsewhere.")
        total -= statuses[RunStatus.RUNNING]
    streams.say(f"{path}: {counted(total, 'run')} {how}{stopped}. Next: mstage report {path}")
    hurt = say_damage(streams, tree.attrs.get("damage", ()), path)
    return hurt or (ExitCode.DIVERGED if diverged else ExitCode.DONE)
