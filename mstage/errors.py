"""What a user can get wrong, and the exit code of each.

Every error that a user can cause is an `MstageError`. Its text names the thing, what was found, what was expected and
the way out, in one line; the command line prints that line and ends with the error's exit code, without a traceback.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import accumulate
from typing import TYPE_CHECKING

from mstage.nearness import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Characters that are invisible, or only change the width of the one before.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
)


class ExitCode(IntEnum):
    """How a command ended.

    `DIVERGED`: some runs diverged, the results of the others are there. `CONDITION`: what `--fail-on` names is there,
    or what `--until` waits for did not come.
    """

    DONE = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    DIVERGED = 4
    CONDITION = 5
    INTERRUPTED = 130


class MstageError(Exception):
    """Something that the user can put right; `exit_code` is what the command line ends with."""

    exit_code = ExitCode.BUG


class UsageError(MstageError):
    """An option, a key or an argument that makes no sense."""

    exit_code = ExitCode.USAGE


class InputError(MstageError):
    """A file or a folder that cannot be read, cannot be written, or does not hold what it should."""

    exit_code = ExitCode.INPUT


def unknown_name(what: str, found: str, known: Iterable[str]) -> str:
    """One line for a name that is not among the known ones, with the nearest of them.

    Args:
        what: The kind of thing, as `key` or `activation`.
        found: The name that was given.
        known: The names that would have been understood.
    """
    names = sorted(known)
    if "," in found:
        return f"{what} `{shown(found)}`: one {what} is expected, a list is not taken; known: {', '.join(names)}."
    near = nearest(found, names)
    hint = f" Did you mean `{near}`?" if near else ""
    return f"unknown {what} `{shown(found)}`; known: {', '.join(names)}.{hint}"


def printable(text: str) -> str:
    r"""A text that is safe in a line: control and invisible characters are escaped, as `\x1b`.

    Line breaks are escaped too. Escaping twice changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and c not in _BLANK else _escape(c) for c in text)


def shown(value: object, length: int = 60) -> str:
    """A value as it may stand in a line of an error: short and printable.

    The line breaks of an exception are its layout, and become spaces.
    """
    text = " ".join(str(value).split()) if isinstance(value, BaseException) else str(value)
    pieces = [printable(c) for c in text[: length + 1]]
    if sum(map(len, pieces)) <= length:
        return "".join(pieces)
    ends = accumulate(map(len, pieces))
    return "".join(piece for piece, end in zip(pieces, ends, strict=True) if end <= length - 3) + "..."


def storable(name: str) -> str:
    r"""A name that NumPy and pandas can hold: NumPy drops NUL at its end, and pandas takes no surrogate.

    These become `\x00` and `\udcff`; everything else stays as it is, for whoever reads the JSON.
    """
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def listed(first: Sequence[str], count: int) -> str:
    """The first of some names, and how many more there are.

    Args:
        first: Those that are told, as they are to stand there.
        count: How many there are in all.
    """
    return ", ".join(first) + (f" and {count - len(first):,} more" if count > len(first) else "")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
