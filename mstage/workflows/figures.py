"""Collect what the figures of a sweep show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.summary.figure_data import FigureData, collect_figure_data
from mstage.history import kept_weights
from mstage.store.reader import open_sweep
from mstage.workflows.report import report as sum_up

if TYPE_CHECKING:
    from pathlib import Path

    from mstage.analysis.summary.report import SweepReport


def collect_figures(source: str | Path | xr.DataTree, report: SweepReport | None = None) -> FigureData:
    """Collect what the figures of a sweep show; `draw_figure` and `write_figures` draw them.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        report: The same sweep summed up, if that has been done.

    Raises:
        InputError: There is no sweep there.

    Example:
        >>> write_figures(collect_figures("runs/demo"), "figures", ("pdf",))
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    report = report or sum_up(tree)
    return collect_figure_data(report, {int(one[0].coords["width"]): one for one in kept_weights(tree)})
