"""How figures look: readable in print at the width of a page, in colours that the colour-blind tell apart.

References:
    Okabe, Ito 2008, "Color universal design" (the colours).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mstage.errors import printable
from mstage.render.axes import Axis
from mstage.render.numbers import given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from mstage.analysis.stages.results import RunStages

PAGE = 7.0  # inches
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = "osD^vP*"
SHADES = {"plateau": SKY, "descent": ORANGE, "rise": PURPLE}
SHADE = 0.22
LARGEST_DRAWN = 1e150
PREDICTED = VERMILION
STYLE: Any = {
    "font.size": 8, "axes.titlesize": 7.5, "axes.labelsize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "figure.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.6, "lines.linewidth": 1.2, "legend.frameon": False, "savefig.dpi": 200,
    "pdf.fonttype": 42, "svg.hashsalt": "mstage", "axes.formatter.useoffset": False,
}  # fmt: skip


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of the width of a page with a grid of panels, each `height` inches high."""
    figure = Figure(figsize=(PAGE, rows * height + 0.5), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def place(run: Mapping[str, object], names: Sequence[str] | None = None) -> str:
    """The coordinates of a run in words, as a label: `alpha 1, width 400`."""
    return label(", ".join(f"{name.replace('_', ' ')} {given(run[name])}" for name in names or run if name in run))


def label(text: str) -> str:
    """A text from outside as a label: no mathematics in it, and escapes for what the font has not."""
    glyphs = get_font(findfont(FontProperties())).get_charmap()
    drawn = "".join(c if ord(c) in glyphs else c.encode("unicode_escape").decode("ascii") for c in printable(text))
    return drawn.replace("$", r"\$")


def drawable(values: np.ndarray) -> np.ndarray:
    """Numbers clipped to what can be drawn: the margins and ticks of an axis go beyond them and would overflow."""
    return np.asarray(np.clip(values, -LARGEST_DRAWN, LARGEST_DRAWN))


def set_clock_axis(axes: Axes, clock: np.ndarray, name: str) -> None:
    """A logarithmic clock where it spans decades, a linear one elsewhere."""
    axis = Axis.of_clock(drawable(clock))
    if axis.log:
        axes.set_xscale("log")
    if not axis.is_flat:
        axes.set_xlim(axis.low, axis.high)
    axes.set_xlabel({"time": "gradient-flow time t", "step": "optimizer step"}.get(name, label(name)))


def shade_stages(axes: Axes, run: RunStages) -> None:
    """The span of each stage in the colour of its kind."""
    for stage in run.stages:
        start, end = drawable(np.array([stage.start, stage.end]))
        axes.axvspan(start, end, color=SHADES[stage.kind], alpha=SHADE, linewidth=0, zorder=0)


def stage_handles(runs: Sequence[RunStages]) -> list[Patch]:
    """Entries of a legend for the kinds of stages that there are."""
    kinds = {stage.kind for run in runs for stage in run.stages}
    return [Patch(facecolor=SHADES[kind], alpha=SHADE, label=kind) for kind in SHADES if kind in kinds]


def line(label: str, **look: Any) -> Line2D:
    """An entry of a legend for a line."""
    return Line2D([], [], label=label, **look)


def series_look(index: int) -> dict[str, str]:
    """Colour and marker of the series of a panel: told apart by either."""
    return {"color": SERIES[index % len(SERIES)], "marker": MARKERS[index % len(MARKERS)]}
