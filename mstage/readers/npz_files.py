"""What tensors does an npz file hold?

An npz file is a zip archive of npy arrays. Shapes come from the header of each, values a few rows at a time through
the archive, which checks their sum; pickled objects are refused before anything of them is read.
"""

from __future__ import annotations

import io
import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import ml_dtypes
import numpy as np
from numpy.lib import format as npy

from mstage.errors import InputError, shown
from mstage.readers.stored_tensors import StoredTensor, as_floats, row_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

ZIP = b"PK"
LONGEST_HEADER = 1 << 16  # bytes of an npy header: one line with a dtype and a shape
DAMAGE = (  # what zipfile, its decompressors and NumPy raise where a file is not what it should be
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError,
    EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError, SyntaxError, KeyError, TypeError,
)  # fmt: skip
KINDS = {
    "b": "yes or no", "i": "whole numbers", "u": "whole numbers", "c": "complex numbers", "M": "times",
    "m": "durations", "U": "text", "S": "text", "V": "records",
}  # fmt: skip


def read_npz(path: Path) -> dict[str, StoredTensor]:
    """The arrays of a file, by their names in the order of the archive.

    Raises:
        InputError: It is no npz file, is damaged, or holds Python objects.
    """
    with _archive(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        arrays = {_name(one): _tensor(path, archive, one) for one in members if one.filename.endswith(".npy")}
        others = sorted(one.filename for one in members if not one.filename.endswith(".npy"))
    if not arrays:
        held = f"holds `{others[0]}`" if others else "is empty"
        raise InputError(f"{path}: is a zip archive that {held} and no arrays; expected npz, as numpy.savez writes it")
    return arrays


def archived_names(path: Path) -> list[str]:
    """What a zip archive holds.

    Raises:
        InputError: It is damaged.
    """
    with _archive(path) as archive:
        return archive.namelist()


def _tensor(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredTensor:
    with archive.open(member) as file:
        shape, fortran, dtype = _header(file)
        begin = file.tell()
    if dtype.hasobject:
        raise InputError(
            f"{path}: `{_name(member)}` holds Python objects, which are never unpickled; "
            f"expected arrays of numbers. Save each array under a name of its own."
        )
    dtype = _meant(dtype)
    if member.file_size - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{member.filename} has {member.file_size - begin:,} bytes, its shape {shape} needs others")
    flaw = "" if _is_float(dtype) else KINDS.get(dtype.kind, "of an unknown kind")
    return StoredTensor(shape, dtype.name, flaw, partial(_parts, path, member.filename, shape, dtype, fortran))


def _parts(path: Path, member: str, shape: tuple[int, ...], dtype: np.dtype, fortran: bool) -> Iterator[np.ndarray]:
    with _archive(path) as archive, archive.open(member) as file:
        _header(file)
        if fortran:  # its rows are scattered: it has to be read whole
            values = np.frombuffer(file.read(), dtype).reshape(shape, order="F")
            yield np.ascontiguousarray(as_floats(values))
            return
        yield from row_parts(shape, dtype, lambda _, count: _all(file, count))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis runs fastest, and dtype of the npy array that begins here.

    Raises:
        ValueError: It is none.
    """
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0}.get(version, npy.read_array_header_2_0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that older versions have written
        shape, fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    if any(axis < 0 for axis in shape):
        raise ValueError(f"an array has the shape {shape}")
    return shape, fortran, dtype


def _meant(dtype: np.dtype) -> np.dtype:
    """NumPy writes bfloat16, for which npy has no name, as nameless pieces of two bytes; nothing else becomes those."""
    return np.dtype(ml_dtypes.bfloat16) if dtype == np.dtype("V2") else dtype


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype == ml_dtypes.bfloat16


def _all(file: IO[bytes], count: int) -> bytes:
    """So many bytes of a stream that may give fewer at a time; fewer only where it ends."""
    parts = io.BytesIO()
    while (left := count - parts.tell()) and (part := file.read(left)):
        parts.write(part)
    return parts.getvalue()


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive that is read from.

    Raises:
        InputError: It is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # the file itself cannot be opened
            raise
        reason = f"{type(error).__name__}: {shown(error, 200)}"
        raise InputError(f"{path}: is damaged, cut short or no npz ({reason}). Write or copy it anew.") from None
