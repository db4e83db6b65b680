"""A look at a history or at stages, into axes of the user's own or new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mstage.analysis.stages.results import Stages
from mstage.errors import UsageError
from mstage.history import clock_name, curves
from mstage.render.figures.style import (
    SHADES,
    drawable,
    place,
    series_look,
    set_clock_axis,
    shade_stages,
    stage_handles,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from mstage.history import Curve

MAX_NAMED = 8  # runs in a legend


def plot(what: Stages | xr.DataArray | xr.Dataset | xr.DataTree, axes: Axes | None = None) -> Axes:
    """Plot the losses of a history, or of the runs of some stages, against their clock.

    The stages of a single run are shaded; of several runs, the ends of the stages are marked.

    Args:
        what: Stages; a loss history; or a sweep as `open_sweep` and `train` return it.
        axes: Where to; axes of a new figure of pyplot if None.

    Returns:
        The axes.

    Example:
        >>> mstage.plot(mstage.open_sweep("runs/demo"))
        >>> mstage.detect_stages("metrics.csv").plot()
    """
    if isinstance(what, Stages):
        axes = _losses([one.curve for one in what.runs], what.clock, axes)
        if len(what.runs) == 1:
            shade_stages(axes, what.runs[0])
            axes.legend(handles=stage_handles(what.runs))
            return axes
        for run in what.runs:
            for stage in run.stages[:-1]:
                end, loss = drawable(np.array([stage.end, stage.loss_end]))
                axes.plot(end, loss, "o", markersize=4, color=SHADES[stage.kind], markeredgecolor="0.3", zorder=4)
        return axes
    histories = _histories(what)
    return _losses([curve for one in histories for curve in curves(one)], clock_name(histories[0]), axes)


def _histories(what: xr.DataArray | xr.Dataset | xr.DataTree) -> list[xr.DataArray]:
    """The loss histories of what is to be plotted.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(what, xr.DataArray):
        return [what]
    nodes = [node.dataset for node in what.subtree] if isinstance(what, xr.DataTree) else [what]
    found = [node["loss"] for node in nodes if isinstance(node, xr.Dataset) and "loss" in node]
    if not found:
        raise UsageError(f"a {type(what).__name__} without a `loss`: expected stages, a loss history or a sweep")
    return found


def _losses(runs: Sequence[Curve], clock: str, axes: Axes | None) -> Axes:
    """The losses of some runs, logarithmic where they are above 0."""
    if axes is None:
        from matplotlib import pyplot

        _, axes = pyplot.subplots(layout="constrained")
    named = 1 < len(runs) <= MAX_NAMED
    for index, curve in enumerate(runs):
        label = place(curve.run) if named else None
        axes.plot(drawable(curve.clock), drawable(curve.loss), color=series_look(index)["color"], label=label, zorder=3)
    finite = [curve.loss[np.isfinite(curve.loss)] for curve in runs]
    if all(one.size and one.min() > 0 for one in finite):
        axes.set_yscale("log")
    ticks = np.unique(np.concatenate([np.empty(0), *(curve.clock for curve in runs)]))
    if ticks.size:
        set_clock_axis(axes, ticks, clock)
    axes.set_ylabel("loss")
    if named:
        axes.legend()
    return axes
