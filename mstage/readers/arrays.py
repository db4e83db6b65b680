"""Which series do the arrays of a binary file hold: npz, npy or Parquet?

An npz file is a column an array, those of equal length beside each other; a single npy array is one series. Nothing is
ever unpickled.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np

from mstage.errors import InputError, shown
from mstage.readers.content import Content, check_size
from mstage.readers.log import Column, Log, Table, series_of
from mstage.readers.weights_and_biases import chart_series, check_no_table_of_runs

EXPECTED = "expected columns of numbers"
MOST_COLUMNS = 64  # of a two-dimensional array that are taken for series
NPY, ZIP, PARQUET = b"\x93NUMPY", b"PK\x03\x04", b"PAR1"


def read_numpy(content: Content) -> Log:
    """Read an npz or npy file.

    Raises:
        InputError: It is damaged, or holds no columns of numbers.
    """
    columns: dict[str, Column] = {}
    for name, array in _arrays(content):
        check_size(content.source, array.size, array.shape[0] if array.ndim else 0)
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
    series = tuple(
        replace(one, beside={name: column for name, column in one.beside.items() if column.values.size == one.points})
        for one in series_of(Table(columns, 0))
    )
    return Log(content.source, "NumPy arrays", series, content.remarks)


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = parquet.ParquetFile(BytesIO(content.data))
            numeric = [field.name for field in file.schema_arrow if _is_numeric(str(field.type))]
            check_size(content.source, len(numeric) * file.metadata.num_rows, file.metadata.num_rows)
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
    found: list[tuple[str, np.ndarray[Any, Any]]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that older versions have written
            if content.data.startswith(NPY):
                _check_head(content.data)
                return [("values", np.load(BytesIO(content.data), allow_pickle=False))]
            archive = np.load(BytesIO(content.data), allow_pickle=False)
            members = archive.zip.namelist()
            if any(name.endswith("data.pkl") for name in members):
                raise InputError(
                    f"{content.source}: is a file of torch.save, which is never unpickled here; {EXPECTED}. "
                    f"Save the losses with numpy.savez(path, step=step, loss=loss)."
                )
            total = sum(item.file_size for item in archive.zip.infolist() if item.filename.endswith(".npy"))
            check_size(content.source, total // 8)
            for name in archive.files:
                try:
                    array = archive[name]
                except ValueError as error:
                    if "Object arrays" not in str(error):
                        raise
                    continue
                if isinstance(array, np.ndarray):
                    found.append((name, array))
    except InputError:
        raise
    except Exception as error:  # zip, zlib and NumPy have no common error for a file that is damaged
        raise InputError(
            f"{content.source}: is not NumPy, or damaged or cut short ({shown(error)}); {EXPECTED}. "
            f"Write it with numpy.savez."
        ) from None
    return found


def _check_head(data: bytes) -> None:
    """Refuse an array whose head promises more than there is: NumPy would make room for it first."""
    file = BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if int(np.prod([int(size) for size in shape], dtype=object)) * max(dtype.itemsize, 1) > len(data):
        raise ValueError("it is shorter than its head says")
