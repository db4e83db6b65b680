"""Whatever a file is, it is read or refused within seconds and a gigabyte."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import socket
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.lib import format as npy
from pyarrow import parquet
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from mstage import Sweep, TwoLayer, train
from mstage.store.metadata import sealed
from tests.readers.limited import Server, Taken, server

MAX_SECONDS = 20  # of the processor; twice what is promised, for one that others keep busy
MAX_MIB = 1024
MIB = 2**20
LOSSES = b"step,loss\n" + b"".join(b"%d,%f\n" % (k, 1 / (1 + k) + 0.1) for k in range(100))


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with server() as found:
        yield found


def check(taken: Taken, said: str | None) -> None:
    """It ended in time, in its result where nothing is to be said, or else in one line that says it."""
    assert taken.seconds < MAX_SECONDS, taken
    assert taken.mib < MAX_MIB, taken
    if said is None:
        assert taken.code in (0, 4), taken
    else:
        assert (taken.code, taken.out) == (3, ""), taken
        assert re.fullmatch(r"mstage: [^\n]+\n", taken.err), taken
        assert re.search(said, taken.err), taken.err
        assert "this is a bug" not in taken.err


# Archives and arrays


def packed(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


def zeros(size: int) -> bytes:
    """A zip whose only array unpacks to so many bytes, written without ever having them."""
    pack, begin = zlib.compressobj(9, zlib.DEFLATED, -15), header((size // 8,))
    data, check_, piece = pack.compress(begin), zlib.crc32(begin), bytes(MIB)
    for _ in range(size // MIB):
        data += pack.compress(piece)
        check_ = zlib.crc32(piece, check_)
    data += pack.flush()
    sizes, name = struct.pack("<III", check_, len(data), size + len(begin)), b"loss.npy"
    local = struct.pack("<IHHHHH", 0x04034B50, 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", len(name), 0) + name
    entry = struct.pack("<IHHHHHH", 0x02014B50, 20, 20, 0, 8, 0, 33) + sizes
    entry += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(entry), len(local) + len(data), 0)
    return local + data + entry + end


def overlapping() -> bytes:
    """A thousand entries for the same megabytes."""
    data = packed({"loss.npy": array(np.zeros(MIB))}, zipfile.ZIP_DEFLATED)
    place = data.index(b"PK\1\2")
    entry = data[place : data.index(b"PK\5\6")]
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1000, 1000, 1000 * len(entry), place, 0)
    return data[:place] + entry * 1000 + end


ARRAYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "100,000 members": (lambda: packed({f"a{k}.npy": b"" for k in range(100_000)}), "more than 20,000 arrays"),
    "gigabytes": (lambda: zeros(512 * MIB), r"loss.npy would become 512 MiB of \d{3} KiB"),
    "entries for the same": (overlapping, "more than 12 million numbers"),
    "a shape without values": (lambda: packed({"loss.npy": header((10**12,))}), "has 0 bytes, its shape"),
    "bzip2": (lambda: packed({"loss.npy": array(np.zeros(MIB))}, zipfile.ZIP_BZIP2), "as numpy.savez does not"),
    "objects": (
        lambda: packed({"loss.npy": header((1,), "|O") + b"cos\nsystem\n"}),
        "without columns|holds Python objects|never unpickled|no column but the target",
    ),
    "brackets in a header": (
        lambda: packed({"loss.npy": b"\x93NUMPY\1\0" + struct.pack("<H", 60_000) + b"(" * 60_000}),
        "damaged",
    ),
}  # fmt: skip
ENTRIES = {
    "log": ["detect-stages"],
    "table": ["train", "--dry-run", "--until", "1", "--target", "loss", "--data"],
    "checkpoint": ["drift", "--steps", "1,2", "other.npz"],
}


@cache
def archive(kind: str) -> bytes:
    """Made once: writing one takes longer than reading it."""
    return ARRAYS[kind][0]()


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", ARRAYS)
def test_archives(kind: str, entry: str, limited: Server, tmp_path: Path) -> None:
    if (kind, entry) in {("entries for the same", "checkpoint"), ("objects", "log")}:
        pytest.skip("one layer, or no column: nothing that could be too much")
    path, other = tmp_path / "a.npz", tmp_path / "other.npz"
    path.write_bytes(archive(kind))
    np.savez(other, loss=np.arange(4.0))
    arguments = [str(other) if one == "other.npz" else one for one in ENTRIES[entry]]
    check(limited.run([*arguments, str(path)]), ARRAYS[kind][1])


@pytest.mark.slow
def test_a_member_that_is_no_array_is_not_unpacked(limited: Server, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("loss.npy", array(np.geomspace(9, 1, 30)))
        with archive.open("notes", "w") as member:
            for _ in range(700):
                member.write(bytes(MIB))
    check(limited.run(["detect-stages", str(tmp_path / "a.npz")]), None)


def safetensors(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "text", [b'{"a":' + b"[" * 60 * MIB, b'{"a":[' + b"[]," * 20 * MIB + b"1]}"], ids=["deep", "wide"]
)
def test_a_header_of_safetensors(text: bytes, limited: Server, tmp_path: Path) -> None:
    path = tmp_path / "step_1.safetensors"
    path.write_bytes(safetensors(text))
    check(limited.run(["drift", str(path), str(path)]), r"a header of 60 MiB; expected less than 16 MiB")


def table(columns: dict[str, pa.Array], **options: object) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file, **options)
    return file.getvalue()


PARQUETS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "groups of rows": (
        lambda: table({f"c{k}": pa.array(np.zeros(500)) for k in range(400)}, row_group_size=1),
        "MiB of metadata",
        "more than 12 million",
    ),
    "rows": (lambda: table({"loss": pa.array(np.zeros(20 * MIB))}), "more than 12 million", "more than 12 million"),
    "the same text": (
        lambda: table(
            {
                "loss": pa.array(np.geomspace(9, 1, 1000)),
                "y": pa.DictionaryArray.from_arrays(np.zeros(1000, np.int32), ["x" * 2 * MIB]),
            },
            store_schema=False,
        ),
        "",
        "column `y` holds `xxx",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARQUETS)
def test_parquet(kind: str, limited: Server, tmp_path: Path) -> None:
    build, as_log, as_table = PARQUETS[kind]
    (tmp_path / "a.parquet").write_bytes(build())
    check(limited.run(["detect-stages", str(tmp_path / "a.parquet")]), as_log or None)
    check(limited.run([*ENTRIES["table"], str(tmp_path / "a.parquet")]), as_table)


# Event files


def record(content: bytes) -> bytes:
    size = struct.pack("<Q", len(content))
    return size + struct.pack("<I", masked_crc32c(size)) + content + bytes(4)  # large ones are believed


def event_of(count: int) -> bytes:
    event = Event(wall_time=1.0, step=1)
    for _ in range(count):
        event.summary.value.add(tag="loss", simple_value=1.0)
    return event.SerializeToString()


def whole(content: bytes) -> bytes:
    return record(content)[:-4] + struct.pack("<I", masked_crc32c(content))


EVENTS: dict[str, Callable[[], bytes]] = {
    "a million values of one event": lambda: record(event_of(1_000_000)),
    "groups that are empty": lambda: record(b"\x2a\x02\x0a\x00" * 15 * MIB),
    "fields that nobody knows": lambda: record(b"\x98\x06\x01" * 20 * MIB),
    "records of length 0": lambda: whole(b"") * MIB,
    "records of all lengths": lambda: b"".join(whole(bytes(k % 4000)) for k in range(0, 40_000, 9)),
    "a record of 2^60 bytes": lambda: record(b"")[:0] + struct.pack("<Q", 2**60) + bytes(100),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", EVENTS)
def test_event_files(kind: str, limited: Server, tmp_path: Path) -> None:
    begin = whole(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
    (tmp_path / "events").write_bytes(begin + EVENTS[kind]())
    check(limited.run(["detect-stages", str(tmp_path / "events")]), "holds no scalars")


# Texts


TEXTS: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "members of a gzip": (lambda: gzip.compress(b"") * 500_000, "a gzip of more than 100,000 members"),
    "a gzip of gigabytes": (
        lambda: gzip.compress(bytes(300 * MIB), 1),
        "larger than 256 MiB",
    ),
    "lines that are no JSON": (lambda: b'{"loss": 1}\n' * 60 + b"x\n" * 2 * MIB, "1,000,000 lines that are no JSON"),
    "lists within a line": (
        lambda: b'{"loss": 1}\n' * 60 + b'{"a":[' + b"[]," * 20 * MIB + b"1]}\n",
        "8,000,000 lists",
    ),
    "records in a document": (lambda: b"[" + b'{"a":{}},' * 5 * MIB + b"{}]", "1,500,000 lists and records"),
    "brackets": (lambda: b"[" * 8 * MIB, "nested too deeply|no series|lists and records"),
    "a number without an end": (lambda: b"iter 0: loss 1.0, time 1ms\n" * 9 + b"iter " + b"1" * 16 * MIB, None),
    "spaces without an end": (lambda: b"s:1 trl:1.0\n" * 9 + b"step " + b" " * 16 * MIB, None),
    "names before names": (lambda: b"hello loss 1\n" * 9 + (b"a b c d e=" * 390 + b"1\n") * 3000, None),
    "quotes before names": (lambda: b"hello loss 1\n" * 9 + (b"a\"' '  = > ([" * 300 + b"1\n") * 3000, None),
    "names of all kinds": (
        lambda: b"".join(b"hello loss%d: 1 step 1\n" % k for k in range(400_000)),
        "more than 100,000 different words",
    ),
    "a text of numbers": (lambda: b"hello loss 1\n" * 3 * MIB, "more than 2,000,000 lines"),
    "numbers alone": (lambda: b"hello loss 1\n" + b"1\n" * 3 * MIB, None),
    "more numbers alone": (lambda: b"loss\n" + b"1\n" * 5 * MIB, "more than 4 million rows"),
    "a million columns": (
        lambda: b",".join(b"loss%d" % k for k in range(MIB)) + b"\n" + (b"1," * MIB + b"1\n") * 4,
        "no series",
    ),
    "a field without an end": (lambda: LOSSES + b'300,"' + b"1" * 32 * MIB + b'"\n', None),
    "no line break": (lambda: b"step,loss" + b",1" * 16 * MIB, "holds no series|too short"),
    "UTF-16": (lambda: b"\xff\xfe" + b"1\0" * 16 * MIB, "holds no series"),
}


SLOW = {"a text of numbers", "numbers alone", "more numbers alone", "names of all kinds", "a million columns"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in TEXTS])
def test_texts(kind: str, limited: Server, tmp_path: Path) -> None:
    build, said = TEXTS[kind]
    (tmp_path / "log").write_bytes(build())
    check(limited.run(["detect-stages", str(tmp_path / "log")]), said)


@pytest.mark.slow
def test_a_table_of_texts(limited: Server, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"step,loss\n" + b"1,1%\n" * 5 * MIB)
    check(limited.run([*ENTRIES["table"], str(tmp_path / "t.csv")]), "4 million rows")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["(?P<loss>(a+)+b)"])
def test_a_pattern_that_goes_back(pattern: str, limited: Server, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"loss 1\n" + b"a" * 60 + b"\n")
    check(limited.run(["detect-stages", str(tmp_path / "log"), "--pattern", pattern]), "--pattern takes too long")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "mib"),
    [
        (b"s:1 trl:1.0 lr:0.1 norm:1\n", 63),
        (b'{"step": 1, "loss": 1.5}\n', 16),
        (b"loss: 0.25 of step 17 in this log of lines\n", 16),
    ],
)
def test_64_mib_that_are_good(line: bytes, mib: int, limited: Server, tmp_path: Path) -> None:
    """Of the forms that are read in the same time, one is tried at full size; others get their share of the time."""
    (tmp_path / "log").write_bytes(line * (mib * MIB // len(line)))
    taken = limited.run(["detect-stages", str(tmp_path / "log")])
    check(taken, None)
    assert taken.seconds < 1 + mib / 63 * MAX_SECONDS, taken


# What is no file


@pytest.mark.slow
def test_devices_sockets_and_loops(limited: Server, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "zero").symlink_to("/dev/zero")
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        for name, said in {
            "socket": "a socket", "zero": "a device", "/dev/urandom": "a device", "/proc/kmsg": "a window",
            "/proc/self/mem": "a window|Permission", "loop": "symbolic links", "fifo": "a FIFO that nobody writes to",
        }.items():  # fmt: skip
            path = str(tmp_path / name)
            check(limited.run(["detect-stages", path]), said)
            if name in ("zero", "fifo"):
                check(limited.run([*ENTRIES["table"], path]), said)
                check(limited.run(["train", path]), said)
                check(limited.run(["drift", path, path + "2"]), f"{said}|a pipe|nothing there")


@pytest.mark.parametrize(
    "name", ["log", "sweep.toml", "zarr.json", "model.safetensors", "model.safetensors.index.json"]
)
def test_a_hole_of_3_gib(name: str, limited: Server, tmp_path: Path) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(3 * 2**30)
    commands = {
        "log": ["detect-stages", str(path)], "sweep.toml": ["train", str(path)], "zarr.json": ["report", str(tmp_path)],
    }  # fmt: skip
    said = "larger than|neither safetensors nor npz|damaged"
    check(limited.run(commands.get(name, ["drift", str(path), str(path)])), said)


def test_a_fifo_with_a_writer_is_read(limited: Server, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for command in (["detect-stages"], ["detect-stages", "--follow"]):
        writer = threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(LOSSES,))
        writer.start()
        taken = limited.run([*command, str(tmp_path / "fifo")])
        writer.join()
        check(taken, None)
        assert "loss against step, 100 values" in taken.err


@pytest.mark.slow
def test_a_folder_of_very_many_files(limited: Server, tmp_path: Path) -> None:
    for name in range(21_000):
        (tmp_path / str(name)).touch()
    check(limited.run(["detect-stages", str(tmp_path)]), "more than 20,000 files")


def test_a_store_that_claims_more_than_it_has(limited: Server, tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text(json.dumps({"attributes": {"mstage": "1", "format": 2, "sweep": {"seeds": 1}}}))
    check(limited.run(["report", str(tmp_path)]), "damaged")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "store"
    train(Sweep(TwoLayer(alpha=(1.0,), width=(4,)), seed=(0,), steps=20), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["input", "step", "loss", "final_loss", "width_4/input_weight"])
def test_a_store_that_claims_an_array_of_1e15(name: str, store: Path, limited: Server, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    metadata = json.loads((store / "zarr.json").read_text())
    array = metadata["consolidated_metadata"]["metadata"][name]
    array["shape"] = [10**15 if place == 0 else size for place, size in enumerate(array["shape"])]
    array["chunk_grid"]["configuration"]["chunk_shape"] = array["shape"]
    (tmp_path / "store" / "zarr.json").write_text(json.dumps(sealed(metadata)))
    for command in ("report", "detect-stages", "drift", "condensation", "predict"):
        check(limited.run([command, str(tmp_path / "store")]), "the sweep is damaged")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "chunks"),
    [
        *((1, chunks) for chunks in ({"sample": 10**15}, {"dim": 10**15}, {"step": 10**15}, {"seed": 10**5})),
        *((10**5, chunks) for chunks in ({"sample": 10**15}, {"seed": 1}, {"seed": 10**5})),
    ],
)
def test_a_store_that_claims_many_runs(
    chunks: dict[str, int], runs: int, store: Path, limited: Server, tmp_path: Path
) -> None:
    """Runs, records and samples of which there are no files."""
    axis = list(range(runs))
    shutil.copytree(store, tmp_path / "store")
    root = json.loads((store / "zarr.json").read_text())
    about = root["attributes"]
    about["sweep"] |= {"seed": axis, "alpha": [1 + k / 10**4 for k in axis]}
    about["chunks"] |= {"alpha": len(axis)} | chunks
    (tmp_path / "store" / "zarr.json").write_text(json.dumps(sealed(root)))
    check(limited.run(["report", str(tmp_path / "store")]), "the sweep is damaged")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["input/c.0.0", "step/c.0", "loss/c.0.0.0.0.0", ".shards/0.commit"])
def test_a_store_whose_chunk_is_a_hole(name: str, store: Path, limited: Server, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    os.truncate(tmp_path / "store" / name, 3 * 2**30)
    check(limited.run(["report", str(tmp_path / "store")]), "the sweep is damaged")
