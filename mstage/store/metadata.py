"""The metadata of a store: a `zarr.json` for each array and group, and all of them once more at the root, sealed.

Readers without mstage take them from the root, as consolidated metadata. The seal is a checksum over all that stands
there, whatever its spacing.
"""

from __future__ import annotations

import json
import math
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.outside import read_file
from mstage.store.chunks import CODECS, encoded
from mstage.store.commits import Commit, commit_file
from mstage.store.layout import group_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mstage.store.arrays import StoredArray
    from mstage.store.disk import Disk
    from mstage.store.layout import Layout

MAX_METADATA = 32 * 2**20  # bytes of a zarr.json, which becomes twenty times as much while it is read
SEAL = "seal"
NOT_ATTRIBUTES = (SEAL, "coordinates")  # of a sweep, but of its store


def write_skeleton(
    disk: Disk, folder: Path, layout: Layout, problem: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """A whole store with nothing committed, in a folder that is there and holds nothing but its lock.

    Args:
        disk: Writes it.
        folder: Where.
        layout: Its arrays.
        problem: Values of `input` and `target`.
        about: The attributes of its root.
    """
    nodes: dict[str, Any] = {group_name(shape): _group({}) for shape in layout.sweep.shapes}
    nodes |= {path: _array(one) for path, one in layout.arrays.items()}
    for path in nodes:
        disk.new_folder(folder / path)
    values = {name: one for name, (_, one) in layout.coordinates.items()} | dict(problem)
    disk.write_all(
        {folder / path / "zarr.json": [json.dumps(node, indent=2).encode()] for path, node in nodes.items()}
        | {
            folder / layout.arrays[name].file(): encoded(layout.arrays[name], one)
            for name, one in values.items()
            if one.size
        }
        | {commit_file(folder, shard): Commit.empty(layout, shard).to_parts() for shard in layout.shards}
    )
    extra = [name for name, (dims, _) in layout.coordinates.items() if (name,) != dims]
    root = _group({**about, "coordinates": " ".join([*layout.outcomes, *extra])})
    root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": nodes}
    disk.write_all({folder / "zarr.json": [json.dumps(sealed(root), indent=2).encode()]})


def read_root(path: Path) -> dict[str, Any]:
    """The zarr.json at the root of a store; empty where there is something else in it than an object.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no JSON.
    """
    try:
        root = json.loads(read_file(path / "zarr.json", MAX_METADATA).decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(root, dict) or not isinstance(root.get("attributes"), dict):
        return {"attributes": {}}
    return root


def check_metadata(path: Path, root: Mapping[str, Any]) -> None:
    """Find metadata that are not those that were written.

    Raises:
        ValueError: Some are not.
        OSError: They cannot be read.
    """
    if sealed(root) != root:
        raise ValueError("zarr.json: its checksum is wrong")
    for name, node in root["consolidated_metadata"]["metadata"].items():
        try:
            same = json.loads(read_file(path / name / "zarr.json", MAX_METADATA)) == node
        except ValueError:
            same = False
        if not same:
            raise ValueError(f"{name}/zarr.json is not what it was")


def sealed(root: Mapping[str, Any]) -> dict[str, Any]:
    """The zarr.json of a root with a checksum, among its attributes, of all that stands there but itself."""
    attributes = {name: value for name, value in root["attributes"].items() if name != SEAL}
    seal = sha256(json.dumps({**root, "attributes": attributes}, sort_keys=True).encode()).hexdigest()
    return {**root, "attributes": {**attributes, SEAL: seal}}


def _group(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def _array(array: StoredArray) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": array.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(array.chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": "NaN" if math.isnan(array.fill) else array.fill,
        "codecs": CODECS,
        "attributes": dict(array.attributes),
        "dimension_names": list(array.dims),
        "storage_transformers": [],
    }
