"""Figures of losses: curves with their stages, and the ends of the initial plateaus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.render.figures.style import (
    BLACK,
    PREDICTED,
    drawable,
    line,
    panels,
    place,
    series_look,
    set_clock_axis,
    shade_stages,
    stage_handles,
)
from mstage.render.numbers import counted, given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mstage.analysis.summary.figure_data import FigureData
    from mstage.analysis.summary.group_curves import GroupCurves

BOUNDARIES = ("exit time", "escape time")
BY_DEFINITION: dict[str, Any] = {"color": BLACK, "linestyle": "none", "marker": "o", "markersize": 3.5}
DIVERGED = 30.0  # times the first loss, above which nothing is shown
LEVELS = ("initial level", "secondary level")


def loss_curves(data: FigureData) -> Figure:
    """The loss of each group's representative run, with its stages, exit and escape, and what is predicted of them."""
    groups = data.curves
    widths = {curve.run.get("width") for curve in groups}
    is_grid = len(widths) in (2, 3) and len(groups) % len(widths) == 0 and len(groups) <= 4 * len(widths)
    columns = len(widths) if is_grid else min(len(groups), 3)
    rows = -(-len(groups) // columns)
    figure, grid = panels(rows, columns, 1.7 if rows > 1 else 2.4, sharey=True)
    for axes, group in zip(grid.flat, groups, strict=False):
        _curve(axes, group, data.clock)
    for axes in grid.flat[len(groups) :]:
        axes.remove()
    _limit(grid[0, 0], [one.representative.curve.loss for one in groups])
    for axes in grid[:, 0]:
        axes.set_ylabel("training loss")
    for axes in grid[:-1].flat:
        axes.set_xlabel("")
    predicted = any(one.predictions[name].applies for one in groups for name in one.predictions)
    handles: list[Artist] = [*stage_handles([one.representative for one in groups])]
    seen = [line("loss", color=BLACK)]
    seen += [line("loss of other seeds", color="0.6", linewidth=0.6)] if any(one.others for one in groups) else []
    if any(one.measured is not None for one in groups):
        seen.append(line("exit and escape by definition", **BY_DEFINITION))
    said = (
        [line("predicted end (theory's band below), level", color=PREDICTED, linestyle="--", linewidth=0.9)]
        if predicted
        else []
    )
    figure.legend(handles=[*seen, *handles, *said], loc="outside lower center", ncols=3)
    some = f" ({len(groups)} of {data.groups} groups of runs)" if len(groups) < data.groups else ""
    figure.suptitle(f"Loss and its stages{some}")
    return figure


def _limit(axes: Axes, losses: Sequence[np.ndarray]) -> None:
    """Leave out what lies far above the first losses: one run that diverged would flatten all the others."""
    top = DIVERGED * max(float(loss[0]) for loss in losses)
    if axes.get_ylim()[1] > top > 0:
        low = min(float(loss[np.isfinite(loss)].min()) for loss in losses)
        axes.set_ylim(low / 2 if low > 0 else low, top)


def _curve(axes: Axes, group: GroupCurves, clock_name: str) -> None:
    """One panel: the curves of a group with their predictions."""
    run, curve = group.representative, group.representative.curve
    for other in group.others:
        axes.plot(drawable(other.clock), drawable(other.loss), color="0.6", linewidth=0.6, zorder=1)
    axes.plot(drawable(curve.clock), drawable(curve.loss), color=BLACK, zorder=3)
    finite = curve.loss[np.isfinite(curve.loss)]
    if finite.size and finite.min() > 0:
        axes.set_yscale("log")
    set_clock_axis(axes, curve.clock, clock_name)
    shade_stages(axes, run)
    if group.measured is not None:
        ends = [end for name in BOUNDARIES if (end := group.measured.value(name)) is not None]
        axes.plot(ends, np.interp(ends, curve.clock, curve.loss), zorder=5, **BY_DEFINITION)
    left, right = axes.get_xlim()
    for name in BOUNDARIES:
        said = group.predictions.get(name)
        if said is not None and said.value is not None and left < said.value < right:
            axes.axvline(said.value, color=PREDICTED, linestyle="--", linewidth=0.9, zorder=4)
            if said.low is not None and said.high is not None and said.low < said.high:
                axes.axvspan(said.low, said.high, ymax=0.03, color=PREDICTED, alpha=0.5, linewidth=0, zorder=4)
    for name, stage in zip(LEVELS, (s for s in run.stages if s.kind == "plateau"), strict=False):
        said = group.predictions.get(name)
        if said is not None and said.value is not None and stage.name.startswith(name.split()[0]):
            start, end = max(stage.start, left), min(stage.end, right)
            axes.plot([start, end], [said.value] * 2, color=PREDICTED, linestyle="--", linewidth=0.9, zorder=4)
    axes.set_title(place(group.run))


def plateau_ends(data: FigureData) -> Figure:
    """The exit time of each run against alpha log m, and against (2 alpha - 1) log m as in theory."""
    ends = data.ends
    unit = {"time": " (gradient-flow time)", "step": " (step)"}.get(ends.clock, "")
    forms = (
        ("α log m", ends.against(lambda alpha, log_m: alpha * log_m)),
        ("(2α − 1) log m", ends.against(lambda alpha, log_m: (2 * alpha - 1) * log_m)),
    )
    figure, grid = panels(1, 2, 2.8, sharey=True)
    rates = np.nan_to_num(ends.learning_rate, nan=-1.0)
    settings = sorted(set(zip(ends.alpha.tolist(), rates.tolist(), strict=True)))
    several = len(set(rates.tolist())) > 1
    for axes, (name, abscissa) in zip(grid.flat, forms, strict=True):
        for index, (alpha, rate) in enumerate(settings):
            here, look = (ends.alpha == alpha) & (rates == rate), series_look(index)
            label = f"α = {given(alpha)}" + (f", learning rate {given(rate)}" if several else "")
            hollow: dict[str, Any] = {"linestyle": "none", "markersize": 4, "markerfacecolor": "none"} | dict(look)
            axes.plot(abscissa[here], drawable(ends.end[here]), label=label, **hollow)
            if axes is grid[0, 0] or several:
                _line(axes, abscissa[here], ends.predicted[here], look["color"])
        axes.set_xlabel(name)
    if not several:
        _line(grid[0, 1], forms[1][1], ends.predicted, "0.3")
    grid[0, 0].set_ylim(bottom=0)
    grid[0, 0].set_ylabel(f"exit time T₁{unit}")
    handles, _ = grid[0, 0].get_legend_handles_labels()
    if np.isfinite(ends.predicted).any():
        handles.append(line("predicted", color="0.3", linestyle="--", linewidth=0.9))
    grid[0, 0].legend(handles=handles)
    staying = f" ({counted(ends.staying, 'run')} still on the plateau)" if ends.staying else ""
    figure.suptitle(f"Exit from the initial plateau, by definition, each run a point{staying}")
    return figure


def _line(axes: Axes, abscissa: np.ndarray, predicted: np.ndarray, colour: str) -> None:
    """A dashed line through predictions."""
    order = np.argsort(abscissa)
    axes.plot(abscissa[order], drawable(predicted[order]), "--", color=colour, linewidth=0.9, zorder=1)
