"""Where are the records of an event file, which of them are whole, and what in them may be scalars?

A record is its length, a checksum of the length, its content, and a checksum of the content. The content is a protocol
buffer whose values may be large images or very many; parsing it takes many times its size. So only the small values of
a large record are kept: a scalar is always small.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

HEAD, TAIL = 12, 4  # bytes before the content (length, checksum) and after it (checksum)
LARGEST_CHECKED = 4096  # bytes; larger records hold images or graphs
LARGEST_SCALAR = 4096  # bytes of a value with its tag and metadata
SMALLEST_SCALAR = 9  # bytes of a record that holds one
MAX_FIELDS = 20_000  # of one record: scalars are logged a few at a time
MAX_RECORD = 2**28
FEW = 16  # longest records, whose checksums are computed one by one; the others together, which pays for many
STEP_AND_TIME, SUMMARY, VALUE = (1, 2), 5, 1  # fields of an event, and of its summary
SIZES = {1: 8, 5: 4}  # bytes of a field of fixed size, by its wire type


@dataclass(frozen=True)
class Records:
    """The records at the beginning of some bytes.

    Attributes:
        starts: Where the content of each begins.
        lengths: How long it is.
        end: Where the first record begins that is not there in whole.
        is_lost: Whether a length is damaged, so that nobody knows where the next record begins.
    """

    starts: list[int]
    lengths: list[int]
    end: int
    is_lost: bool


def records_of(data: bytes, checksum: Callable[[bytes], int]) -> Records:
    """Find the records in some bytes that begin with one."""
    place, size = 0, len(data)
    starts: list[int] = []
    lengths: list[int] = []
    unpack = struct.Struct("<QI").unpack_from
    known: dict[tuple[int, int], bool] = {}  # records are of few lengths
    while place + HEAD <= size:
        head = unpack(data, place)
        if head not in known:
            known[head] = checksum(data[place : place + 8]) == head[1] and head[0] <= MAX_RECORD
        if not known[head]:
            return Records(starts, lengths, size, is_lost=True)
        end = place + HEAD + head[0] + TAIL
        if end > size:
            break
        starts.append(place + HEAD)
        lengths.append(head[0])
        place = end
    return Records(starts, lengths, place, is_lost=False)


def whole_records(data: bytes, records: Records, table: np.ndarray, checksum: Callable[[bytes], int]) -> list[bool]:
    """Whether the content of each record agrees with its checksum; large ones are not checked."""
    starts, lengths = np.array(records.starts, int), np.array(records.lengths, int)
    whole = np.ones(starts.size, bool)
    checked = np.flatnonzero(lengths <= LARGEST_CHECKED)
    order = checked[np.argsort(-lengths[checked], kind="stable")]
    for one in order[:FEW].tolist():
        start, end = records.starts[one], records.starts[one] + records.lengths[one]
        whole[one] = checksum(data[start:end]) == int.from_bytes(data[end : end + TAIL], "little")
    order = order[FEW:]
    if order.size:
        content = np.frombuffer(data, np.uint8)
        start, length = starts[order], lengths[order]
        told = content[(start + length)[:, None] + np.arange(TAIL)].view("<u4")[:, 0]
        whole[order] = masked_checksums(content, start, length, table) == told
    found: list[bool] = whole.tolist()
    return found


def masked_checksums(content: np.ndarray, start: np.ndarray, length: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The masked checksums of pieces of some bytes: CRC-32C, rotated by 15 bits, plus a constant.

    All pieces are processed together, one byte of each at a time.

    Args:
        content: The bytes, uint8.
        start: Where each piece begins, shape (pieces,).
        length: How long it is, descending, shape (pieces,).
        table: The lookup table of CRC-32C, 256 values, uint32.
    """
    remainder = np.full(start.size, 0xFFFFFFFF, np.uint32)
    ends = start.size - np.searchsorted(length[::-1], np.arange(length.max(initial=0)), side="right")
    for place, count in enumerate(ends.tolist()):  # of the pieces that have a byte there
        part = remainder[:count]
        part[:] = table[(part ^ content[start[:count] + place]) & 0xFF] ^ (part >> 8)
    remainder = ~remainder
    turned: np.ndarray = ((remainder >> 15) | (remainder << 17)) + np.uint32(0xA282EAD8)
    return turned


def without_large_values(record: bytes) -> bytes:
    """An event without the values that are too large to be scalars.

    Raises:
        ValueError: It is no protocol buffer, or has too many values.
    """
    kept: list[bytes] = []
    count = 0
    for field, begin, content, end in _fields(record, 0, len(record)):
        count += 1
        if count > MAX_FIELDS:
            raise ValueError("it has too many fields")
        if field in STEP_AND_TIME and end - begin <= SMALLEST_SCALAR + 2:
            kept.append(record[begin:end])
        elif field == SUMMARY:
            values = []
            for inner, first, _, last in _fields(record, content, end):
                count += 1
                if count > MAX_FIELDS:
                    raise ValueError("it has too many values")
                if inner == VALUE and last - first <= LARGEST_SCALAR:
                    values.append(record[first:last])
            summary = b"".join(values)
            kept += [bytes([SUMMARY << 3 | 2]), _varint(len(summary)), summary]
    return b"".join(kept)


def _fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a protocol buffer: number, and the offsets of its start, its content and its end.

    Raises:
        ValueError: It is none.
    """
    while place < end:
        begin = place
        key, place = _number(data, place)
        kind, content = key & 7, place
        if kind == 0:
            _, place = _number(data, place)
        elif kind == 2:
            size, content = _number(data, place)
            place = content + size
        elif kind in SIZES:
            place += SIZES[kind]
        else:
            raise ValueError(f"a field of the kind {kind}")
        if place > end:
            raise ValueError("a field that ends behind its end")
        yield key >> 3, begin, content, place


def _number(data: bytes, place: int) -> tuple[int, int]:
    """Decode a varint; returns its value and the offset of its end."""
    value = shift = 0
    for byte in data[place : place + 10]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place + shift // 7
    raise ValueError("a number without an end")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
