"""A loss curve drawn with characters: where its stages are, for a look in the terminal.

The curve is drawn in braille dots (two by four a character), or in asterisks where the terminal has no braille. Each
kind of stage has its colour, and each stage a letter: the letters stand under the axis between the boundaries, and a
legend names them, so that the drawing reads without colour too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from string import ascii_uppercase
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from mstage.errors import printable
from mstage.render.axes import Axis
from mstage.render.colours import KIND_COLOURS
from mstage.render.numbers import given

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mstage.analysis.stages.results import RunStages, Stage
    from mstage.history import Curve

MAX_COLUMNS = 100
MIN_COLUMNS = 20  # of the plot without its margin
BRAILLE = 0x2800
DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # row, column within a character


@dataclass(frozen=True)
class Glyphs:
    """What a drawing is made of: dots a character across and down, and the characters beside them."""

    across: int
    down: int
    boundary: str
    corner: str
    horizontal: str
    tick_below: str
    vertical: str
    tick_beside: str


UNICODE = Glyphs(2, 4, "┊", "└", "─", "┬", "│", "┤")
ASCII = Glyphs(1, 1, ":", "+", "-", "+", "|", "+")


def draw_curve(run: RunStages, clock_name: str, columns: int, *, rows: int = 14, unicode: bool = True) -> Text:
    """Draw a run's losses with their axes, its stages and their legend.

    Args:
        run: What to draw. Records that are not finite are left out.
        clock_name: What its clock is called.
        columns: Width of the terminal; at most 100 are used.
        rows: Height of the plot without its axis.
        unicode: Whether the terminal has braille and line characters.
    """
    clock, loss = _records(run.curve)
    if clock.size < 2 or (x_axis := Axis.of_clock(clock)).is_flat:
        return Text("too few records to draw\n")
    glyphs = UNICODE if unicode else ASCII
    columns = min(columns, MAX_COLUMNS)
    if x_axis.log:
        clock, loss = clock[clock > 0], loss[clock > 0]
    y_axis = Axis.of_loss(loss)
    labels = {_row(y_axis, tick, rows): given(tick) for tick in y_axis.ticks(most=max(rows // 3, 2))}
    margin = max(map(len, labels.values()))
    width = max(columns - margin - 2, MIN_COLUMNS)
    spans = _spans(run.stages, x_axis, width)
    grid = _dots(x_axis.place(clock), y_axis.place(loss), width * glyphs.across, rows * glyphs.down)
    lines = [
        *_title(run, clock_name, (x_axis.scale, y_axis.scale), columns),
        *_plot(_characters(grid, glyphs), run.stages, spans, labels, margin, glyphs),
        *_axis(x_axis, width, margin, glyphs),
    ]
    if run.stages:
        lines += [_letters(run.stages, spans, width, margin, glyphs), *_legend(run.stages, columns)]
    return Text("\n").join([*lines, Text()])


def _records(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Clock and loss of the records that are finite, in the order of the clock."""
    finite = np.isfinite(curve.clock) & np.isfinite(curve.loss)
    order = np.argsort(curve.clock[finite], kind="stable")
    return curve.clock[finite][order], curve.loss[finite][order]


def _dots(x: np.ndarray, y: np.ndarray, across: int, down: int) -> np.ndarray:
    """The dots (down, across) of a line through points whose places are shares (0 to 1) of the axes.

    In every column of dots the line covers the range of the records in it, and reaches the column before.
    """
    column = np.minimum((x * across).astype(int), across - 1)
    low, high = np.full(across, np.inf), np.full(across, -np.inf)
    np.minimum.at(low, column, y)
    np.maximum.at(high, column, y)
    between = np.interp((np.arange(across) + 0.5) / across, x, y)
    empty = ~np.isfinite(low)
    low[empty] = high[empty] = between[empty]
    low[1:], high[1:] = np.minimum(low[1:], high[:-1]), np.maximum(high[1:], low[:-1])
    first = np.minimum(((1 - high) * down).astype(int), down - 1)
    last = np.minimum(((1 - low) * down).astype(int), down - 1)
    row = np.arange(down)[:, None]
    return np.asarray((first <= row) & (row <= last))


def _characters(grid: np.ndarray, glyphs: Glyphs) -> list[list[str]]:
    """The dots as characters, blank where there are none."""
    if glyphs is ASCII:
        return [["*" if dot else " " for dot in line] for line in grid]
    down, across = grid.shape
    blocks = grid.reshape(down // 4, 4, across // 2, 2)
    codes = np.einsum("rdwc,dc->rw", blocks.astype(int), DOT_BITS)
    return [[chr(BRAILLE + code) if code else " " for code in line] for line in codes.tolist()]


def _spans(stages: Sequence[Stage], axis: Axis, width: int) -> list[tuple[int, int]]:
    """First and last column (exclusive) of each stage; equal for a stage shorter than a column."""
    boundaries = [round(axis.place_of(stage.end) * width) for stage in stages[:-1]]
    return list(pairwise([0, *boundaries, width])) if stages else []


def _title(run: RunStages, clock_name: str, scales: tuple[str, str], columns: int) -> list[Text]:
    place = [f"{name.replace('_', ' ')} {given(value)}" for name, value in run.run.items()]
    what = f"One run: loss ({scales[1]}) against {clock_name} ({scales[0]})"
    return [Text(line, "bold") for line in wrap(printable(", ".join([what, *place])), columns)]


def _row(axis: Axis, tick: float, rows: int) -> int:
    return min(int((1 - axis.place_of(tick)) * rows), rows - 1)


def _plot(
    cells: list[list[str]],
    stages: Sequence[Stage],
    spans: Sequence[tuple[int, int]],
    labels: dict[int, str],
    margin: int,
    glyphs: Glyphs,
) -> Iterable[Text]:
    """The curve in the colours of its stages, with the boundaries between them and the numbers beside it."""
    colours = [_colour(stage) for stage, (begin, end) in zip(stages, spans, strict=True) for _ in range(begin, end)]
    colours = colours or [""] * len(cells[0])
    boundaries = {end for _, end in spans[:-1]}
    for row, line in enumerate(cells):
        side = glyphs.tick_beside if row in labels else glyphs.vertical
        text = Text(f"{labels.get(row, ''):>{margin}} {side}")
        styled = [
            (glyphs.boundary, "dim") if cell == " " and column in boundaries else (cell, colours[column])
            for column, cell in enumerate(line)
        ]
        yield _append(text, styled)


def _axis(axis: Axis, width: int, margin: int, glyphs: Glyphs) -> list[Text]:
    """The axis, and its ticks' numbers below."""
    line = [glyphs.horizontal] * width
    below = [" "] * (margin + 2 + width)
    free = 0
    for tick in axis.ticks(most=max(width // 10, 2)):
        column = min(int(axis.place_of(tick) * width), width - 1)
        label = given(tick)
        start = min(margin + 2 + column - (len(label) - 1) // 2, len(below) - len(label))
        if start >= free:
            line[column] = glyphs.tick_below
            below[start : start + len(label)] = label
            free = start + len(label) + 1
    return [Text(" " * (margin + 1) + glyphs.corner + "".join(line)), Text("".join(below))]


def _letters(
    stages: Sequence[Stage], spans: Sequence[tuple[int, int]], width: int, margin: int, glyphs: Glyphs
) -> Text:
    """The letter of each stage in the middle of its span, and the boundaries between them."""
    line = [(" ", "")] * width
    for begin, _ in spans[1:]:
        if begin < width:
            line[begin] = (glyphs.boundary, "dim")
    for index, (stage, (begin, end)) in enumerate(zip(stages, spans, strict=True)):
        if end > begin:
            line[(begin + end) // 2] = (_letter(index), _colour(stage))
    return _append(Text(" " * (margin + 2)), line)


def _legend(stages: Sequence[Stage], columns: int) -> list[Text]:
    """Letters and names of the stages side by side, in as many lines as they need."""
    lines: list[Text] = []
    for index, stage in enumerate(stages):
        entry = Text(f"{_letter(index)} {stage.name}", _colour(stage))
        if lines and len(lines[-1]) + 3 + len(entry) <= columns:
            lines[-1] = Text.assemble(lines[-1], "   ", entry)
        else:
            lines.append(entry)
    return lines


def _append(text: Text, styled: Iterable[tuple[str, str]]) -> Text:
    """Append characters with their styles, those of one style together."""
    for style, run in groupby(styled, key=lambda pair: pair[1]):
        text.append("".join(character for character, _ in run), style)
    return text


def _colour(stage: Stage) -> str:
    return KIND_COLOURS.get(stage.kind, "")


def _letter(index: int) -> str:
    return ascii_uppercase[index % len(ascii_uppercase)]
