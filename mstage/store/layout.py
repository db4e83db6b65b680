"""What a store looks like: a Zarr v3 hierarchy, its names, and its arrays at their final shapes.

The problem and the spec lie at the root, and one group a width holds the histories. The shapes are final from the start
and the metadata are consolidated, so nothing but chunks is written while a sweep trains.
"""

from __future__ import annotations

import re
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.history import GLOSSARY, RunStatus
from mstage.spec import Flow

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    import zarr

    from mstage.spec import Sweep

STORE_FORMAT = 1
STATE_FOLDER = ".training"  # the lock and the checkpoints of a sweep in training; not part of the Zarr hierarchy
RUN_COORDINATES = ("status", "last_step", "final_loss")
FLOW_STATISTICS = ("end_time", "accepted_steps", "rejected_steps", "factorisations")  # of every run of a flow
MISSING_MEANS_DAMAGE: Any = {"write_empty_chunks": True}  # else Zarr reads a missing chunk as one of fill values
PACKAGES = ("mstage", "jax", "jaxlib", "optax", "diffrax", "numpy")


def group_name(width: int) -> str:
    """Name of the group of a width."""
    return f"width_{width}"


_ARRAY = r"(zarr\.json|c(/\d+)*)"  # the files of one
_STORE_FILE = re.compile(
    rf"zarr\.json|(input|target)/{_ARRAY}|width_\d+/zarr\.json|width_\d+/({'|'.join(GLOSSARY)})/{_ARRAY}"
    rf"|{re.escape(STATE_FOLDER)}/(lock|width_\d+-record_\d+\.(npz|partial))"
)


def is_store_file(name: str) -> bool:
    """Whether a file in the folder of a store, named from there with slashes, is one that a store can have."""
    return _STORE_FILE.fullmatch(name) is not None


def chunk_records(sweep: Sweep) -> int:
    """Records of a chunk of losses: some hundred chunks a sweep, so that a kill loses little of it."""
    return min(256, max(16, -(-len(sweep.loss_steps) // 128)))


def stored_bytes(sweep: Sweep, width: int, dim: int) -> int:
    """Bytes that a width takes in a store at most (losses compress a little, weights do not)."""
    runs = sweep.run_count // len(sweep.axes["width"])
    return runs * sweep.itemsize * len(sweep.loss_steps) + weight_bytes(sweep, width, dim)


def weight_bytes(sweep: Sweep, width: int, dim: int) -> int:
    """Bytes that the weights of a width take in a store."""
    runs = sweep.run_count // len(sweep.axes["width"])
    return runs * sweep.itemsize * len(sweep.snapshot_steps) * width * (dim + 1)


def write_skeleton(path: Path, sweep: Sweep, problem: xr.Dataset) -> None:
    """A whole store with nothing committed, in a folder that is there and empty but for its lock."""
    import zarr  # only for what writes a store

    with warnings.catch_warnings():
        # xarray reads consolidated metadata, Zarr v3 has yet to adopt them; the state is none of its own.
        for message in ("Consolidated metadata", f"Object at {re.escape(STATE_FOLDER)} is not recognized"):
            warnings.filterwarnings("ignore", message=message)
        root = zarr.create_group(
            path,
            zarr_format=3,
            attributes={
                "mstage": version("mstage"),
                "format": STORE_FORMAT,
                "sweep": sweep.to_dict(),
                "versions": {package: version(package) for package in PACKAGES},
                "dtype": sweep.dtype,
                "prng": "threefry2x32: key(seed) is split into the keys of the output and of the input weights",
                "problem": dict(problem.attrs),
            },
        )
        for name, axes in (("input", ("sample", "dim")), ("target", ("sample",))):
            _add(root, name, axes, values=problem[name].values)
        for width in map(int, sweep.axes["width"]):
            _write_group(root.create_group(group_name(width)), sweep, width, problem.sizes["dim"])
        zarr.consolidate_metadata(path)


def _write_group(group: zarr.Group, sweep: Sweep, width: int, dim: int) -> None:
    """The arrays of one width at their final shapes, coordinates filled in."""
    steps, snapshots = np.array(sweep.loss_steps), np.array(sweep.snapshot_steps, np.int64)
    axes = tuple(axis for axis in sweep.axes if axis != "width")
    shape = tuple(len(sweep.axes[axis]) for axis in axes)
    for axis in axes:
        _add(group, axis, (axis,), values=np.array(sweep.axes[axis]))
    is_flow = isinstance(sweep.dynamics, Flow)
    ticks = {"long_name": "ticks of the clock that the flow is recorded by"} if is_flow else {}
    _add(group, "step", ("step",), values=steps, **ticks)
    _add(group, "snapshot", ("snapshot",), values=snapshots)
    _add(group, "width", (), values=np.array(width))
    _add(group, "committed_records", (), values=np.array(0))
    extra = []
    if sweep.has_time:
        over = () if is_flow else ("learning_rate",)
        scale = np.array(sweep.tick) if is_flow else np.array(sweep.axes["learning_rate"])[:, None]
        _add(group, "time", (*over, "step"), values=scale * steps)
        _add(group, "snapshot_time", (*over, "snapshot"), values=scale * snapshots)
        extra = ["time"]
    _add(group, "status", axes, values=np.zeros(shape, np.int8), **RunStatus.attributes())
    _add(group, "last_step", axes, values=np.zeros(shape, np.int64))
    _add(group, "final_loss", axes, values=np.full(shape, np.nan))
    for name in FLOW_STATISTICS if is_flow else ():
        _add(group, name, axes, values=np.full(shape, np.nan) if name == "end_time" else np.zeros(shape, np.int64))
    along = " ".join(["width", *RUN_COORDINATES, *extra])
    _add_empty(group, "loss", (*axes, "step"), sweep, (*shape, len(steps)), coordinates=along)
    along = " ".join(["width", *RUN_COORDINATES, *(["snapshot_time"] if extra else [])])
    axes = (*axes, "snapshot", "neuron")
    _add_empty(group, "output_weight", axes, sweep, (*shape, len(snapshots), width), coordinates=along)
    _add_empty(group, "input_weight", (*axes, "dim"), sweep, (*shape, len(snapshots), width, dim), coordinates=along)


def _add(group: zarr.Group, name: str, axes: tuple[str, ...], *, values: np.ndarray, **attributes: Any) -> None:
    group.create_array(
        name,
        data=values,
        chunks=values.shape or "auto",
        dimension_names=axes,
        attributes=GLOSSARY[name] | attributes,
        config=MISSING_MEANS_DAMAGE,
    )


def _add_empty(
    group: zarr.Group, name: str, axes: tuple[str, ...], sweep: Sweep, shape: tuple[int, ...], **attributes: Any
) -> None:
    """An array to be filled: a chunk is some records, or one snapshot, of all runs."""
    along = chunk_records(sweep) if name == "loss" else 1
    runs = len(axes) - (1 if name == "loss" else 2 if name == "output_weight" else 3)  # number of axes of the runs
    group.create_array(
        name,
        shape=shape,
        chunks=(*shape[:runs], max(1, min(along, shape[runs])), *shape[runs + 1 :]),
        dtype=sweep.dtype,
        fill_value=np.nan,
        compressors="auto" if name == "loss" else None,  # weights are noise to a compressor
        dimension_names=axes,
        attributes=GLOSSARY[name] | attributes,
        config=MISSING_MEANS_DAMAGE,
    )
