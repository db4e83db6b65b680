"""Which scalars do TensorBoard's event files hold?

An event file is a sequence of records with lengths and checksums; a record is a protocol buffer: an event at some step,
with values by tag. Scalars are written as `simple_value` (TensorFlow 1, PyTorch) or as tensors without axes (TensorFlow
2); everything else (images, histograms, text) is ignored. The package tensorboard, an extra, has the protocol buffers
and the checksum.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

from mstage.errors import InputError
from mstage.readers.logs.event_records import (
    LARGEST_CHECKED,
    SMALLEST_SCALAR,
    records_of,
    whole_records,
    without_large_values,
)
from mstage.readers.logs.log import Column, Series, check_size, counted_remarks
from mstage.readers.logs.names import name_of

Message: TypeAlias = Any  # a protocol buffer, whose class is made at run time
LARGEST_FIRST = 1024  # bytes of the first record
SCALARS = ("", "scalars")  # names of the plugin in the metadata of scalars
MAX_TAGS = 5_000
MAX_RECORDS = 5_000_000  # of a run: some ten seconds


def is_event_file(data: bytes) -> bool:
    """Whether some bytes begin like an event file: with a record that holds the version."""
    return b"brain.Event:" in data[:64] and len(data) >= 8 and struct.unpack_from("<Q", data)[0] < LARGEST_FIRST


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
        self._run = name_of(run)
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
        self._looked_at = 0  # records, and values in them
        self.count = 0

    def feed(self, data: bytes) -> int:
        """Read on, from the beginning of a record; returns how many bytes were read: all but an incomplete record.

        Raises:
            InputError: There are too many scalars.
        """
        records = records_of(data, self._checksum)
        self._lost |= records.is_lost
        whole = whole_records(data, records, self._table, self._checksum)
        self._looked_at += len(whole)
        for start, length, is_whole in zip(records.starts, records.lengths, whole, strict=True):
            if not is_whole:
                self._damaged += 1
            elif length >= SMALLEST_SCALAR:
                self._read(data[start : start + length])
        check_size(self._source, self.count)
        if self._looked_at > MAX_RECORDS:
            raise InputError(
                f"{self._source}: has more than {MAX_RECORDS:,} records and values; expected fewer. "
                f"Log less often, or export the loss as CSV."
            )
        return records.end

    def _read(self, record: bytes) -> None:
        """Take the scalars of an event."""
        try:
            found = self._event.FromString(without_large_values(record) if len(record) > LARGEST_CHECKED else record)
        except Exception:  # protobuf's own errors differ between its versions
            self._damaged += 1
            return
        values = found.summary.value
        self._looked_at += len(values)
        for value in values:
            self._take(found, value)

    def remarks(self, left: int = 0) -> tuple[str, ...]:
        """What was wrong; `left` is the number of unread bytes at the end of the file."""
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
            found.append(Series(name_of(name), Column.whole(np.array(tag.values)), beside, self._run))
        return tuple(found)

    def _take(self, event: Message, value: Message) -> None:
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            number = value.simple_value
        elif kind == "tensor" and value.tag not in self._others:
            plugin = value.metadata.plugin_data.plugin_name
            scalar = _scalar(value.tensor) if plugin in SCALARS else None
            if scalar is None:
                if len(self._others) < MAX_TAGS:
                    self._others.add(value.tag)
                return
            number = scalar
        else:
            return
        tag = self._tags.get(value.tag)
        if tag is None:
            if len(self._tags) >= MAX_TAGS:
                return
            tag = self._tags[value.tag] = _Tag()
        tag.steps.append(event.step)
        tag.times.append(event.wall_time)
        tag.values.append(number)
        self.count += 1


def _scalar(tensor: Message) -> float | None:
    """The number in a tensor of one value, None for other tensors."""
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
