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


def sound_bytes(file: Path, size: int | None = None, *, checked: bool = False) -> np.ndarray:
    """What a file holds before its checksum, read when it is used.

    Args:
        file: The file.
        size: How many bytes it has to hold, if that is known.
        checked: Whether its checksum has been looked at before.

    Raises:
        ValueError: It is damaged.
        OSError: It cannot be read.
    """
    with open_file(file) as stream:
        found = stream.seek(0, 2) - CHECKSUM_BYTES
        if found < 0 or (size is not None and found != size):
            raise ValueError("it is cut short or has too much in it")
        data = np.memmap(stream, np.uint8, "r")
    if not checked and _checksum(data[:found]) != data[found:].tobytes():
        raise ValueError("its checksum is wrong")
    return data[:found]


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
    data = sound_bytes(folder / array.file(cell), array.chunk_bytes, checked=checked)
    return data.view(np.dtype(array.dtype).newbyteorder("<")).reshape(array.chunks)


def _checksum(data: bytes | np.ndarray) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(CHECKSUM_BYTES, "little")
