"""Find the stages of every run of a sweep, or of anybody's logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from mstage.analysis.stages.results import StageMethod, Stages
from mstage.errors import InputError, UsageError
from mstage.history import RunStatus, clock_name, curves
from mstage.readers.logs.log import Log
from mstage.readers.logs.selection import Selection
from mstage.store.reader import open_sweep
from mstage.workflows.logs import LogOptions, choose_series, is_sweep, read_logs, stages_of_choices
from mstage.workflows.many_curves import stages_of_curves

EXPECTED = "expected the path of a log or of a sweep, or xr.DataArray(loss, coords={'step': steps}, dims='step')"
Source = str | Path | xr.DataTree | xr.DataArray | np.ndarray | Log


def detect_stages(
    source: Source | Sequence[str | Path],
    method: StageMethod | None = None,
    *,
    loss: str | Sequence[str] = (),
    clock: str | np.ndarray | None = None,
    reader: str | None = None,
    pattern: str | None = None,
) -> Stages:
    """Find the plateaus and descents of every run.

    Args:
        source: A sweep (a store, or what `open_sweep` or `train` return), a loss history, an array of losses, of
            shape (records,) or (runs, records), or a log or several: what `open_log` returns, a TensorBoard event
            file or folder, CSV, TSV, Parquet, npz, JSON Lines, `trainer_state.json`, a text log.
        method: Settings of the segmentation.
        loss: Of logs: names of the series, or patterns of them; the likeliest training loss if there are none.
        clock: Of logs: a column, or a kind of clock (`step`, `epoch`, `tokens`, `samples`, `seconds`, `record`); the
            first of these that there is if None. Of an array: the values of its clock, shape (records,), 1, 2, 3 and
            so on if None.
        reader: Of logs: the format (`mstage.readers.logs.sniff.READERS`), told by the content if None.
        pattern: Of text logs: the name of a preset, or a regular expression with named groups.

    Returns:
        The stages of every run: of a sweep in the order of widths, then of the run axes; of logs in their order, with
        what was taken of each as `choices`.

    Raises:
        InputError: There is nothing that could be read, or it holds no losses.
        UsageError: An option makes no sense, or does not belong to a sweep.

    Example:
        >>> detect_stages("runs/demo").to_dataframe().groupby(["alpha", "width", "name"]).end.median()
        >>> detect_stages("metrics.csv", loss="train_loss", clock="epoch").runs[0].stages
        >>> time = np.geomspace(0.01, 100, 500)
        >>> detect_stages(np.exp(-time) + 0.05, clock=time)
        Stages of 1 run over clock
          the run: initial plateau to 0.09908, initial descent to 2.571, secondary plateau
    """
    method = method or StageMethod()
    if isinstance(source, np.ndarray):
        source, clock = history_of_array(source, clock), None
    if isinstance(clock, np.ndarray):
        raise UsageError("a clock of numbers is for an array of losses; name a clock of a log, as clock='epoch'")
    options = LogOptions(Selection((loss,) if isinstance(loss, str) else tuple(loss), clock), reader, pattern)
    if isinstance(source, Log):
        return stages_of_choices(choose_series([source], options), method)
    if not isinstance(source, (xr.DataTree, xr.DataArray)):
        sources = _paths(source)
        if not is_sweep(sources):
            return stages_of_choices(choose_series(read_logs(sources, options), options), method)
        source = sources[0]
    if options != LogOptions():
        raise UsageError("loss, clock, reader and pattern are for logs; a sweep has one loss and one clock")
    history = loss_history(source)
    runs = tuple(stages_of_curves(list(curves(history)), method))  # which refuses what is no history
    return Stages(clock_name(history), method, runs)


def _paths(source: object) -> list[str]:
    """What names one log or several, or a sweep.

    Raises:
        UsageError: It is something else, or nothing.
    """
    named = source if isinstance(source, Sequence) and not isinstance(source, (str, bytes)) else [source]
    sources = [_path(one) for one in named]
    if not sources:
        raise UsageError("no log is given; name at least one")
    return sources


def history_of_array(loss: np.ndarray, clock: object = None) -> xr.DataArray:
    """An array of losses as a loss history.

    Args:
        loss: Shape (records,), or (runs, records).
        clock: Its values, shape (records,); the numbers of the records, from 1 on, if None.

    Raises:
        InputError: The shapes are not these.
    """
    if loss.ndim not in (1, 2):
        raise InputError(f"losses of shape {loss.shape}: expected (records,) or (runs, records)")
    records = loss.shape[-1]
    ticks = np.arange(1, records + 1) if clock is None else np.asarray(clock)
    if ticks.shape != (records,):
        raise InputError(f"a clock of shape {ticks.shape} for {records} records: expected ({records},)")
    axis = "record" if clock is None else "clock"
    coordinates = {"run": np.arange(loss.shape[0]), axis: ticks} if loss.ndim == 2 else {axis: ticks}
    return xr.DataArray(loss, coords=coordinates, dims=list(coordinates), name="loss")


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
