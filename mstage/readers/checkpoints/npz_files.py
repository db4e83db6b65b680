"""What tensors does an npz file hold?

Shapes come from the header of each array; values are read some rows at a time through the archive, which verifies their
checksum. Pickled objects are refused before they are read.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import ml_dtypes
import numpy as np

from mstage.errors import InputError, shown
from mstage.outside import open_file
from mstage.readers.checkpoints.tensor_files import StoredTensor, as_floats, row_parts
from mstage.readers.npz import DAMAGE, KINDS, Array, arrays_of, members_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_npz(path: Path) -> dict[str, StoredTensor]:
    """The arrays of a file by name, in the order of the archive.

    Raises:
        InputError: It is no npz file, is damaged, or holds Python objects.
    """
    with _file(path) as file:
        members = members_of(file)
        found = arrays_of(file, members)
    arrays = {one.name: _tensor(path, one) for one in found}
    others = sorted(one.filename for one in members if not one.filename.endswith(".npy"))
    if not arrays:
        held = f"holds `{others[0]}`" if others else "is empty"
        raise InputError(f"{path}: is a zip archive that {held} and no arrays; expected npz, as numpy.savez writes it")
    return arrays


def archived_names(path: Path) -> list[str]:
    """The names of the members of a zip archive.

    Raises:
        InputError: It is damaged.
    """
    with _file(path) as file:
        return [member.filename for member in members_of(file)]


def _tensor(path: Path, array: Array) -> StoredTensor:
    if array.dtype.hasobject:
        raise InputError(
            f"{path}: `{array.name}` holds Python objects, which are never unpickled; "
            f"expected arrays of numbers. Save each array under a name of its own."
        )
    dtype = _meant(array.dtype)
    flaw = "" if _is_float(dtype) else KINDS.get(dtype.kind, "of an unknown kind")
    return StoredTensor(array.shape, dtype.name, flaw, partial(_parts, path, array, dtype))


def _parts(path: Path, array: Array, dtype: np.dtype) -> Iterator[np.ndarray]:
    with _file(path) as file, array.open(file) as stream:
        if array.is_fortran:  # its rows are not contiguous: it has to be read whole
            values = np.frombuffer(stream.read(), dtype).reshape(array.shape, order="F")
            yield np.ascontiguousarray(as_floats(values))
            return
        yield from row_parts(array.shape, dtype, lambda _, count: _all(stream, count))


def _meant(dtype: np.dtype) -> np.dtype:
    """The type that was saved: npy has no name for bfloat16, which NumPy writes as untyped items of two bytes."""
    return np.dtype(ml_dtypes.bfloat16) if dtype == np.dtype("V2") else dtype


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype == ml_dtypes.bfloat16


def _all(file: BufferedIOBase, count: int) -> bytes:
    """Read exactly `count` bytes of a stream that may return fewer at a time; fewer only at its end."""
    parts = io.BytesIO()
    while (left := count - parts.tell()) and (part := file.read(left)):
        parts.write(part)
    return parts.getvalue()


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """Open a file; whatever turns out to be damaged while it is open is an `InputError`.

    Raises:
        InputError: It is damaged.
    """
    try:
        with open_file(path) as file:
            yield file
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # the file itself cannot be opened
            raise
        reason = f"{type(error).__name__}: {shown(error, 200)}"
        raise InputError(f"{path}: is damaged, cut short or no npz ({reason}). Write or copy it anew.") from None
