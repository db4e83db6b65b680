"""The file of a chunk: its values in C order, little endian, and their CRC-32C behind, as Zarr's codec `crc32c` has it.

Zarr's own way to write a chunk takes about a millisecond, which is more than a step of many runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import google_crc32c
import numpy as np

from mstage.outside import open_file

if TYPE_CHECKING:
    from pathlib import Path

    from mstage.store.arrays import StoredArray

Buffer: TypeAlias = bytes | np.ndarray  # of bytes
CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
CHECKSUM_BYTES = 4


def with_checksum(*parts: bytes | np.ndarray) -> list[Buffer]:
    """The bytes of some parts, one after the other and not copied, and their checksum."""
    views: list[Buffer] = [_bytes_of(part) if isinstance(part, np.ndarray) else part for part in parts]
    return [*views, _checksum(*views)]


def mapped_file(file: Path) -> np.ndarray:
    """The bytes of a file with a checksum, read when they are used; `check` looks at them.

    Raises:
        ValueError: It is too short to have one.
        OSError: It cannot be read.
    """
    with open_file(file) as stream:
        if stream.seek(0, 2) < CHECKSUM_BYTES:
            raise ValueError("it is cut short")
        return np.memmap(stream, np.uint8, "r")


def check(data: np.ndarray) -> None:
    """Refuse a file that is not what was written.

    Raises:
        ValueError: Its checksum is wrong.
    """
    if _checksum(data[:-CHECKSUM_BYTES]) != data[-CHECKSUM_BYTES:].tobytes():
        raise ValueError("its checksum is wrong")


def encoded(array: StoredArray, values: np.ndarray) -> list[Buffer]:
    """The file of a chunk; values fewer than a chunk has are those at its start."""
    if values.shape != array.chunks:
        whole = np.full(array.chunks, array.fill, array.dtype)
        whole[tuple(map(slice, values.shape))] = values
        values = whole
    return with_checksum(values.astype(np.dtype(array.dtype).newbyteorder("<"), copy=False))


def mapped(folder: Path, array: StoredArray, cell: tuple[int, ...] = (), *, checked: bool = False) -> np.ndarray:
    """The values of a chunk, which are read when they are used.

    Args:
        folder: The store.
        array: The array.
        cell: Which chunk of it.
        checked: Whether its checksum has been looked at before.

    Raises:
        ValueError: The file is damaged.
        OSError: It cannot be read.
    """
    data = mapped_file(folder / array.file(cell))
    if data.size != array.chunk_bytes + CHECKSUM_BYTES:
        raise ValueError("it is cut short or has too much in it")
    if not checked:
        check(data)
    return data[:-CHECKSUM_BYTES].view(np.dtype(array.dtype).newbyteorder("<")).reshape(array.chunks)


def _bytes_of(values: np.ndarray) -> np.ndarray:
    """The bytes of an array, which are not to be written to: google_crc32c takes no others."""
    view = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    view.flags.writeable = False
    return view


def _checksum(*parts: Buffer) -> bytes:
    checksum = 0
    for part in parts:
        checksum = google_crc32c.extend(checksum, part)
    return checksum.to_bytes(CHECKSUM_BYTES, "little")
