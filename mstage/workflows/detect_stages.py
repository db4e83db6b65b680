"""Find the stages of every run of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import xarray as xr

from mstage.analysis.stages import StageMethod, Stages
from mstage.errors import InputError
from mstage.history import clock_name, curves
from mstage.store.reader import open_sweep
from mstage.workflows.many_curves import stages_of_curves

if TYPE_CHECKING:
    from collections.abc import Iterator


def detect_stages(source: str | Path | xr.DataTree | xr.DataArray, method: StageMethod | None = None) -> Stages:
    """Find the plateaus and descents of every run.

    Args:
        source: A store, a sweep as `open_sweep` or `train` return it, or a loss history alone.
        method: Settings of the segmentation.

    Returns:
        The stages of every run, in the order of widths, then of the run axes.

    Raises:
        InputError: There is no sweep, or it holds no losses.

    Example:
        >>> stages = detect_stages("runs/demo.zarr")
        >>> stages.to_dataframe().groupby(["alpha", "width", "name"]).end.median()
    """
    method = method or StageMethod()
    histories = list(loss_histories(source))
    every_curve = [curve for loss in histories for curve in curves(loss)]
    return Stages(clock_name(histories[0]), method, tuple(stages_of_curves(every_curve, method)))


def loss_histories(source: str | Path | xr.DataTree | xr.DataArray) -> Iterator[xr.DataArray]:
    """The loss histories of a sweep, one a width.

    Raises:
        InputError: There is none.
    """
    if isinstance(source, xr.DataArray):
        yield source
        return
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source)
    histories = [cast("xr.DataArray", node["loss"]) for node in tree.subtree if "loss" in node.data_vars]
    if not histories:
        raise InputError(f"{tree.name or 'the tree'}: no group holds a `loss`; expected a sweep as `train` returns it")
    yield from histories
