"""Figure of the scaling laws: measurements over the widths, their fit, and the predicted line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.history import shown_axes
from mstage.render.figures.style import drawable, line, panels, place, series_look
from mstage.render.numbers import given, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mstage.analysis.scaling.laws import ScalingLaw
    from mstage.analysis.summary.figure_data import FigureData


def scaling_fits(data: FigureData) -> Figure:
    """One panel a law: the runs, the fitted line and the predicted one, for each alpha and learning rate."""
    quantities = list(dict.fromkeys(one.law.quantity for one in data.laws))
    runs = list(dict.fromkeys(tuple(one.run.items()) for one in data.laws))
    looks = {run: series_look(index) for index, run in enumerate(runs)}
    columns = min(len(quantities), 2)
    figure, grid = panels(-(-len(quantities) // columns), columns, 2.5)
    for axes, quantity in zip(grid.flat, quantities, strict=False):
        laws = [one for one in data.laws if one.law.quantity == quantity]
        for one in laws:
            _law(axes, one, looks[tuple(one.run.items())])
        axes.set_xscale("log")
        axes.set_xticks(laws[0].widths, [given(width) for width in laws[0].widths])
        axes.minorticks_off()
        if laws[0].law.logarithmic:
            axes.set_yscale("log")
        axes.set_xlabel("width m")
        axes.set_ylabel(laws[0].law.ordinate)
        axes.legend(loc="best", title="slope (predicted)", title_fontsize=7)
    for axes in grid.flat[len(quantities) :]:
        axes.remove()
    varied = shown_axes([dict(run) for run in runs])
    handles = [line(place(dict(run), varied), **looks[run], markersize=4, markerfacecolor="none") for run in runs]
    handles += [line("fit, mean over seeds", color="0.3")]
    handles += [line("predicted", color="0.3", linestyle="--", linewidth=0.9)]
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if len(varied) > 1 else 6)
    some = f" ({len(runs)} of {data.law_settings} settings)" if len(runs) < data.law_settings else ""
    figure.suptitle(f"Scaling with the width, 95 % intervals over seeds{some}")
    return figure


def _law(axes: Axes, one: ScalingLaw, look: Mapping[str, str]) -> None:
    """The runs, the fit and the prediction of one law, with its slope for the legend."""
    widths = np.array(one.widths, float)
    hollow: dict[str, Any] = {"linestyle": "none", "markersize": 4, "markerfacecolor": "none"} | dict(look)
    axes.plot(np.tile(widths, one.seeds), drawable(one.points.ravel()), **hollow)
    reach = "" if one.low is None or one.high is None else f" ± {number((one.high - one.low) / 2, 2)}"
    said = "" if one.predicted is None else f" ({number(one.predicted, 3)})"
    axes.plot(widths, drawable(one.fitted), color=look["color"], label=f"{number(one.slope, 3)}{reach}{said}")
    if one.predictions is not None:
        axes.plot(widths, one.predictions, "--", color=look["color"], linewidth=0.9)
