"""Which series do the arrays of a binary file hold: npz, npy or Parquet?

Each array of an npz file is a column, and those of equal length share their rows; a single npy array is one series.
Nothing is ever unpickled.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import InputError
from mstage.readers.logs.log import Column, Columns, Log, check_size, series_of, series_of_lists
from mstage.readers.logs.record_columns import MAX_NAMES
from mstage.readers.logs.weights_and_biases import chart_series, check_no_table_of_runs
from mstage.readers.npz import arrays_of, members_of, read_header, refuse_damage
from mstage.readers.parquet import MAX_FOOTER, open_parquet
from mstage.readers.signatures import NPY

if TYPE_CHECKING:
    from mstage.readers.logs.source_bytes import SourceBytes

EXPECTED_COLUMNS = "expected columns of numbers"
MAX_COLUMNS = 64  # of a two-dimensional array; wider ones are no series
LEAVE_OUT = "Leave out those that are not looked at."


def read_numpy(source: SourceBytes) -> Log:
    """Read an npz or npy file.

    Raises:
        InputError: It is damaged, or holds no columns of numbers.
    """
    columns: dict[str, Column] = {}
    for name, array in _arrays(source):
        check_size(source.name, array.size, array.shape[0] if array.ndim else 0)  # of a single one
        if array.dtype.kind not in "iufb" or array.ndim not in (1, 2) or 0 in array.shape:
            continue
        if array.ndim == 1:
            columns[name] = Column.whole(array)
        elif array.shape[1] <= MAX_COLUMNS:
            columns |= {f"{name}_{place}": Column.whole(part) for place, part in enumerate(array.T)}
    if not columns:
        raise InputError(
            f"{source.name}: is a NumPy file without columns of numbers; {EXPECTED_COLUMNS}. "
            f"Save them with numpy.savez(path, step=step, loss=loss)."
        )
    return Log(source.name, "NumPy arrays", series_of_lists(columns), source.remarks)


def read_parquet(source: SourceBytes) -> Log:
    """Read a Parquet file.

    Raises:
        InputError: pyarrow is not there, or the file is damaged.
    """
    too_much = InputError(
        f"{source.name}: has more than {MAX_FOOTER >> 20} MiB of metadata, as of very many columns; "
        f"expected less. {LEAVE_OUT}"
    )
    with open_parquet(source.name, source.data, f"; {EXPECTED_COLUMNS}", too_much) as file:
        numeric = [name for name, kind in file.fields if _is_numeric(kind)]
        check_size(source.name, len(numeric) * file.rows, file.rows)
        if len(numeric) > MAX_NAMES:
            raise InputError(f"{source.name}: has more than {MAX_NAMES:,} columns; expected fewer. {LEAVE_OUT}")
        check_no_table_of_runs(source.name, [name for name, _ in file.fields])
        columns = Columns({name: Column(rows, values) for name, rows, values in file.numbers(numeric)}, file.rows)
    charts = chart_series(columns)
    return Log(source.name, "Parquet", charts or series_of(columns), source.remarks)


def _is_numeric(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "double", "halffloat", "bool", "decimal"))


def _arrays(source: SourceBytes) -> list[tuple[str, np.ndarray]]:
    """The arrays of numbers in a file by name; everything else is ignored."""
    with refuse_damage(source.name, "NumPy", EXPECTED_COLUMNS):
        if source.data.startswith(NPY):
            return [("values", _single(source.data))]
        file = BytesIO(source.data)
        members = members_of(file)
        if any(member.filename.endswith("data.pkl") for member in members):
            raise InputError(
                f"{source.name}: is a file of torch.save, which is never unpickled here; {EXPECTED_COLUMNS}. "
                f"Save the losses with numpy.savez(path, step=step, loss=loss)."
            )
        found = arrays_of(file, members)
        found = [array for array in found if array.dtype.kind in "iufb" and len(array.shape) in (1, 2)]
        if len(found) > MAX_NAMES:
            raise InputError(f"{source.name}: holds more than {MAX_NAMES:,} arrays; expected fewer. {LEAVE_OUT}")
        lengths = [array.shape[0] for array in found]
        check_size(source.name, sum(math.prod(array.shape) for array in found), max(lengths, default=0))
        return [(array.name, array.read(file)) for array in found]


def _single(data: bytes) -> np.ndarray:
    """The array of an npy file, whose header may claim more than there is.

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
