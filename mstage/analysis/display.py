"""How do results show themselves: as a few lines, and in a notebook as the tables that a command prints?

What draws tables and figures lies above the analysis. It is looked up here, when it is asked for, and nowhere else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes

MAX_LINES = 8


class Tabled:
    """A result that a notebook shows as its tables."""

    def _repr_html_(self) -> str:
        return import_module("mstage.render.notebook").html(self)


class Plotted:
    """A result that can be plotted."""

    def plot(self, axes: Axes | None = None) -> Axes:
        """Plot the losses with their stages, into new axes if none are given (see `mstage.plot`)."""
        return import_module("mstage.render.figures.plot").plot(self, axes)


def lines(head: str, rows: Iterable[str]) -> str:
    """A head and rows below it, of many the first ones and how many more there are."""
    rows = list(rows)
    more = [f"and {len(rows) - MAX_LINES:,} more"] if len(rows) > MAX_LINES else []
    return "\n  ".join([head, *rows[:MAX_LINES], *more])


def place(run: Mapping[str, object]) -> str:
    """The coordinates of a run, as `alpha 1, width 400`."""
    told = {name: f"{value:g}" if isinstance(value, float) else value for name, value in run.items()}
    return ", ".join(f"{name} {value}" for name, value in told.items())


def extent(sizes: Mapping[object, int]) -> str:
    """The sizes of some axes, as `alpha 2, seed 3, snapshot 60`."""
    return ", ".join(f"{name} {size}" for name, size in sizes.items())
