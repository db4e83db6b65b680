"""One table, the same rows in markdown and in HTML; how it looks on a terminal is seen in the tests of its kinds."""

from __future__ import annotations

import io
from xml.etree import ElementTree

from rich.console import Console

from mstage.render.table import Cell, Table


def made() -> Table:
    table = Table(["stage", "end\nof it"], title="Stages <1>", left=["stage"], notes=["[1] a | b & c"])
    table.add_row(Cell("initial plateau", "cyan"), "3")
    table.add_section()
    table.add_row("a|b\x1b")
    return table


def test_markdown() -> None:
    assert (
        made().markdown()
        == """\
**Stages <1>**

| stage | end of it |
| --- | ---: |
| initial plateau | 3 |
| a\\|b\\x1b |  |

[1] a | b & c
"""
    )


def test_html_is_whole_and_holds_every_cell() -> None:
    root = ElementTree.fromstring(f"<div>{made().html()}</div>".replace("<br>", "<br/>"))
    rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    assert rows == [["stage", "endof it"], ["initial plateau", "3"], ["a|b\\x1b", ""]]
    assert [one.text for one in root.iter("caption")] == ["Stages <1>"]
    assert [one.text for one in root.iter("p")] == ["[1] a | b & c"]


def test_names_and_values_have_no_heads() -> None:
    table = Table()
    table.add_row("problem", "cub1d")
    assert table.markdown() == "|  |  |\n| --- | --- |\n| problem | cub1d |\n"
    assert table.html() == "<table><tr><td>problem</td><td>cub1d</td></tr></table>"


def test_a_section_is_set_off_on_the_terminal() -> None:
    out = io.StringIO()
    Console(file=out, width=60).print(made())
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    at = [k for k, line in enumerate(lines) if line.startswith(("initial", "a|b"))]
    assert at[1] - at[0] == 2
    assert lines[-1] == "[1] a | b & c"
