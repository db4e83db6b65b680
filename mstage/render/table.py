"""A table as rows of text, before anything draws it: terminal, markdown and notebooks show the same rows.

Nothing is cut: where a table does not fit the screen, its cells are folded. What is numbered in the rows, as `[2]`,
stands in the notes below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mstage.errors import printable

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Cell:
    """A text with a colour on the terminal."""

    text: str
    colour: str = ""


@dataclass
class Table:
    """Rows under named columns, or, without columns, names and their values.

    Attributes:
        columns: Their names, which may have several lines.
        title: Above the table.
        left: Columns set left; numbers are set right.
        rows: All of the same length as `columns`.
        section_ends: Rows after which a line or a blank sets off what follows.
        place: The group of the last row, where rows are of groups.
        notes: Lines below; None for a table that never has any.
    """

    columns: Sequence[str] = ()
    title: str = ""
    left: Sequence[str] = ()
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    section_ends: set[int] = field(default_factory=set)
    place: Sequence[str] | None = None
    notes: Sequence[str] | None = None

    def add_row(self, *cells: str | Cell) -> None:
        """Add a row; cells missing at its end are blank, and invisible characters are escaped."""
        found = [one if isinstance(one, Cell) else Cell(printable(one)) for one in cells]
        self.rows.append((*found, *[Cell("")] * (len(self.columns) - len(found))))

    def add_row_of(self, place: Sequence[str], *cells: str | Cell) -> None:
        """Add a row of a group; the place of a group is written in its first row alone, which starts a section."""
        if place != self.place:
            self.add_section()
        self.add_row(*(place if place != self.place else [""] * len(place)), *cells)
        self.place = place

    def add_section(self) -> None:
        """End a section: a line or a blank follows the rows so far."""
        if self.rows:
            self.section_ends.add(len(self.rows) - 1)

    def __rich__(self) -> RenderableType:
        """The table as Rich draws it."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        if self.columns:
            drawn = RichTable(
                box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0),
                title=printable(self.title) or None, title_justify="left", title_style="bold", header_style="bold",
            )  # fmt: skip
            for name in self.columns:
                drawn.add_column(name, justify="left" if name in self.left else "right", overflow="fold")
        else:
            drawn = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
            drawn.add_column(style="bold", no_wrap=True)
            drawn.add_column(overflow="fold")
        for index, row in enumerate(self.rows):
            cells = [Text(one.text, one.colour) if one.colour else one.text for one in row]
            drawn.add_row(*cells, end_section=index in self.section_ends)
        return drawn if self.notes is None else Group(drawn, Text("\n".join(self.notes), style="dim"))

    def markdown(self) -> str:
        """The table in markdown, as GitHub and notebooks read it."""
        heads = [" ".join(name.split("\n")) for name in self.columns] or ["", ""]
        rules = ["---" if not self.columns or name in self.left else "---:" for name in self.columns or heads]
        rows = [heads, rules, *([one.text for one in row] for row in self.rows)]
        lines = ["| " + " | ".join(text.replace("|", r"\|") for text in row) + " |" for row in rows]
        title = [f"**{printable(self.title)}**", ""] if self.title else []
        notes = [line for note in self.notes or () for line in ("", note)]
        return "\n".join([*title, *lines, *notes]) + "\n"

    def html(self) -> str:
        """The table in HTML."""
        from html import escape  # for notebooks alone

        heads = "".join(f"<th>{escape(name).replace(chr(10), '<br>')}</th>" for name in self.columns)
        rows = ["".join(f"<td>{escape(one.text)}</td>" for one in row) for row in self.rows]
        body = "".join(f"<tr>{row}</tr>" for row in ([heads] if heads else []) + rows)
        title = f"<caption>{escape(printable(self.title))}</caption>" if self.title else ""
        notes = "<br>".join(map(escape, self.notes or ()))
        return f"<table>{title}{body}</table>" + (f"<p>{notes}</p>" if notes else "")
