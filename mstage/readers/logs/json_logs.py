"""What does a JSON log hold: lines of records, the state of a Hugging Face trainer, or a document of lists?

JSON Lines are parsed in pieces; a line that is no record, as the last one of a killed run, is left out and counted.
A document is one of three: it has a `log_history` (Hugging Face), or is a list of records, or holds lists of numbers by
name (what Keras' `history.history` is). Detectron2, MMEngine and LLaMA-Factory write JSON Lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from mstage.errors import InputError, shown
from mstage.readers.logs.log import (
    Column,
    GrowingColumns,
    Log,
    Series,
    check_size,
    counted_remarks,
    series_of,
    series_of_lists,
)
from mstage.readers.logs.record_columns import columns_of, number
from mstage.readers.logs.source_bytes import lines_of

LINES_LOOKED_AT = 50
LINES_PARSED_TOGETHER = 20_000
MAX_NO_RECORDS = 1_000_000  # lines
MAX_CONTAINERS = 8_000_000  # lists and records in all the lines: some ten seconds
MAX_IN_DOCUMENT = 1_500_000  # lists and records in a document: a gigabyte
LONGEST_RECORD = 4 * 2**20  # characters of a line
MAX_DOCUMENT = 48 * 2**20  # characters; a document is parsed at once
LONGEST_HEAD = 2**20
EXPECTED_JSON = "expected lines of records, a `log_history` as Hugging Face has it, or lists of numbers by name"


def is_json_lines(text: str) -> bool:
    """Whether most of the first lines of a text are records, and there is more than one of them."""
    lines = [line for line in lines_of(text[:LONGEST_HEAD])[: 4 * LINES_LOOKED_AT] if line.strip()][:LINES_LOOKED_AT]
    records = sum(isinstance(_parsed(line), dict) for line in lines if line.lstrip().startswith("{"))
    return records >= 1 and 2 * records >= len(lines) - 1 and (len(lines) > 1 or _is_flat(_parsed(lines[0])))


def is_document(text: str) -> bool:
    """Whether a text is, or was before it was cut, one JSON document."""
    head = text[:1000].lstrip("\ufeff \t\r\n")
    inside = head[1:].lstrip()[:1]
    return (head.startswith("{") and inside in ('"', "}")) or (
        head.startswith("[") and (inside in ("{", "[", "]") or (inside in "-0123456789" and _is_list(text)))
    )


def _is_list(text: str) -> bool:
    return len(text) <= MAX_DOCUMENT and isinstance(_parsed(text), list)


def _is_flat(record: object) -> bool:
    return isinstance(record, dict) and not any(isinstance(value, (list, dict)) for value in record.values())


def _parsed(line: str) -> object:
    """A line as JSON, None if it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _may_be_record(line: str) -> bool:
    return len(line) <= LONGEST_RECORD and line[0] in "{ \t\r\ufeff" and line.rstrip()[-1] == "}"


def _containers(text: str) -> int:
    """How many lists and records there are: each takes a hundred times the memory of its two characters."""
    return text.count("{") + text.count("[")


class JsonLinesReader:
    """Reads JSON Lines, all at once or as they come.

    Args:
        source: What the user calls it.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._columns = GrowingColumns(source)
        self._no_records = self._containers = 0

    def feed(self, text: str) -> None:
        """Read on: whole lines."""
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        self._containers += _containers(text)
        if self._containers > MAX_CONTAINERS:
            raise InputError(
                f"{self._source}: holds more than {MAX_CONTAINERS:,} lists and records within records; "
                f"expected fewer. Hand on what counts, as in `jq -c '{{step, loss}}' LOG | mstage detect-stages -`."
            )
        for start in range(0, len(lines), LINES_PARSED_TOGETHER):
            columns = columns_of(self._records(lines[start : start + LINES_PARSED_TOGETHER]))
            if self._no_records > MAX_NO_RECORDS:
                raise InputError(
                    f"{self._source}: has more than {MAX_NO_RECORDS:,} lines that are no JSON records; "
                    f"expected fewer. Hand on those that are, as in `grep '^{{.*}}$' LOG | mstage detect-stages -`."
                )
            self._columns.add(columns)

    def log(self) -> Log:
        """What has been read so far."""
        remarks = counted_remarks([(self._no_records, "lines that are no JSON records left out")])
        return Log(self._source, "JSON Lines", series_of(self._columns.joined()), remarks)

    def _records(self, lines: list[str]) -> list[dict[str, object]]:
        try:  # together is twice as fast
            if max(map(len, lines)) > LONGEST_RECORD:
                raise ValueError
            found = json.loads(f"[{','.join(lines)}]")
        except (ValueError, RecursionError):
            found = [_parsed(line) if _may_be_record(line) else None for line in lines]
        records = [one for one in found if isinstance(one, dict)]
        self._no_records += len(lines) - len(records)
        return records


def read_document(source: str, text: str) -> Log:
    """Read a JSON document.

    Raises:
        InputError: It is no JSON, is too large, or holds no series.
    """
    if len(text) > MAX_DOCUMENT:
        raise InputError(
            f"{source}: is a single JSON document of more than {MAX_DOCUMENT >> 20} MiB; expected less. "
            f"Write one record a line (`jq -c '.[]'`)."
        )
    if _containers(text) > MAX_IN_DOCUMENT:
        raise InputError(
            f"{source}: is a single JSON document of more than {MAX_IN_DOCUMENT:,} lists and records; expected fewer. "
            f"Write one record a line (`jq -c '.[]'`)."
        )
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        cut = "is JSON that ends too early" if is_cut else f"is no JSON: {shown(error.msg)}"
        raise InputError(f"{source}: {cut} in line {error.lineno}; {EXPECTED_JSON}.") from None
    except RecursionError:
        raise InputError(f"{source}: is JSON that is nested too deeply; {EXPECTED_JSON}.") from None
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{source}: is JSON that cannot be read ({shown(error)}); {EXPECTED_JSON}.") from None
    return _log(source, document)


def _log(source: str, document: object) -> Log:
    if isinstance(document, dict) and isinstance(document.get("log_history"), list):
        records = [one for one in document["log_history"] if isinstance(one, dict)]
        return Log(source, "the state of a Hugging Face trainer", series_of(columns_of(records)))
    if isinstance(document, list):
        if document and all(isinstance(one, dict) for one in document):
            return Log(source, "a JSON list of records", series_of(columns_of(document)))
        document = {"values": document}
    if isinstance(document, dict):
        lengths = [len(one) for one in document.values() if isinstance(one, list)]
        check_size(source, sum(lengths), max(lengths, default=0))
        series = _lists(document)
        if series:
            return Log(source, "JSON lists by name", series)
        records = [one for one in document.values() if isinstance(one, dict)]
        if records and len(records) == len(document) and all(number(key) is not None for key in document):
            steps = ({"step": number(key)} | one for key, one in document.items())
            return Log(source, "JSON records by step", series_of(columns_of(steps)))
    keys = ", ".join(f"`{shown(key, 30)}`" for key in list(document)[:8]) if isinstance(document, dict) else ""
    raise InputError(f"{source}: is JSON without any series{f' (it has {keys})' if keys else ''}; {EXPECTED_JSON}.")


def _lists(document: Mapping[str, object], prefix: str = "") -> tuple[Series, ...]:
    """Lists of numbers by name as series, those of equal length beside each other."""
    columns = {
        f"{prefix}{name}": Column.whole(np.array([_number_or_nan(value) for value in values]))
        for name, values in document.items()
        if isinstance(values, list) and values and all(_is_number(value) for value in values)
    }
    inner = [_lists(one, f"{prefix}{name}/") for name, one in document.items() if isinstance(one, dict) and not prefix]
    own = series_of_lists(columns)
    return own + tuple(one for series in inner for one in series)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _number_or_nan(value: object) -> float:
    """A number of a list, NaN for null, so that the others keep their places."""
    found = number(value)
    return float("nan") if found is None else found
