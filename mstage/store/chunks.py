"""The file of a chunk: its values in C order, little endian, and their CRC-32C behind, as Zarr's codec `crc32c` has it.

Zarr's own way to write a chunk takes about a millisecond, which is more than a step of many runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from mstage.outside import open_file

if TYPE_CHECKING:
    from pathlib import Path

    from mstage.store.layout import StoredArray

CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
CHECKSUM_BYTES = 4


def with_checksum(data: bytes) -> bytes:
    """Bytes and their checksum."""
    return data + _checksum(data)


def without_checksum(data: bytes) -> bytes:
    """Bytes whose checksum was right.

    Raises:
        ValueError: It is not.
    """
    if len(data) < CHECKSUM_BYTES or _checksum(data[:-CHECKSUM_BYTES]) != data[-CHECKSUM_BYTES:]:
        raise ValueError("its checksum is wrong")
    return data[:-CHECKSUM_BYTES]


def encoded(array: StoredArray, values: np.ndarray) -> bytes:
    """The file of a chunk; values fewer than a chunk has are those at its start."""
    if values.shape != array.chunks:
        whole = np.full(array.chunks, array.fill, array.dtype)
        whole[tuple(map(slice, values.shape))] = values
        values = whole
    return with_checksum(values.astype(np.dtype(array.dtype).newbyteorder("<"), copy=False).tobytes())


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
    with open_file(folder / array.file(cell)) as file:
        if file.seek(0, 2) != array.chunk_bytes + CHECKSUM_BYTES:
            raise ValueError("it is cut short or has too much in it")
        data = np.memmap(file, np.uint8, "r")
    values = data[:-CHECKSUM_BYTES]
    if not checked and _checksum(values) != data[-CHECKSUM_BYTES:].tobytes():
        raise ValueError("its checksum is wrong")
    return values.view(np.dtype(array.dtype).newbyteorder("<")).reshape(array.chunks)


def _checksum(data: bytes | np.ndarray) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(CHECKSUM_BYTES, "little")
