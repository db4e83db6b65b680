"""Logs that are made up: series of hostile numbers, columns of every type, names of every character."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import numbers

NAMES = (
    "loss", "loss", "loss", "train/loss", "train_loss", "val_loss", "Loss", "step", "step", "epoch", "iter", "time",
    "wall_time", "timestamp", "tokens", "samples", "lr", "value", "", " ", "\t", "a\nb", "\r", "\0", "\x1b[31mloss",
    "\u202eloss", "\u200bloss", "l\u00f6ss", "\u640d\u5931", "\ud800", "loss\udcff", "'", '"', '"loss"', "`", "\\",
    "$(loss)", "[bold]loss[/bold]", "%s", "{loss}", ",", ";", "|", "=", "loss*", "[l]oss", "loss" * 2500, "x" * 300,
    "nan", "1", "-1e5", "null", "loss (2)", "a/b/c/d/e/f/g", "a - loss", "\ufeffloss", "\U0001f4a9 loss",
)  # fmt: skip
CELLS: tuple[Any, ...] = (
    "text", "", "nan", "NaN", "inf", "-Infinity", "1e999", "1e-999", "1,5", "1_000", "50%", "0:01:30", "9:99:99",
    "2024-01-01", "2024-01-01 10:00:00", "2024-13-45T99:99:99Z", True, False, None, [], [1.0], [1, 2], {}, {"loss": 1},
    {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, "tensor(0.5, device='cuda:0')", "\ud83d", "\0", "b'x'", 10**400,
    -(10**400), 2**63, 2**64, "0x1p-3", "\u0661\u0662", "\u2212" + "1", "+1.", ".5", "1e", "--", "True",
)  # fmt: skip
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class WrittenLog:
    """A log that was made up, in a file.

    Attributes:
        path: Of the file.
        names: Of its columns.
    """

    path: Path
    names: tuple[str, ...]


def written_log(chance: random.Random, folder: Path) -> WrittenLog:
    """A log in a format of chance."""
    columns = made_columns(chance)
    name, write = chance.choice(FORMATS)
    path = folder / f"made.{name}"
    path.write_bytes(write(chance, columns))
    return WrittenLog(path, tuple(columns))


def made_columns(chance: random.Random) -> Columns:
    """Columns of equal length: some clocks and losses, and some of anything."""
    size = chance.choice(numbers.SIZES if chance.random() < 0.4 else numbers.SIZES[4:])
    columns: Columns = {}
    if chance.random() < 0.9:
        columns[chance.choice(["step", "step", "epoch", "time", "seconds", "tokens", chance.choice(NAMES)])] = (
            numbers.clock(chance, size).tolist()
        )
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        name = chance.choice(["loss", "loss", "train_loss", chance.choice(NAMES)])
        columns[name] = numbers.losses(chance, size).tolist()
    for _ in range(chance.choice([0, 0, 1, 3])):
        columns[chance.choice(NAMES)] = _of_any_type(chance, size)
    if chance.random() < 0.2:
        for name in columns:
            columns[name] = [chance.choice(CELLS) if chance.random() < 0.1 else one for one in columns[name]]
    return columns


def _of_any_type(chance: random.Random, size: int) -> list[Any]:
    """One type for all cells, or one for each."""
    one = chance.choice(CELLS)
    return [one if chance.random() < 0.8 else chance.choice(CELLS) for _ in range(size)]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _delimited(chance: random.Random, columns: Columns) -> bytes:
    """Cells as they are, or quoted as they should be."""
    import csv

    separator = chance.choice([",", ",", "\t", ";", "|", " "])
    rows = [list(columns), *zip(*columns.values(), strict=True)] if chance.random() < 0.9 else list(
        zip(*columns.values(), strict=True)
    )  # fmt: skip
    texts = [["" if cell is None else str(cell) if not isinstance(cell, float) else repr(cell) for cell in row]
             for row in rows]  # fmt: skip
    if chance.random() < 0.3:
        return _encoded("\n".join(separator.join(row) for row in texts) + "\n")
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=chance.choice(["\n", "\r\n"])).writerows(texts)
    return _encoded(file.getvalue())


def _records(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _json(value: Any, chance: random.Random) -> bytes:
    return _encoded(json.dumps(value, ensure_ascii=chance.random() < 0.5))


def _json_lines(chance: random.Random, columns: Columns) -> bytes:
    """One record a line, at times without what is missing."""
    sparse = chance.random() < 0.5
    records = [{key: one for key, one in row.items() if not (sparse and one is None)} for row in _records(columns)]
    return b"".join(_json(record, chance) + b"\n" for record in records)


def _document(chance: random.Random, columns: Columns) -> bytes:
    """Records or columns, at the top or below a key."""
    value: Any = chance.choice([_records(columns), columns])
    return _json(chance.choice([value, value, {"log_history": value}, {"history": value, "best": None}]), chance)


def _text(chance: random.Random, columns: Columns) -> bytes:
    """A name before every number."""
    between, after = chance.choice([" ", ": ", "="]), chance.choice([" ", ", ", " | "])
    lines = [after.join(f"{name}{between}{value}" for name, value in row.items()) for row in _records(columns)]
    return _encoded("\n".join(lines) + "\n")


def _npz(chance: random.Random, columns: Columns) -> bytes:
    """Arrays of every type; objects that NumPy would pickle are left out."""
    file, arrays = io.BytesIO(), {}
    for name, values in columns.items():
        if all(isinstance(value, float) for value in values):
            array = np.asarray(values, float)
            with np.errstate(all="ignore"):
                kinds = [
                    "f8",
                    "f8",
                    "f8",
                    "f4",
                    "f2",
                    ">f8",
                    "i8",
                    "u1",
                    "?",
                    "c16",
                    "S5",
                    "U5",
                    "M8[s]",
                    "m8[ns]",
                    "g",
                ]
                array = np.nan_to_num(array).astype("i8").astype(k) if (k := chance.choice(kinds))[0] in "Mm" else (
                    np.nan_to_num(array, posinf=0, neginf=0).astype(k) if k[0] in "iu" else array.astype(k)
                )  # fmt: skip
            arrays[name] = array.reshape(chance.choice([(-1,), (-1,), (-1, 1), (1, -1)]))
        else:
            arrays[name] = np.array([str(value).replace("\0", "") for value in values], dtype=str)
    usable = {name: one for name, one in arrays.items() if name and "\0" not in name and _is_unicode(name)}
    np.savez(file, **{name.replace("/", "_") if name != "file" else "f": one for name, one in usable.items()})
    return file.getvalue()


def _parquet(chance: random.Random, columns: Columns) -> bytes:
    """Columns of every type of Arrow."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = [
        pa.float64(), pa.float64(), pa.float32(), pa.int64(), pa.bool_(), pa.string(), pa.binary(), pa.timestamp("ns"),
        pa.date32(), pa.decimal128(38, 10), pa.list_(pa.float64()), pa.duration("s"),
        pa.dictionary(pa.int32(), pa.string()),
    ]  # fmt: skip
    arrays, names = [], []
    for name, values in columns.items():
        if not _is_unicode(name):
            continue
        kind = chance.choice(kinds) if chance.random() < 0.3 else pa.float64()
        try:
            array = pa.array([value if isinstance(value, float) else None for value in values], pa.float64())
            arrays.append(pa.array([[value] for value in array.to_pylist()], kind) if pa.types.is_list(kind)
                          else array.cast(kind, safe=False))  # fmt: skip
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            arrays.append(pa.array([str(value).encode("utf-8", "replace").decode() for value in values], pa.string()))
        names.append(name)
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(arrays, names=names), file)
    return file.getvalue()


def _events(chance: random.Random, columns: Columns) -> bytes:
    """A TensorBoard file: scalars at steps and wall times of chance."""
    from tests.readers.writers import event_bytes

    name = next(reversed(columns))
    values = [value if isinstance(value, float) else 0.5 for value in columns[name]][:200]
    size = len(values)

    def write(folder: Path, losses: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        writer = EventFileWriter(str(folder))
        steps, walls = np.clip(np.nan_to_num(numbers.clock(chance, size)), -9e18, 9e18), numbers.clock(chance, size)
        tag = name if _is_unicode(name) else "loss"
        for loss, step, wall in zip(losses, steps, walls, strict=True):
            with np.errstate(all="ignore"):
                value = Summary.Value(tag=tag, simple_value=float(np.float32(loss)))
            writer.add_event(Event(wall_time=wall, step=int(step), summary=Summary(value=[value])))
        writer.close()

    return event_bytes(write, values)


def _is_unicode(name: str) -> bool:
    return name.encode("utf-8", "ignore").decode() == name


FORMATS: tuple[tuple[str, Callable[[random.Random, Columns], bytes]], ...] = (
    ("csv", _delimited), ("csv", _delimited), ("csv", _delimited), ("jsonl", _json_lines), ("jsonl", _json_lines),
    ("json", _document), ("txt", _text), ("npz", _npz), ("parquet", _parquet), ("events", _events),
)  # fmt: skip
