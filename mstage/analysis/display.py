"""How do results show themselves: as a few lines, and in a notebook as the tables that a command prints?

What draws tables and figures lies above the analysis. It is looked up here, when it is asked for, and nowhere else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from mstage.analysis.stages.results import Stage, Stages

MAX_LINES = 8


class Tabled:
    """A result that a notebook shows as its tables."""

    def _repr_html_(self) -> str:
        html: str = import_module("mstage.render.notebook").html(self)
        return html


def plotted(stages: Stages, axes: Axes | None) -> Axes:
    """Stages as they are plotted."""
    drawn: Axes = import_module("mstage.render.figures.plot").plot(stages, axes)
    return drawn


def lines(head: str, rows: Iterable[str]) -> str:
    """A head and rows below it, of many the first ones and how many more there are."""
    rows = list(rows)
    more = [f"and {len(rows) - MAX_LINES:,} more"] if len(rows) > MAX_LINES else []
    return "\n  ".join([head, *rows[:MAX_LINES], *more])


def place(run: Mapping[str, object]) -> str:
    """The coordinates of a run, as `alpha 1, width 400`."""
    told = {name: f"{value:g}" if isinstance(value, float) else value for name, value in run.items()}
    return ", ".join(f"{name} {value}" for name, value in told.items())


def course(stages: Sequence[Stage]) -> str:
    """Stages in their order, as `initial plateau to 3.1, initial descent to 7.2, secondary plateau`."""
    ended = [f"{stage.name} to {stage.end:.4g}" for stage in stages[:-1]]
    return ", ".join([*ended, *(stage.name for stage in stages[-1:])]) or "no stages"


def extent(sizes: Mapping[object, int]) -> str:
    """The sizes of some axes, as `alpha 2, seed 3, snapshot 60`."""
    return ", ".join(f"{name} {size}" for name, size in sizes.items())
