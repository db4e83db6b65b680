"""A sweep on disk, read back: what of it is committed, and what of that is sound.

The commits say how many records of each shard are complete; what lies beyond is ignored, so a sweep can be read while
it trains and after it was killed. Every number that is used has a checksum. What is damaged for all runs is an error;
runs that are hurt alone become `damaged`, without numbers, and the others stay as they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mstage.errors import InputError, MstageError, shown
from mstage.outside import read_file
from mstage.spec.sweep import ARRAYS, Sweep
from mstage.store.chunks import mapped
from mstage.store.committed import Committed, damaged
from mstage.store.layout import STORE_FORMAT, Layout, group_name
from mstage.store.metadata import MAX_METADATA, NOT_ATTRIBUTES, check_metadata, read_root
from mstage.training_set import TrainingSet


class StoredSweep:
    """The store of a sweep, its metadata checked.

    Attributes:
        path: Where it lies.
        attributes: Of its root.
        layout: Its arrays and shards.

    Raises:
        InputError: It is no store, is of another format, or is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        root = _checked_root(self.path)
        self.attributes: dict[str, Any] = root["attributes"]
        try:
            check_metadata(self.path, root)
            chunks, values = self.attributes["chunks"], dict(self.attributes["sweep"])
            learns_arrays = values.pop(ARRAYS, None) is not None
            self.layout = Layout(Sweep.from_dict(values), chunks)
            if learns_arrays:
                self.layout = Layout(replace(self.sweep, problem=self.training_set()), chunks)
        except (MstageError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise damaged(self.path, f"its sweep cannot be read: {shown(error, 200)}") from None
        except OSError as error:
            raise damaged(self.path, f"{error.filename}: {error.strerror}") from None

    @property
    def sweep(self) -> Sweep:
        """The spec of the sweep."""
        return self.layout.sweep

    def values(self, name: str) -> np.ndarray:
        """The values of an array that all runs share.

        Raises:
            InputError: It is damaged.
        """
        array = self.layout.arrays[name]
        try:
            return np.array(mapped(self.path, array)) if 0 not in array.shape else np.empty(array.shape, array.dtype)
        except (ValueError, OSError) as error:
            raise damaged(self.path, f"{name}: {shown(error, 200)}") from None

    def problem(self) -> xr.Dataset:
        """What it learns: `input (sample, dim)` and `target (sample)`, its origin in the attributes.

        Raises:
            InputError: It is damaged.
        """
        arrays = self.layout.arrays
        variables = {
            name: (arrays[name].dims, self.values(name), arrays[name].attributes) for name in ("input", "target")
        }
        return xr.Dataset(variables, attrs=self.attributes["problem"])

    def training_set(self) -> TrainingSet:
        """What it learns.

        Raises:
            InputError: It is damaged.
        """
        return TrainingSet.of(self.attributes["problem"], self.values("input"), self.values("target"))

    def coordinates(self) -> dict[str, xr.Variable]:
        """The coordinates that do not depend on how runs ended.

        Raises:
            InputError: One is damaged, or is not that of its sweep.
        """
        found = {}
        for name, (dims, expected) in self.layout.coordinates.items():
            values = self.values(name)
            if (name,) == dims and values.tolist() != expected.tolist():
                raise damaged(self.path, f"{name} is not that of its sweep")
            found[name] = xr.Variable(dims, values, self.layout.arrays[name].attributes)
        return found


def open_sweep(path: str | Path, *, check_weights: bool = False) -> xr.DataTree:
    """Read a sweep, as far as it is committed.

    Args:
        path: The store.
        check_weights: Whether the weights are read, too, to find what is damaged of them: it is NaN then. Otherwise
            they are read when they are used, and what is damaged is an error.

    Returns:
        The tree of the store: losses at the root, over the run axes and `step`, with `input` and `target`; the weights
        in a group for each shape of network, as `width_400`. All is cut to what is committed of the run that is
        furthest, and NaN where others are not as far. Runs that have not ended there are `running`. The attribute
        `damage` says what cannot be read, and of which runs.

    Raises:
        InputError: It is no store, is of another format, or is damaged as a whole.

    Example:
        >>> open_sweep("runs/demo").loss.sel(width=400, alpha=1)
    """
    store = StoredSweep(path)
    committed = Committed(store.path, store.layout)
    groups = {"/": _root(store, committed)}
    for shape in store.sweep.shapes:
        arrays = [committed.weights(shape, name) for name in store.layout.weight_names(shape)]
        if check_weights:
            committed.check(arrays)
        groups[group_name(shape)] = xr.Dataset({one.array.name: one.variable() for one in arrays})
    tree = xr.DataTree.from_dict(groups)
    if committed.damage:
        tree.attrs["damage"] = committed.said()
    return tree


def _root(store: StoredSweep, committed: Committed) -> xr.Dataset:
    """All but the weights.

    Raises:
        InputError: Something that all runs share is damaged, or every run is.
    """
    arrays = store.layout.arrays
    losses = committed.losses()
    outcomes = {
        name: xr.Variable(arrays[name].dims, values, arrays[name].attributes)
        for name, values in committed.outcomes().items()
    }
    coordinates = {**store.coordinates(), **outcomes}
    cut = {"step": slice(committed.records), "snapshot": slice(committed.snapshots)}
    for name, one in coordinates.items():
        coordinates[name] = one.isel({axis: part for axis, part in cut.items() if axis in one.dims})
    data = {**store.problem().variables, "loss": (arrays["loss"].dims, losses, arrays["loss"].attributes)}
    about = {name: value for name, value in store.attributes.items() if name not in NOT_ATTRIBUTES}
    return xr.Dataset(data, dict(sorted(coordinates.items())), about)


def stored_sweep(path: str | Path) -> Sweep:
    """The spec of the sweep in a store.

    Raises:
        InputError: It is no store, is of another format, or is damaged.
    """
    return StoredSweep(path).sweep


def is_store(path: Path) -> bool:
    """Whether a folder holds a store, of whatever format and in whatever state."""
    try:
        return "mstage" in read_root(path)["attributes"]
    except OSError:
        return False
    except ValueError:  # cut short, or a path that no file can have
        return _names_mstage(path)


def _names_mstage(path: Path) -> bool:
    try:
        return b'"mstage"' in read_file(path / "zarr.json", MAX_METADATA)
    except (OSError, ValueError):
        return False


def _checked_root(path: Path) -> dict[str, Any]:
    """The zarr.json at the root of a store of this format.

    Raises:
        InputError: It is no store, is of another format, or is damaged.
    """
    if not path.exists():
        raise InputError(f"{path}: there is nothing there; expected a sweep that `mstage train -o {path}` has written")
    if not path.is_dir():
        raise InputError(f"{path}: is a file; expected the folder of a sweep that `mstage train` has written")
    foreign = InputError(f"{path}: is not a sweep that `mstage train` has written (no spec of mstage in it)")
    try:
        root = read_root(path)
    except FileNotFoundError:
        raise foreign from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise damaged(path, f"zarr.json: {shown(error, 200)}") from None
    attributes = root["attributes"]
    if "mstage" not in attributes:
        raise foreign
    found = attributes.get("format")
    if found == 1:
        raise InputError(
            f"{path}: its format is 1, of an earlier mstage, which this one does not read. Train it again with another "
            f"--output: its sweep stands in {path}/zarr.json under `sweep`, with the keys of a sweep file."
        )
    if found != STORE_FORMAT:
        raise InputError(
            f"{path}: its format is {shown(found)}, written by mstage {shown(attributes['mstage'])}; "
            f"this mstage reads format {STORE_FORMAT}. Update mstage to read it."
        )
    return root
