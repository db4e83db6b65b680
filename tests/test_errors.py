"""How texts from outside are made such as can be shown."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from mstage.errors import printable, shown, storable


def test_nothing_that_acts_is_left_and_nothing_is_lost() -> None:
    for character in map(chr, [*range(0x30000), *range(0xE0000, 0xE0200), sys.maxunicode]):
        text = printable(character)
        assert text == printable(text)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
            assert text == character.encode("unicode_escape").decode()
        assert text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\n \tb\r", r"a\n \tb\r"),
        ("\x1b[2J\x9b\x00", r"\x1b[2J\x9b\x00"),
        ("\u202eloss\u2066\u200b\ufeff\u2028", r"\u202eloss\u2066\u200b\ufeff\u2028"),
        ("\udcff\u3164\ufe0f\U000e0041", r"\udcff\u3164\ufe0f\U000e0041"),
        (r"C:\new [red] é界²", r"C:\new [red] é界²"),
    ],
)
def test_printable(text: str, seen: str) -> None:
    assert printable(text) == seen


def test_what_is_long_is_cut_between_characters() -> None:
    assert shown("x" * 60) == "x" * 60
    assert shown("x" * 61) == "x" * 57 + "..."
    assert shown("\x1b" * 10, 20) == r"\x1b" * 4 + "..."
    assert shown("\x1b" * 5, 20) == r"\x1b" * 5


def test_layout_of_an_exception_is_no_line_break() -> None:
    assert shown(ValueError("one\n  two\x1b")) == r"one two\x1b"


def test_names_that_numpy_and_pandas_can_hold() -> None:
    assert storable("a\x00\udcff\x1bé") == "a\\x00\\udcff\x1bé"
