"""What is written where the encoding of a stream lacks a character."""

from __future__ import annotations

import io
import subprocess

import pytest
from rich.cells import cell_len

from mstage.cli.console import Streams
from mstage.cli.encodings import HANDLER, shell_word
from mstage.render.table import Table

NAMES = ["a", "界界", "e\u0301e\u0301", "α²…", "[red]\x1b"]


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", r"+-^2...\u754c\xe9"), ("latin-1", r"±²...\u754cé"), ("cp1252", r"±²…\u754cé"), ("utf-8", "±²…界é")],
)
def test_plain_forms_and_escapes(encoding: str, written: str) -> None:
    assert "±²…界é".encode(encoding, HANDLER).decode(encoding) == written


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_tables_keep_their_layout(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=HANDLER, write_through=True)
    table = Table(["name", "value"], title="of\né\x1b", left=["name"])
    for name in NAMES:
        table.add_row(name, "1")
    Streams(stdout=stream).show(table)
    title, *lines = raw.getvalue().decode(encoding).splitlines()
    assert title.strip() == (r"of\né\x1b" if encoding != "ascii" else r"of\n\xe9\x1b")
    assert len(lines) == 2 + len(NAMES)
    assert len({cell_len(line.rstrip()) for line in lines if "1" in line.split()[-1]}) == 1
    assert r"[red]\x1b" in lines[-1]


@pytest.mark.parametrize("path", ["runs/a", "a b", "it's", "\x1b[2J'\\\n\u202e", "\udcff", "界"])
def test_what_is_pasted_into_a_shell_is_the_path(path: str) -> None:
    word = shell_word(path)
    assert word.isprintable()
    told = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert told.stdout.decode("utf-8", "surrogateescape") == path
