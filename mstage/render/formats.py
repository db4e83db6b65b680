"""The formats of results and of figures, and a result as JSON or as CSV: the one place that writes either.

Values that are not finite, which JSON cannot hold, become null; in CSV they are empty.
"""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from mstage.errors import UsageError, printable, unknown_name

if TYPE_CHECKING:
    import pandas as pd

JSON_FORMAT = 1  # of the JSON objects


class Format(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"

    @classmethod
    def parse(cls, text: str) -> Format:
        """Read the value of `--format`.

        Raises:
            UsageError: It is none of these.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            raise UsageError(f"--format: {unknown_name('format', text, [str(one) for one in cls])}") from None


class FigureFormat(StrEnum):
    """How figures are written."""

    PNG = "png"
    PDF = "pdf"
    SVG = "svg"

    @classmethod
    def parse(cls, text: str) -> tuple[FigureFormat, ...]:
        """Read the value of `--figure-format`, as `png,pdf`; each once.

        Raises:
            UsageError: One of them is not known.
        """
        try:
            return tuple(dict.fromkeys(cls(part.strip().lower().lstrip(".")) for part in text.split(",")))
        except ValueError:
            raise UsageError(
                f"--figure-format {text}: expected one or several of {', '.join(cls)}, as in png,pdf"
            ) from None


class Result(Protocol):
    """What a command finds."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""

    def to_dataframe(self) -> pd.DataFrame:
        """Its table."""


def json_text(source: str, values: dict[str, Any]) -> str:
    """A result as a JSON object, under the number of the format and the name of its source."""
    return json.dumps(_plain({"format": JSON_FORMAT, "source": source} | values), indent=2, allow_nan=False) + "\n"


def csv_text(table: pd.DataFrame) -> str:
    r"""A result as CSV with a line of names, numbers in full; control characters are written out, as `\x1b`."""
    legible = table.rename(columns=printable)
    for name, column in legible.items():
        if column.dtype.kind not in "biuf":
            legible[name] = [printable(one) if isinstance(one, str) else one for one in column]
    return legible.replace([math.inf, -math.inf], math.nan).to_csv(index=False, lineterminator="\n")


def _plain(value: Any) -> Any:
    """Containers and NumPy scalars as what JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
