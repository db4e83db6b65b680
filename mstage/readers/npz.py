"""Which arrays does an npz file hold, without trusting what it says of itself?

An npz file is a zip archive of npy arrays. The sizes that the archive's directory and an array's header claim are
compared with what is there before any memory is allocated, and members that are no arrays are never unpacked. Each
member is opened at its offset, so that the directory of thousands is not parsed once for each.
"""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.lib import format as npy

from mstage.errors import InputError, shown
from mstage.readers.signatures import ZIP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_MEMBERS = 20_000
MAX_DIRECTORY = 4 * 2**20  # bytes of the archive's directory, at least 46 a member
LONGEST_HEADER = 2**16  # bytes of an npy header: one line with a dtype and a shape
MAX_UNPACKED = 256 * 2**20  # bytes that a member may unpack to, whatever its compression ratio
MAX_RATIO = 50  # compression ratio of a larger member; real weights hardly compress
LOCAL_HEADER = 30  # bytes that a member begins with
END, END_64, LOCATOR_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
DAMAGE = (  # what zipfile, its decompressors and NumPy raise on a damaged file
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, struct.error, RecursionError, MemoryError,
    EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError, SyntaxError, KeyError, TypeError,
)  # fmt: skip
KINDS = {  # of values that are no floating-point numbers, by NumPy's letters
    "b": "yes or no", "i": "whole numbers", "u": "whole numbers", "c": "complex numbers", "M": "times",
    "m": "durations", "U": "text", "S": "text", "V": "records",
}  # fmt: skip


@dataclass(frozen=True)
class Array:
    """An array in an archive, before it is read.

    Attributes:
        name: The name that it was saved under.
        shape: Its lengths along each axis.
        dtype: Type of its values, from the header.
        is_fortran: Whether the first axis varies fastest (Fortran order).
        member: Its entry in the archive's directory.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool
    member: zipfile.ZipInfo

    def open(self, file: BinaryIO) -> zipfile.ZipExtFile:
        """Open a stream of its values in the file that it was found in."""
        stream = open_member(file, self.member)
        read_header(stream)
        return stream

    def read(self, file: BinaryIO) -> np.ndarray:
        """The array, in memory.

        Raises:
            ValueError: It holds objects, or is shorter than it says.
        """
        if self.dtype.hasobject:
            raise ValueError("it holds Python objects, which are never unpickled")
        with self.open(file) as stream:
            data = stream.read()  # bounded by the directory's size, which agrees with the header
        return np.frombuffer(data, self.dtype).reshape(self.shape, order="F" if self.is_fortran else "C")


@contextmanager
def refuse_damage(source: str, kind: str, expected: str) -> Iterator[None]:
    """Turn what is raised while a damaged file is read into one line.

    Args:
        source: What the user calls the file.
        kind: What it should be, as `npz`.
        expected: What was expected, in words.

    Raises:
        InputError: It is damaged.
    """
    try:
        yield
    except DAMAGE as error:
        raise InputError(
            f"{source}: is not {kind}, or damaged or cut short ({shown(error)}); {expected}. Write it with numpy.savez."
        ) from None


def arrays_of(file: BinaryIO, members: Iterable[zipfile.ZipInfo]) -> list[Array]:
    """The arrays among the members of an archive, in their order.

    Raises:
        ValueError: One contradicts its header.
        zipfile.BadZipFile: The archive is damaged.
    """
    return [array_of(file, member) for member in members if member.filename.endswith(".npy")]


def members_of(file: BinaryIO) -> list[zipfile.ZipInfo]:
    """The members of a zip archive.

    Raises:
        ValueError: It has too many members.
        zipfile.BadZipFile: It is damaged.
    """
    if _directory_bytes(file) > MAX_DIRECTORY:
        raise ValueError(f"it holds more than {MAX_MEMBERS:,} arrays")
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"it holds more than {MAX_MEMBERS:,} arrays")
    return members


def array_of(file: BinaryIO, member: zipfile.ZipInfo) -> Array:
    """Read the header of an array in an archive.

    Raises:
        ValueError: It is no array, its size contradicts its header, or its compression ratio is that of a zip bomb.
    """
    if member.file_size > max(MAX_UNPACKED, MAX_RATIO * member.compress_size):
        raise ValueError(
            f"{member.filename} would become {member.file_size >> 20:,} MiB of {member.compress_size >> 10:,} KiB"
        )
    # A few bytes of the other methods can unpack to gigabytes.
    if member.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):
        raise ValueError(f"{member.filename} is packed as numpy.savez does not")
    with open_member(file, member) as stream:
        shape, is_fortran, dtype = read_header(stream)
        size = member.file_size - stream.tell()
    if not dtype.hasobject and size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{member.filename} has {size:,} bytes, its shape {shape} needs others")
    return Array(member.filename.removesuffix(".npy"), shape, dtype, is_fortran, member)


def open_member(file: BinaryIO, member: zipfile.ZipInfo) -> zipfile.ZipExtFile:
    """Open a stream of a member's content, which verifies its checksum at the end.

    Raises:
        zipfile.BadZipFile: There is no member at its offset.
    """
    file.seek(member.header_offset)
    head = file.read(LOCAL_HEADER)
    if len(head) < LOCAL_HEADER or not head.startswith(ZIP):
        raise zipfile.BadZipFile(f"{member.filename} is not where it should be")
    if member.flag_bits & 1:
        raise zipfile.BadZipFile(f"{member.filename} is encrypted")
    file.seek(sum(struct.unpack("<HH", head[-4:])), 1)  # its name, repeated, and the extra field
    return zipfile.ZipExtFile(file, "r", member)


def read_header(file: zipfile.ZipExtFile | BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype of the npy array that begins here.

    Raises:
        ValueError: It is none.
    """
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0}.get(version, npy.read_array_header_2_0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers written by older versions of NumPy
        shape, is_fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    if any(axis < 0 for axis in shape):
        raise ValueError(f"an array has the shape {shape}")
    return shape, is_fortran, dtype


def _directory_bytes(file: BinaryIO) -> int:
    """The largest directory size claimed by any end record that the file may hold; 0 if it has none."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 2**16 - 100))
    tail = file.read()
    found, place = 0, tail.find(END)
    while place >= 0 and place + 16 <= len(tail):
        told = struct.unpack_from("<I", tail, place + 12)[0]
        record = tail[max(0, place - 76) : max(0, place - 20)]
        if tail[max(0, place - 20) : place].startswith(LOCATOR_64) and record.startswith(END_64):
            found = max(found, struct.unpack_from("<Q", record, 40)[0])
            told = 0 if told == 0xFFFFFFFF else told
        found = max(found, told)
        place = tail.find(END, place + 1)
    file.seek(0)
    return found
