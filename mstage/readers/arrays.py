"""Which series do the arrays of a binary file hold: npz, npy or Parquet?

An npz file is a column an array, those of equal length beside each other; a single npy array is one series. Nothing is
ever unpickled.
"""

from __future__ import annotations

import math
import warnings
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np

from mstage.errors import InputError, shown
from mstage.npz import DAMAGE, array_of, members_of, read_header
from mstage.readers.content import Content, check_size
from mstage.readers.log import Column, Log, Table, series_of, series_of_lists
from mstage.readers.records import MOST_NAMES
from mstage.readers.weights_and_biases import chart_series, check_no_table_of_runs

EXPECTED = "expected columns of numbers"
MOST_COLUMNS = 64  # of a two-dimensional array that are taken for series
MOST_FOOTER = 8 * 2**20  # bytes of the metadata of a Parquet file
LEAVE_OUT = "Leave out those that are not looked at."
NPY, PARQUET = b"\x93NUMPY", b"PAR1"


def read_numpy(content: Content) -> Log:
    """Read an npz or npy file.

    Raises:
        InputError: It is damaged, or holds no columns of numbers.
    """
    columns: dict[str, Column] = {}
    for name, array in _arrays(content):
        check_size(content.source, array.size, array.shape[0] if array.ndim else 0)  # of a single one
        if array.dtype.kind not in "iufb" or array.ndim not in (1, 2) or 0 in array.shape:
            continue
        if array.ndim == 1:
            columns[name] = Column.whole(array)
        elif array.shape[1] <= MOST_COLUMNS:
            columns |= {f"{name}_{place}": Column.whole(part) for place, part in enumerate(array.T)}
    if not columns:
        raise InputError(
            f"{content.source}: is a NumPy file without columns of numbers; {EXPECTED}. "
            f"Save them with numpy.savez(path, step=step, loss=loss)."
        )
    return Log(content.source, "NumPy arrays", series_of_lists(columns), content.remarks)


def read_parquet(content: Content) -> Log:
    """Read a Parquet file.

    Raises:
        InputError: pyarrow is not there, or the file is damaged.
    """
    try:
        parquet = import_module("pyarrow.parquet")  # an extra of its own
    except ImportError:
        raise InputError(
            f"{content.source}: is Parquet, which needs the package pyarrow, which is not installed. "
            f"Install it (`pip install 'mstage[parquet]'`), or save the log as CSV."
        ) from None
    columns: dict[str, Column] = {}
    try:
        if MOST_FOOTER < int.from_bytes(content.data[-8:-4], "little") <= len(content.data):  # becomes many times that
            raise InputError(
                f"{content.source}: has more than {MOST_FOOTER >> 20} MiB of metadata, as of very many columns; "
                f"expected less. {LEAVE_OUT}"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = parquet.ParquetFile(BytesIO(content.data))
            numeric = [field.name for field in file.schema_arrow if _is_numeric(str(field.type))]
            check_size(content.source, len(numeric) * file.metadata.num_rows, file.metadata.num_rows)
            if len(numeric) > MOST_NAMES:
                raise InputError(f"{content.source}: has more than {MOST_NAMES:,} columns; expected fewer. {LEAVE_OUT}")
            check_no_table_of_runs(content.source, file.schema_arrow.names)
            read = file.read(columns=numeric)
            for name in dict.fromkeys(numeric):
                column = read.column(name).combine_chunks()
                rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
                values = column.to_numpy(zero_copy_only=False).astype(float)
                columns[str(name)] = Column(rows, values[rows])
    except InputError:
        raise
    except Exception as error:  # pyarrow's errors have no common kind where a file is damaged
        raise InputError(f"{content.source}: is damaged or cut short Parquet ({shown(error)}); {EXPECTED}.") from None
    table = Table(columns, read.num_rows)
    charts = chart_series(table)
    return Log(content.source, "Parquet", charts or series_of(table), content.remarks)


def _is_numeric(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "double", "halffloat", "bool", "decimal"))


def _arrays(content: Content) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """The arrays of a file by name, what is no array or would have to be unpickled left aside."""
    try:
        if content.data.startswith(NPY):
            return [("values", _single(content.data))]
        file = BytesIO(content.data)
        members = members_of(file)
        if any(member.filename.endswith("data.pkl") for member in members):
            raise InputError(
                f"{content.source}: is a file of torch.save, which is never unpickled here; {EXPECTED}. "
                f"Save the losses with numpy.savez(path, step=step, loss=loss)."
            )
        found = [array_of(file, member) for member in members if member.filename.endswith(".npy")]
        found = [array for array in found if array.dtype.kind in "iufb" and len(array.shape) in (1, 2)]
        if len(found) > MOST_NAMES:
            raise InputError(f"{content.source}: holds more than {MOST_NAMES:,} arrays; expected fewer. {LEAVE_OUT}")
        lengths = [array.shape[0] for array in found]
        check_size(content.source, sum(math.prod(array.shape) for array in found), max(lengths, default=0))
        return [(array.name, array.read(file)) for array in found]
    except DAMAGE as error:
        raise InputError(
            f"{content.source}: is not NumPy, or damaged or cut short ({shown(error)}); {EXPECTED}. "
            f"Write it with numpy.savez."
        ) from None


def _single(data: bytes) -> np.ndarray[Any, Any]:
    """The array of an npy file, whose head may promise more than there is.

    Raises:
        ValueError: It does, or it holds objects.
    """
    file = BytesIO(data)
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    size = math.prod(shape) * dtype.itemsize
    if size > len(data) - file.tell() or (size == 0 and 0 not in shape):
        raise ValueError("it is shorter than its head says")
    return np.frombuffer(data, dtype, math.prod(shape), file.tell()).reshape(shape, order="F" if is_fortran else "C")
