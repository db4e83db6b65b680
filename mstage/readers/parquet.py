"""Which columns does a Parquet file hold, without trusting what it says of itself?

pyarrow, an extra, does the reading. The size of the metadata is looked at before they are parsed, and what the columns
say of their sizes is known before any of them is read.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mstage.errors import InputError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_FOOTER = 8 * 2**20  # bytes of the metadata, which become many times that


class ParquetFile:
    """A Parquet file that is open.

    Args:
        file: A `pyarrow.parquet.ParquetFile`.
        data: All of it.

    Attributes:
        fields: Name and type of each column, in the order of the file; two can share a name.
        rows: How many rows there are.
        leaves: How many columns there are, those within nested ones counted one by one.
    """

    def __init__(self, file: Any, data: bytes) -> None:  # pyarrow has no types
        self._file, self._data = file, data
        self.fields: list[tuple[str, str]] = [(field.name, str(field.type)) for field in file.schema_arrow]
        self.rows: int = file.metadata.num_rows
        self.leaves: int = file.metadata.num_columns

    def unpacked_bytes(self) -> int:
        """How much its columns say that they become, a text counted as often as it stands."""
        groups = (self._file.metadata.row_group(group) for group in range(self._file.metadata.num_row_groups))
        return sum(group.column(leaf).total_uncompressed_size for group in groups for leaf in range(self.leaves))

    def first_values(self, name: str, count: int) -> list[object]:
        """The first few values of a column, None where there is none."""
        batches = islice(self._file.iter_batches(batch_size=1, columns=[name]), count)  # one text can fill a million
        return [value for batch in batches for value in batch.column(0).to_pylist()]

    def numbers(self, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Of each column of numbers: its name, the rows in which it has a value, and these values as float64."""
        table = self._file.read(columns=list(names))
        for name in dict.fromkeys(names):
            column = table.column(name).combine_chunks()
            rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
            yield name, rows, column.to_numpy(zero_copy_only=False).astype(float)[rows]

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns as pandas has them, its own types kept where pandas wrote them."""
        frame = pd.read_parquet(BytesIO(self._data), engine="pyarrow", columns=list(names))
        return frame.reset_index(drop=True)


@contextmanager
def open_parquet(source: str, data: bytes, expected: str, too_much: InputError) -> Iterator[ParquetFile]:
    """Open a Parquet file; whatever is found damaged while it is open is an `InputError`.

    Args:
        source: What the user calls it.
        data: All of it.
        expected: What was expected, or what to do, where it is damaged.
        too_much: Raised where its metadata are too large to be looked at.

    Raises:
        InputError: pyarrow is not there, or the file is damaged or has too much metadata.
    """
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            f"{source}: is Parquet, which needs the package pyarrow, which is not installed. "
            f"Install it (`pip install 'mstage[parquet]'`), or save it as CSV."
        ) from None
    if MAX_FOOTER < int.from_bytes(data[-8:-4], "little") <= len(data):
        raise too_much
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield ParquetFile(parquet.ParquetFile(BytesIO(data)), data)
    except InputError:
        raise
    except Exception as error:  # pyarrow's errors have no common kind where a file is damaged
        raise InputError(f"{source}: is damaged or cut short Parquet ({shown(error)}){expected}.") from None
