"""What tensors does a safetensors file hold?

A file is a length of 8 bytes, a JSON header of that length, and the values. We read it ourselves, since the safetensors
package does not read bfloat16 into NumPy. The header is validated as that package does it, so that a truncated or
overwritten file is found out before any value is read.

References:
    https://huggingface.co/docs/safetensors (the format).
"""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from mstage.errors import InputError, shown
from mstage.outside import open_file
from mstage.readers.checkpoints.tensor_files import StoredTensor, row_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_OF_FORMAT = 100_000_000  # bytes of a header, the limit of the safetensors package
LENGTH = 8  # bytes that hold the length of the header
LONGEST_HEADER = 16 * 2**20  # bytes, enough for 100,000 tensors; parsing takes many times as much memory
MAX_DIMENSIONS = 64  # NumPy's limit

FLOATS: dict[str, np.dtype] = {
    name: np.dtype(kind).newbyteorder("<")
    for name, kind in {
        "F64": np.float64,
        "F32": np.float32,
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
        "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E5M2": ml_dtypes.float8_e5m2,
        "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
        "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    }.items()
}
OTHERS = {  # bits of a value, and why such values are no weights
    "F8_E8M0": (8, "scales of a quantised tensor"),
    "F6_E2M3": (6, "packed numbers of 6 bits"),
    "F6_E3M2": (6, "packed numbers of 6 bits"),
    "F4": (4, "packed numbers of 4 bits"),
    "C64": (64, "complex numbers"),
    "BOOL": (8, "yes or no"),
} | {f"{sign}{bits}": (bits, "whole numbers") for sign in "IU" for bits in (8, 16, 32, 64)}


def read_safetensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a file by name, in the order of the header.

    Raises:
        InputError: It is no safetensors file, or not a whole one.
    """
    size = path.stat().st_size
    with open_file(path) as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if LONGEST_HEADER < length <= size - LENGTH:
            raise InputError(
                f"{path}: has a header of {length >> 20} MiB; expected less than {LONGEST_HEADER >> 20} MiB. "
                f"Save the weights in several files."
            )
        if size < LENGTH or length > size - LENGTH:
            raise _flawed(path, f"its header should have {length:,} bytes, the file has {size:,}")
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_twins)
        if not isinstance(header, dict):
            raise ValueError("the header is no JSON object")
        header.pop("__metadata__", None)
        tensors = {name: _tensor(path, name, entry, LENGTH + length) for name, entry in header.items()}
        _check_places(header, size - LENGTH - length)
    except (ValueError, RecursionError) as error:  # RecursionError: brackets in brackets
        raise _flawed(path, shown(error, 200)) from None
    return tensors


def looks_like_safetensors(start: bytes) -> bool:
    """Whether the first bytes are those of a safetensors file, complete or not."""
    length = int.from_bytes(start[:LENGTH], "little")  # of a file in another format, any number
    return length <= LONGEST_OF_FORMAT and start[LENGTH : LENGTH + 1] == b"{"


def _tensor(path: Path, name: str, entry: object, values: int) -> StoredTensor:
    """A tensor by its entry in the header; `values` is the offset of the values in the file."""
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise ValueError(f"`{name}` has no dtype, shape and data_offsets")
    if not all(type(axis) is int and axis >= 0 for axis in shape) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"`{name}` has the shape {shape}")
    bits, flaw = (FLOATS[kind].itemsize * 8, "") if kind in FLOATS else OTHERS.get(kind, (None, "of an unknown kind"))
    if bits is not None and (end - begin) * 8 != math.prod(shape) * bits:
        raise ValueError(f"`{name}` has {end - begin:,} bytes, which its shape {shape} and {kind} do not need")
    parts = partial(_parts, path, tuple(shape), FLOATS.get(kind, np.dtype("u1")), values + begin)
    return StoredTensor(tuple(shape), kind, flaw, parts)


def _parts(path: Path, shape: tuple[int, ...], dtype: np.dtype, begin: int) -> Iterator[np.ndarray]:
    try:
        with open_file(path) as file:

            def take(place: int, count: int) -> bytes:
                file.seek(place)
                return file.read(count)

            yield from row_parts(shape, dtype, take, begin)
    except EOFError as error:
        raise _flawed(path, shown(error, 200)) from None


def _check_places(header: Mapping[str, Any], size: int) -> None:
    """Check that the tensors fill the values of the file without gap or overlap.

    Raises:
        ValueError: They overlap, leave a hole, or the file ends before or after the last of them.
    """
    place = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        if begin != place or end < begin:
            raise ValueError(f"`{name}` should begin at byte {place:,} of the values and begins at {begin:,}")
        place = end
    if place != size:
        raise ValueError(f"its values should have {place:,} bytes, there are {size:,}")


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two tensors have one name")
    if any("\ud800" <= one <= "\udfff" for name in found for one in name):  # an escape in JSON can say so
        raise ValueError("a name holds half of a surrogate pair, which is no character")
    return found


def _flawed(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: is damaged, cut short or no safetensors ({reason}). Write or copy it anew.")
