"""Collect what the figures of a sweep show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.figure_data import FigureData, collect_figure_data
from mstage.history import curves, kept_weights
from mstage.store.reader import open_sweep
from mstage.workflows.detect_stages import loss_history
from mstage.workflows.report import report as sum_up

if TYPE_CHECKING:
    from pathlib import Path

    from mstage.analysis.summary import SweepReport


def figure_data(source: str | Path | xr.DataTree, report: SweepReport | None = None) -> FigureData:
    """Collect what the figures of a sweep show; `mstage.render.figures` draws them.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        report: The same sweep summed up, if that has been done.

    Raises:
        InputError: There is no sweep there.

    Example:
        >>> from mstage.render.figures.write import write_figures
        >>> from mstage.render.formats import FigureFormat
        >>> write_figures(figure_data("runs/demo"), "figures", (FigureFormat.PDF,))
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    report = report or sum_up(tree)
    losses = list(curves(loss_history(tree)))
    return collect_figure_data(report, losses, {int(one[0].coords["width"]): one for one in kept_weights(tree)})
