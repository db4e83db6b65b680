"""Which regular expressions read the text logs of nanoGPT, modded-nanogpt and llm.c, and those that a user gives?

A pattern has named groups: each is a series, or a clock by its name. Lines of training and of evaluation differ, so a
format has several.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mstage.errors import UsageError, shown
from mstage.readers.logs.log import Column, Columns
from mstage.readers.logs.names import clock_kind
from mstage.readers.logs.record_columns import number

# Possessive: nothing that has matched is given back, so that a line takes a time linear in its length.
NUMBER = r"[-+]?+(?:\d++(?:\.\d*+)?(?:[eE][-+]?\d++)?|\.\d++(?:[eE][-+]?\d++)?|nan|inf)"


@dataclass(frozen=True)
class TextPattern:
    """How a text log is written.

    Attributes:
        format: What it is called in messages.
        expressions: Regular expressions, each of which is searched for in every line.
    """

    format: str
    expressions: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, format_: str, *lines: str) -> TextPattern:
        """A pattern from expressions in which `<name>` stands for a number of that name."""
        return cls(
            format_,
            tuple(re.compile(re.sub(r"<(\w+)>", _group, line), re.MULTILINE) for line in lines),
        )

    def columns(self, text: str) -> list[Columns]:
        """What each expression finds in some lines."""
        return [
            _columns(expression, {place: name for name, place in expression.groupindex.items()}, text)
            for expression in self.expressions
        ]

    def matches(self, text: str) -> bool:
        """Whether there is anything to find."""
        return any(expression.search(text) for expression in self.expressions)


def _columns(expression: re.Pattern[str], names: Mapping[int, str], text: str) -> Columns:
    """What an expression finds, one row a match; `names` are those of its groups by number."""
    found = expression.findall(text)
    columns = {}
    for place, name in names.items():
        cells = [row[place - 1] for row in found] if expression.groups > 1 else found
        rows = [row for row, cell in enumerate(cells) if cell]
        try:
            values: list[float | None] = [float(cells[row]) for row in rows]
        except ValueError:
            values = [_number(cells[row]) for row in rows]
        kept = [place for place, value in enumerate(values) if value is not None]
        if kept:
            columns[name] = Column(np.array(rows)[kept], np.array(values, float)[kept])
    return Columns(columns, len(found))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return number(cell)  # as `0:01:30`


def _group(name: re.Match[str]) -> str:
    return f"(?P<{name[1]}>{NUMBER})"


PRESETS = {
    "nanogpt": TextPattern.of(
        "a text log of nanoGPT",
        r"^iter <iter>: loss <loss>, time <time_ms>ms",
        r"^step <iter>: train loss <train_loss>, val loss <val_loss>",
    ),
    "modded-nanogpt": TextPattern.of(
        "a text log of modded-nanogpt",
        r"^step:<step>/\d++ train_loss:<train_loss>(?: train_time:<train_time_ms>ms)?",
        r"^step:<step>/\d++ val_loss:<val_loss>(?: train_time:<train_time_ms>ms)?",
    ),
    "llm.c": TextPattern.of(
        "a text log of llm.c",
        r"^s:<step> trl:<train_loss>(?: lr:<learning_rate>)?(?: norm:<norm>)?",
        r"^s:<step> tel:<val_loss>",
        r"^step ++<step>/\d++ \| (?:train )?loss ++<train_loss>",
        r"^step <step>: train loss <train_loss> \(took <time_ms> ms\)",
    ),
}


def pattern_of(text: str) -> TextPattern:
    """The pattern that `--pattern` asks for: a preset by its name, or a regular expression.

    Raises:
        UsageError: It is neither, or has no group to take a value from.
    """
    if text.lower() in PRESETS:
        return PRESETS[text.lower()]
    try:
        expression = re.compile(text, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"--pattern `{shown(text)}`: is no regular expression ({shown(error)}), and none of the presets "
            f"{', '.join(PRESETS)}"
        ) from None
    if expression.groups == 0:
        raise UsageError(
            f"--pattern `{shown(text)}`: has no group to take a value from, and is none of the presets "
            f"{', '.join(PRESETS)}; name them, as in 'step (?P<step>\\d+) loss (?P<loss>\\S+)'"
        )
    if not expression.groupindex:
        names = ["loss"] if expression.groups == 1 else ["step", "loss", *map(str, range(3, expression.groups + 1))]
        return _Numbered("lines of a pattern", (expression,), tuple(names))
    if all(clock_kind(name) for name in expression.groupindex):
        raise UsageError(
            f"--pattern `{shown(text)}`: all of its groups are clocks; name one for a series, as (?P<loss>\\S+)"
        )
    return TextPattern("lines of a pattern", (expression,))


@dataclass(frozen=True)
class _Numbered(TextPattern):
    """A pattern whose groups have no names: the first is the step, if there is another for the loss."""

    names: tuple[str, ...] = ()

    def columns(self, text: str) -> list[Columns]:
        return [_columns(self.expressions[0], dict(enumerate(self.names, 1)), text)]
