"""Does a store hold what its metadata claim, as far as reading it makes room for that?

Zarr makes an array as large as its metadata say before it looks for a chunk, and reads a chunk whatever its size. So
the shapes are held against the sweep that the store says it holds, and the files against the shapes.
"""

from __future__ import annotations

import math
import stat
from typing import TYPE_CHECKING, Any

from mstage.store.layout import group_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mstage.spec import Sweep

TIGHTEST = 5_000  # times as large as its file a chunk can be: equal values are packed well
FREE = 2**20  # bytes that a chunk may claim whatever its file holds
VALUE = 8  # bytes


def check_claims(path: Path, sweep: Sweep, metadata: Mapping[str, Any]) -> None:
    """Hold the metadata of a store against its sweep and its files.

    Args:
        path: The store.
        sweep: That it says it holds.
        metadata: Of its arrays and groups, by their paths in the store.

    Raises:
        ValueError: They claim more than there is.
        OSError: A file is not there.
    """
    sizes = {axis: len(values) for axis, values in sweep.axes.items()}
    sizes |= {"step": len(sweep.loss_steps), "snapshot": len(sweep.snapshot_steps)}
    sizes |= dict(zip(("sample", "dim"), _shape("input", metadata), strict=True))
    _check_chunk(path, "input", metadata["input"])
    for name, array in metadata.items():
        if array.get("node_type") != "array":
            continue
        group = name.rpartition("/")[0]
        width = next((width for width in map(int, sweep.axes["width"]) if group_name(width) == group), 0)
        shape, axes = _shape(name, metadata), array.get("dimension_names") or []
        if tuple(axes) != _axes(sweep, name.rpartition("/")[2]):
            raise ValueError(f"{name} has the axes {axes}, which are not those of its sweep")
        if name.endswith("_weight") and [codec.get("name") for codec in array.get("codecs", [])] != ["bytes"]:
            raise ValueError(f"{name} is packed, which weights never are")
        if [(sizes | {"neuron": width}).get(axis) for axis in axes] != shape:
            raise ValueError(f"{name} has the shape {shape}, which is not that of its sweep")
        _check_chunk(path, name, array)


def _axes(sweep: Sweep, name: str) -> tuple[str, ...]:
    """The axes of an array of a store."""
    runs = tuple(axis for axis in sweep.axes if axis != "width")
    over = ("learning_rate",) if "learning_rate" in runs else ()
    known = {
        "input": ("sample", "dim"), "target": ("sample",), "width": (), "committed_records": (),
        "time": (*over, "step"), "snapshot_time": (*over, "snapshot"), "loss": (*runs, "step"),
        "output_weight": (*runs, "snapshot", "neuron"), "input_weight": (*runs, "snapshot", "neuron", "dim"),
    }  # fmt: skip
    return known.get(name, (name,) if name in (*runs, "step", "snapshot") else runs)


def _shape(name: str, metadata: Mapping[str, Any]) -> list[int]:
    shape = metadata[name]["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"{name} has the shape {shape}")
    return shape


def _check_chunk(path: Path, name: str, array: Mapping[str, Any]) -> None:
    """Hold the files of an array against the size of its chunks.

    Raises:
        ValueError: One is larger than a chunk can be, is no file, or an array of a single chunk has too little in it.
    """
    chunk = array["chunk_grid"]["configuration"]["chunk_shape"]
    room = VALUE * math.prod(chunk)
    is_single = all(size <= part for size, part in zip(array["shape"], chunk, strict=True))
    folder = path / name / "c"
    for file in [folder] if not chunk else folder.rglob("*"):
        found = file.stat()
        if stat.S_ISDIR(found.st_mode):
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_size > room + FREE:
            raise ValueError(f"{file.relative_to(path)} is no chunk of {room:,} bytes")
        if is_single and room > TIGHTEST * found.st_size + FREE:
            raise ValueError(f"{name} should have {room:,} bytes, its file has {found.st_size:,}")
