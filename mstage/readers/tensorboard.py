"""Which scalars do TensorBoard's event files hold?

An event file is a chain of records, each with its length and checksums in front and behind; a record is a protocol
buffer, an event of some step with values by tag. Scalars are written in two ways, `simple_value` (TensorFlow 1,
PyTorch) and tensors without axes (TensorFlow 2); whatever else there is (images, histograms, text) is left aside. The
package tensorboard, an extra, knows the protocol buffers and the checksums.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from mstage.errors import InputError, shown
from mstage.readers.content import check_size
from mstage.readers.log import LONGEST_NAME, Column, Series, counted_remarks

HEAD, TAIL = 12, 4  # bytes around a record: its length and the checksum of that; the checksum of its content
LARGEST_FIRST = 1024  # bytes of the first record
LARGEST_CHECKED = 4096  # bytes; larger records hold images or graphs
LARGEST_GROUP = 2**24  # bytes whose checksums are computed together
MOST_RECORD = 2**28
SCALARS = ("", "scalars")  # what a tag of scalars says of itself, if it says anything
MOST_TAGS = 5_000


def is_event_file(data: bytes) -> bool:
    """Whether some bytes begin as every event file does: with a record that tells the version."""
    return b"brain.Event:" in data[:64] and len(data) >= HEAD and struct.unpack_from("<Q", data)[0] < LARGEST_FIRST


@dataclass
class _Tag:
    steps: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    times: array[float] = field(default_factory=lambda: array("d"))


class EventReader:
    """Reads the event files of one run, all at once or as they grow.

    Args:
        source: What the user calls it.
        run: The run's name.

    Attributes:
        count: How many scalars have been read.

    Raises:
        InputError: The package tensorboard is not there.
    """

    def __init__(self, source: str, run: str = "") -> None:
        self._source = source
        self._run = shown(run, LONGEST_NAME)
        try:
            self._event = import_module("tensorboard.compat.proto.event_pb2").Event
            checksums = import_module("tensorboard.compat.tensorflow_stub.pywrap_tensorflow")
        except ImportError:
            raise InputError(
                f"{source}: is a TensorBoard event file, which needs the package tensorboard, which is not installed. "
                f"Install it (`pip install 'mstage[tensorboard]'`)."
            ) from None
        self._checksum = checksums.masked_crc32c
        self._table = np.array(checksums.CRC_TABLE, np.uint32)
        self._tags: dict[str, _Tag] = {}
        self._others: set[str] = set()
        self._damaged = 0
        self._lost = False
        self.count = 0

    def feed(self, data: bytes) -> int:
        """Read on: from the beginning of a record. Returns how many bytes were read, all but half a record's.

        Raises:
            InputError: There are too many scalars.
        """
        starts, lengths, place = self._records(data)
        whole = self._whole(data, starts, lengths)
        event = self._event
        for start, length, is_whole in zip(starts, lengths, whole, strict=True):
            if not is_whole:
                self._damaged += 1
                continue
            try:
                found = event.FromString(data[start : start + length])
            except Exception:  # protobuf's own errors differ between its versions
                self._damaged += 1
                continue
            for value in found.summary.value:
                self._take(found, value)
        check_size(self._source, self.count)
        return place

    def _records(self, data: bytes) -> tuple[list[int], list[int], int]:
        """Where records begin, how long they are, and where the first one begins that is not there in whole."""
        place, size = 0, len(data)
        starts: list[int] = []
        lengths: list[int] = []
        unpack = struct.Struct("<QI").unpack_from
        known: dict[tuple[int, int], bool] = {}  # records are of few lengths
        while place + HEAD <= size:
            head = unpack(data, place)
            if head not in known:
                known[head] = self._checksum(data[place : place + 8]) == head[1] and head[0] <= MOST_RECORD
            if not known[head]:
                self._lost = True  # nobody knows where the next record begins
                return starts, lengths, size
            end = place + HEAD + head[0] + TAIL
            if end > size:
                break
            starts.append(place + HEAD)
            lengths.append(head[0])
            place = end
        return starts, lengths, place

    def _whole(self, data: bytes, starts: list[int], lengths: list[int]) -> np.ndarray:
        """Whether the content of each record agrees with the checksum behind it."""
        content = np.frombuffer(data, np.uint8)
        start, length = np.array(starts, int), np.array(lengths, int)
        whole = np.ones(start.size, bool)
        for size in np.unique(length[length <= LARGEST_CHECKED]):
            group = np.flatnonzero(length == size)
            for some in np.array_split(group, group.size * (size + TAIL) // LARGEST_GROUP + 1):
                block = content[start[some][:, None] + np.arange(size + TAIL)]
                whole[some] = masked_checksums(block[:, :size], self._table) == block[:, size:].copy().view("<u4")[:, 0]
        return whole

    def remarks(self, left: int = 0) -> tuple[str, ...]:
        """What was wrong, `left` bytes at the end of the file having remained."""
        found = counted_remarks([(self._damaged, "records left out whose checksum is wrong")])
        if self._lost:
            found += ("a record is damaged: read up to there",)
        elif left:
            found += ("ends within a record: read up to there",)
        return found

    def series(self) -> tuple[Series, ...]:
        """The scalars that have been read so far."""
        begin = min((tag.times[0] for tag in self._tags.values()), default=0.0)
        found = []
        for name, tag in self._tags.items():
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite has no place on a clock
                seconds = np.array(tag.times) - begin
            beside = {"step": Column.whole(np.array(tag.steps)), "seconds": Column.whole(seconds)}
            found.append(Series(shown(name, LONGEST_NAME), Column.whole(np.array(tag.values)), beside, self._run))
        return tuple(found)

    def _take(self, event: Any, value: Any) -> None:
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            number = value.simple_value
        elif kind == "tensor" and value.tag not in self._others:
            plugin = value.metadata.plugin_data.plugin_name
            scalar = _scalar(value.tensor) if plugin in SCALARS else None
            if scalar is None:
                if len(self._others) < MOST_TAGS:
                    self._others.add(value.tag)
                return
            number = scalar
        else:
            return
        tag = self._tags.get(value.tag)
        if tag is None:
            if len(self._tags) >= MOST_TAGS:
                return
            tag = self._tags[value.tag] = _Tag()
        tag.steps.append(event.step)
        tag.times.append(event.wall_time)
        tag.values.append(number)
        self.count += 1


def masked_checksums(blocks: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The checksums of blocks of equal length, as event files have them: CRC-32C, turned by 15 bits, plus a constant.

    Args:
        blocks: Shape (blocks, bytes), uint8.
        table: The 256 remainders of CRC-32C, uint32.
    """
    remainder = np.full(len(blocks), 0xFFFFFFFF, np.uint32)
    for column in blocks.T:
        remainder = table[(remainder ^ column) & 0xFF] ^ (remainder >> 8)
    remainder = ~remainder
    turned: np.ndarray = ((remainder >> 15) | (remainder << 17)) + np.uint32(0xA282EAD8)
    return turned


def _scalar(tensor: Any) -> float | None:
    """The number in a tensor without axes, None if it is another tensor."""
    if any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    if len(tensor.float_val) == 1:
        return float(tensor.float_val[0])
    if tensor.dtype == 1 and len(tensor.tensor_content) == 4:
        return float(struct.unpack("<f", tensor.tensor_content)[0])
    try:
        found = import_module("tensorboard.util.tensor_util").make_ndarray(tensor)
    except (TypeError, ValueError, KeyError, IndexError):
        return None
    return float(found.item()) if found.size == 1 and found.dtype.kind in "fiub" else None
