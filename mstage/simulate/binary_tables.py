"""What columns does a binary table hold, a Parquet or an npz file?

pyarrow and NumPy do the reading, once it is known that what they will make room for is there and not only claimed.
"""

from __future__ import annotations

import math
import re
import warnings
from importlib import import_module
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd

from mstage.errors import InputError, shown
from mstage.npz import DAMAGE, Array, array_of, members_of
from mstage.simulate.columns import (
    EXPECTED,
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    MOST_VALUES,
    ROWS_LOOKED_AT,
    Columns,
    check_twice,
    too_many,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = re.compile("(dictionary<values=)?(u?int|float|double|halffloat|bool|decimal|timestamp|date|time|duration|null)")
MOST_FOOTER = 8 * 2**20  # bytes of the metadata of a Parquet file
SMALL = 2**20  # bytes of an array that is read for an example of what is in it


def read_parquet(path: str, data: bytes) -> Columns:
    """Read a Parquet file.

    Raises:
        InputError: It is none, is damaged or too large, or the package pyarrow is not there.
    """
    if not data.startswith(b"PAR1"):
        raise InputError(f"{path}: is not Parquet, as its name says, by its first bytes; {EXPECTED}.")
    try:
        parquet = import_module("pyarrow.parquet")  # an extra of its own: most tables are text
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if MOST_FOOTER < int.from_bytes(data[-8:-4], "little") <= len(data):
                raise too_many(path)
            file = parquet.ParquetFile(BytesIO(data))
            check_twice(path, list(file.schema_arrow.names))
            _check_parquet(path, file)
            flaws = {
                field.name: _parquet_flaw(file, field.name, str(field.type))
                for field in file.schema_arrow
                if not PLAIN.match(str(field.type))
            }
            names = [name for name in file.schema_arrow.names if name not in flaws]
            frame = pd.read_parquet(BytesIO(data), engine="pyarrow", columns=names).reset_index(drop=True)
    except ImportError:
        raise InputError(
            f"{path}: Parquet needs the package pyarrow, which is not installed. "
            f"Install it (`pip install 'mstage[parquet]'`), or save the table as CSV."
        ) from None
    except InputError:
        raise
    except Exception as error:  # pyarrow's errors have no common kind where a file is damaged
        raise InputError(f"{path}: is damaged or cut short Parquet ({shown(error)}). Write it anew.") from None
    return Columns({str(name): frame.iloc[:, index] for index, name in enumerate(frame.columns)}, flaws)


def _parquet_flaw(file: Any, name: str, kind: str) -> str:
    """Why a column is none of numbers. One text of it is read at most: the same one can stand in a million rows."""
    if "string" in kind:
        rows = islice(file.iter_batches(batch_size=1, columns=[name]), ROWS_LOOKED_AT)
        values = [value for batch in rows for value in batch.column(0).to_pylist()]
        row = next((row for row, value in enumerate(values) if value is not None), None)
        if row is not None:
            return f"holds `{shown(values[row])}` in row {row + 1}, which is no number; expected numbers"
    return f"is of type {shown(kind)}; expected numbers"


def _check_parquet(path: str, file: Any) -> None:
    """Refuse what takes more room than there is: what columns say of their sizes, texts counted as often as they stand.

    Raises:
        InputError: It does.
    """
    metadata = file.metadata
    rows, columns = metadata.num_rows, metadata.num_columns
    if rows > MOST_ROWS or columns > MOST_COLUMNS or columns * rows > MOST_VALUES:
        raise too_many(path)
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    parts = [group.column(column) for group in groups for column in range(columns)]
    if sum(part.total_uncompressed_size for part in parts) > MOST_BYTES:
        raise InputError(
            f"{path}: is larger than {MOST_BYTES >> 20} MiB when it is unpacked; expected less. "
            f"Leave out rows, or the columns that are not learnt."
        )


def read_npz(path: str, data: bytes) -> Columns:
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
        if plain.ndim == 2 and plain.shape[1] > MOST_COLUMNS:
            raise too_many(path)
        parts = {name: plain} if plain.ndim == 1 else {f"{name}_{k}": part for k, part in enumerate(plain.T)}
        found += parts
        if len(found) > MOST_COLUMNS:
            raise too_many(path)
        values |= {key: pd.Series(part) for key, part in parts.items()}
    if not values and not flaws:
        raise InputError(f"{path}: holds no arrays; {EXPECTED}. Save columns with numpy.savez(path, x=x, y=y).")
    check_twice(path, found)
    return Columns(values, flaws)


def _arrays(path: str, data: bytes) -> Iterator[tuple[str, np.ndarray | str]]:
    """The arrays of an npz file, or why one is none; a member that is no array is passed over."""
    try:
        file = BytesIO(data)
        if data.startswith(b"\x93NUMPY"):
            raise ValueError("it is a single array")
        found = [array_of(file, member) for member in members_of(file) if member.filename.endswith(".npy")]
        if sum(math.prod(array.shape) for array in found if array.dtype.kind in "biuf") > MOST_VALUES:
            raise too_many(path)
        for array in found:
            if array.dtype.hasobject:
                yield array.name, "holds Python objects, which are never unpickled"
            else:
                yield array.name, _array_flaw(array, file) or array.read(file)
    except DAMAGE as error:
        raise InputError(
            f"{path}: is not npz, or damaged or cut short ({shown(error)}); {EXPECTED}. Write it with numpy.savez."
        ) from None


def _array_flaw(array: Array, file: BinaryIO) -> str:
    """Why an array cannot be columns; empty if it can."""
    kinds = {"c": "complex numbers", "M": "times", "m": "durations", "U": "text", "S": "text", "V": "records"}
    kind = array.dtype.kind
    if len(array.shape) not in (1, 2):
        return f"is an array of {len(array.shape)} dimensions; expected 1 (a column) or 2 (columns side by side)"
    if kind not in "biuf":
        is_shown = 0 < array.member.file_size <= SMALL and 0 not in array.shape
        first = f" (`{shown(array.read(file).flat[0])}`)" if is_shown else ""
        return f"holds {kinds.get(kind, str(array.dtype))}{first}; expected numbers"
    return ""
