"""Find the stages of every run of a sweep, or of anybody's logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from mstage.analysis.stages import StageMethod, Stages
from mstage.errors import InputError, UsageError
from mstage.history import RunStatus, clock_name, curves
from mstage.readers.selection import Selection
from mstage.store.reader import open_sweep
from mstage.workflows.logs import Reading, choose_curves, is_sweep, read_logs, stages_of_choices
from mstage.workflows.many_curves import stages_of_curves

EXPECTED = "expected the path of a log or of a sweep, or xr.DataArray(loss, coords={'step': steps}, dims='step')"
Source = str | Path | xr.DataTree | xr.DataArray


def detect_stages(
    source: Source | Sequence[str | Path],
    method: StageMethod | None = None,
    *,
    loss: str | Sequence[str] = (),
    clock: str | None = None,
    reader: str | None = None,
    pattern: str | None = None,
) -> Stages:
    """Find the plateaus and descents of every run.

    Args:
        source: A sweep (a store, or what `open_sweep` or `train` return), a loss history, or a log or several: a
            TensorBoard event file or folder, CSV, TSV, Parquet, npz, JSON Lines, `trainer_state.json`, a text log.
        method: Settings of the segmentation.
        loss: Of logs: names of the series, or patterns of them; the likeliest training loss if there are none.
        clock: Of logs: a column, or a kind of clock (`step`, `epoch`, `tokens`, `samples`, `seconds`, `record`); the
            first of these that there is if None.
        reader: Of logs: the format (`mstage.readers.sniff.READERS`), told by the content if None.
        pattern: Of text logs: the name of a preset, or a regular expression with named groups.

    Returns:
        The stages of every run: of a sweep in the order of widths, then of the run axes; of logs in their order.

    Raises:
        InputError: There is nothing that could be read, or it holds no losses.
        UsageError: An option makes no sense, or does not belong to a sweep.

    Example:
        >>> detect_stages("runs/demo").to_dataframe().groupby(["alpha", "width", "name"]).end.median()
        >>> detect_stages("metrics.csv", loss="train_loss", clock="epoch").runs[0].stages
    """
    patterns = (loss,) if isinstance(loss, str) else tuple(loss)
    method = method or StageMethod()
    reading = Reading(Selection(patterns, clock), reader, pattern)
    if isinstance(source, (str, Path, Sequence)):
        named = [source] if isinstance(source, (str, Path)) else list(source)
        sources = [_path(one) for one in named]
        if not sources:
            raise UsageError("no log is given; name at least one")
        if not is_sweep(sources):
            return stages_of_choices(choose_curves(read_logs(sources, reading), reading), method)
        source = sources[0]
    if reading != Reading():
        raise UsageError("loss, clock, reader and pattern are for logs; a sweep has one loss and one clock")
    history = loss_history(source)
    return Stages(clock_name(history), method, tuple(stages_of_curves(list(curves(history)), method)))


def _path(source: object) -> str:
    """What names a log or a sweep.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(source, (str, Path)):
        raise UsageError(f"a source of type {type(source).__name__}: {EXPECTED}")
    return str(source)


def unfinished(tree: xr.DataTree) -> int:
    """How many runs of a sweep have not ended."""
    return int((tree.dataset["status"] == RunStatus.RUNNING).sum())


def loss_history(source: Source) -> xr.DataArray:
    """The losses of a source, over its run axes and its records.

    Raises:
        InputError: There are none.
    """
    if isinstance(source, xr.DataArray):
        return source
    tree = source if isinstance(source, xr.DataTree) else open_sweep(_path(source))
    if "loss" not in tree.data_vars:
        raise InputError(f"{tree.name or 'the tree'}: holds no `loss`; expected a sweep as `train` returns it")
    return tree.dataset["loss"]
