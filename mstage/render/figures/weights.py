"""Figures of weights: the V of the Wasserstein distance, the amplitudes, the cosine maps."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from scipy.special import chdtrc

from mstage.render.axes import Axis
from mstage.render.figures.style import (
    BLACK,
    BLUE,
    PAGE,
    VERMILION,
    drawable,
    line,
    panels,
    place,
    series_look,
    set_clock_axis,
    shade_stages,
    stage_handles,
)
from mstage.render.numbers import given, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mstage.analysis.summary.figure_data import FigureData
    from mstage.analysis.weights.amplitudes import AmplitudeHistory


TITLE_COLUMNS = 18  # of a cosine map


def distance_v(data: FigureData) -> Figure:
    """W2 between |a| and |w| over time, below the loss: it falls on the initial plateau and then rises."""
    count = len(data.distances)
    figure, grid = panels(2, count, 1.7, sharex="col", sharey="row")
    for column, panel in enumerate(data.distances):
        top, bottom = grid[:, column]
        top.plot(drawable(panel.representative.curve.clock), drawable(panel.representative.curve.loss), color=BLACK)
        top.set_yscale("log")
        for index, (clock, distance) in reversed(list(enumerate(zip(panel.clocks, panel.distances, strict=True)))):
            look = {"color": BLUE} if index == 0 else {"color": "0.6", "linewidth": 0.6}
            bottom.plot(drawable(clock), drawable(distance), **look)
        bottom.set_yscale("log")
        set_clock_axis(bottom, panel.representative.curve.clock, data.clock)
        for axes in (top, bottom):
            shade_stages(axes, panel.representative)
        top.set_title(place(panel.run))
    grid[0, 0].set_ylabel("training loss")
    grid[1, 0].set_ylabel("W₂(|a|, ‖w‖)")
    handles = [line("this run", color=BLUE), line("other seeds", color="0.6", linewidth=0.6)]
    handles = [*handles[: 1 + any(len(p.clocks) > 1 for p in data.distances)]]
    shades = stage_handles([panel.representative for panel in data.distances])
    figure.legend(handles=[*handles, *shades], loc="outside lower center", ncols=6)
    some = f" ({count} of {data.groups} groups of runs)" if count < data.groups else ""
    figure.suptitle(f"Distance between the distributions of |a| and of ‖w‖{some}")
    return figure


def amplitude_distributions(data: FigureData) -> Figure:
    """The amplitudes |a| ‖w‖ over time, and at the ends of the stages their distributions beside chi-squared."""
    history = data.amplitudes
    if history is None:
        raise ValueError("there are no amplitudes to draw")
    figure, grid = panels(1, 2, 2.9)
    left, right = grid.flat
    _density(figure, left, history)
    for index, (moment, clock) in enumerate(history.moments.items()):
        values = history.normalised[index]
        exceeding = 1 - np.arange(values.size) / values.size
        look = series_look(index)
        label = f"{moment}, {history.clock_name} {number(clock, 3)}"
        right.plot(values, exceeding, color=look["color"], label=label)
        right.plot(values[-1:], exceeding[-1:], linestyle="none", markersize=4, **look)
    positive = history.normalised[history.normalised > 0]
    reach = np.geomspace(0.01, max(float(positive.max()), 1.0), 200)
    right.plot(reach, chdtrc(1, reach), color=BLACK, linestyle="--", linewidth=0.9, label="χ², one degree of freedom")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlim(0.01, reach[-1] * 1.3)
    right.set_ylim(0.5 / history.normalised.shape[1], 1.3)
    right.set_xlabel("amplitude over its mean")
    right.set_ylabel("share of neurons above")
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(f"Amplitudes |a| ‖w‖ of the neurons: {place(history.run)}")
    return figure


def _density(figure: Figure, axes: Axes, history: AmplitudeHistory) -> None:
    """The share of neurons over time and amplitude, with the median and the largest neuron."""
    clock, shares = drawable(history.clock), history.shares
    if Axis.of_clock(clock).log:
        clock, shares = clock[clock > 0], shares[history.clock > 0]
    middles = np.sqrt(clock[1:] * clock[:-1]) if (clock > 0).all() else (clock[1:] + clock[:-1]) / 2
    edges = np.concatenate([clock[:1], middles, clock[-1:]])
    least = 1 / history.normalised.shape[1]
    mesh = axes.pcolormesh(
        edges, history.edges, np.ma.masked_less(shares.T, least / 2), cmap="Blues",
        norm=LogNorm(least, 1) if least < 1 else None, rasterized=True,
    )  # fmt: skip
    figure.colorbar(mesh, ax=axes, label="share of neurons in a bin", pad=0.02)
    kept = history.clock >= clock[0]
    axes.plot(clock, history.quantiles[kept, 2], color=BLACK, label="median")
    axes.plot(clock, history.largest[kept], color=VERMILION, label="largest")
    for boundary in history.boundaries:
        axes.axvline(boundary, color="0.3", linewidth=0.6, linestyle=":")
    axes.set_yscale("log")
    set_clock_axis(axes, history.clock, history.clock_name)
    axes.set_ylim(history.edges[0], history.edges[-1] * 2)
    axes.set_ylabel("amplitude |a| ‖w‖")
    axes.legend(loc="upper left")


def cosine_maps(data: FigureData) -> Figure:
    """Cosines between the input weights of every two neurons, before, while and after they condense."""
    found = data.maps
    if found is None:
        raise ValueError("there are no cosine maps to draw")
    count = len(found.maps)
    figure, grid = panels(1, count, PAGE / max(count, 3) * 0.95)
    image = None
    for axes, one in zip(grid.flat, found.maps, strict=True):
        image = axes.imshow(one.cosines, cmap="PuOr", vmin=-1, vmax=1, interpolation="none", rasterized=True)
        axes.set_title(f"{fill(one.moment, TITLE_COLUMNS)}\n{found.clock_name} {given(round(one.clock, 4))}")
        axes.set_xticks([])
        axes.set_yticks([])
    grid[0, 0].set_ylabel("neuron, by orientation")
    figure.supxlabel("neuron, by orientation", fontsize=mpl.rcParams["axes.labelsize"])
    if image is not None:
        figure.colorbar(image, ax=grid.ravel().tolist(), label="cos(wⱼ, wₖ)", shrink=0.75, pad=0.02)
    shown = found.maps[0].cosines.shape[0]
    some = f" ({shown} of {found.neurons} neurons)" if shown < found.neurons else ""
    figure.suptitle(f"Cosines between neurons{some}: {place(found.run)}")
    return figure
