"""What columns does a binary table hold, a Parquet or an npz file?"""

from __future__ import annotations

import math
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd

from mstage.errors import InputError, shown
from mstage.readers.limits import MAX_BYTES
from mstage.readers.npz import KINDS, Array, arrays_of, members_of, refuse_damage
from mstage.readers.parquet import ParquetFile, open_parquet
from mstage.readers.signatures import NPY, PARQUET
from mstage.readers.tables.columns import (
    EXPECTED_TABLE,
    LEAVE_OUT,
    MAX_COLUMNS,
    TableColumns,
    check_size,
    check_twice,
    too_many,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = re.compile("(dictionary<values=)?(u?int|float|double|halffloat|bool|decimal|timestamp|date|time|duration|null)")
ROWS_LOOKED_AT = 10  # for an example of what is in a column of texts
SMALL = 2**20  # bytes of an array that is read for an example of what is in it


def read_parquet(path: str, data: bytes) -> TableColumns:
    """Read a Parquet file.

    Raises:
        InputError: It is none, is damaged or too large, or the package pyarrow is not there.
    """
    if not data.startswith(PARQUET):
        raise InputError(f"{path}: is not Parquet, as its name says, by its first bytes; {EXPECTED_TABLE}.")
    with open_parquet(path, data, ". Write it anew", too_many(path)) as file:
        check_twice(path, [name for name, _ in file.fields])
        check_size(path, file.leaves * file.rows, file.rows, file.leaves)
        if file.unpacked_bytes() > MAX_BYTES:
            raise InputError(
                f"{path}: is larger than {MAX_BYTES >> 20} MiB when it is unpacked; expected less. {LEAVE_OUT}"
            )
        flaws = {name: _parquet_flaw(file, name, kind) for name, kind in file.fields if not PLAIN.match(kind)}
        frame = file.frame([name for name, _ in file.fields if name not in flaws])
        return TableColumns({str(name): frame.iloc[:, index] for index, name in enumerate(frame.columns)}, flaws)


def _parquet_flaw(file: ParquetFile, name: str, kind: str) -> str:
    """Why a column is none of numbers."""
    if "string" in kind:
        values = file.first_values(name, ROWS_LOOKED_AT)
        row = next((row for row, value in enumerate(values) if value is not None), None)
        if row is not None:
            return f"holds `{shown(values[row])}` in row {row + 1}, which is no number; expected numbers"
    return f"is of type {shown(kind)}; expected numbers"


def read_npz(path: str, data: bytes) -> TableColumns:
    """Read an npz file.

    Raises:
        InputError: It is none, is damaged or too large.
    """
    values: dict[str, pd.Series[Any]] = {}
    flaws: dict[str, str] = {}
    found: list[str] = []
    for name, array in _arrays(path, data):
        if isinstance(array, str):
            flaws[name] = array
            continue
        # Bytes of another order and long doubles are nothing that pandas knows.
        plain = array.astype("float64" if array.dtype.kind == "f" else array.dtype.newbyteorder("="))
        if plain.ndim == 2 and plain.shape[1] > MAX_COLUMNS:
            raise too_many(path)
        parts = {name: plain} if plain.ndim == 1 else {f"{name}_{k}": part for k, part in enumerate(plain.T)}
        found += parts
        if len(found) > MAX_COLUMNS:
            raise too_many(path)
        values |= {key: pd.Series(part) for key, part in parts.items()}
    if not values and not flaws:
        raise InputError(f"{path}: holds no arrays; {EXPECTED_TABLE}. Save columns with numpy.savez(path, x=x, y=y).")
    check_twice(path, found)
    return TableColumns(values, flaws)


def _arrays(path: str, data: bytes) -> Iterator[tuple[str, np.ndarray | str]]:
    """The arrays of an npz file, or why one is none."""
    with refuse_damage(path, "npz", EXPECTED_TABLE):
        file = BytesIO(data)
        if data.startswith(NPY):
            raise ValueError("it is a single array")
        found = arrays_of(file, members_of(file))
        check_size(path, sum(math.prod(array.shape) for array in found if array.dtype.kind in "biuf"), 0, 0)
        for array in found:
            if array.dtype.hasobject:
                yield array.name, "holds Python objects, which are never unpickled"
            else:
                yield array.name, _array_flaw(array, file) or array.read(file)


def _array_flaw(array: Array, file: BinaryIO) -> str:
    """Why an array cannot be columns; empty if it can."""
    kind = array.dtype.kind
    if len(array.shape) not in (1, 2):
        return f"is an array of {len(array.shape)} dimensions; expected 1 (a column) or 2 (columns side by side)"
    if kind not in "biuf":
        is_shown = 0 < array.member.file_size <= SMALL and 0 not in array.shape
        first = f" (`{shown(array.read(file).flat[0])}`)" if is_shown else ""
        return f"holds {KINDS.get(kind, str(array.dtype))}{first}; expected numbers"
    return ""
