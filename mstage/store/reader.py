"""A sweep on disk, read back: what a store looks like, and which of its content can be trusted.

A store is a Zarr v3 hierarchy: the problem and the spec at the root, and one group a width whose arrays have their
final shapes from the start. `committed_records` says how many records are complete; what lies beyond is ignored, so
a sweep can be read while it trains and after it was killed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mstage.errors import InputError, MstageError, shown
from mstage.history import RunStatus
from mstage.outside import read_file
from mstage.spec import Sweep
from mstage.store.claims import check_claims
from mstage.store.layout import RUN_COORDINATES, STORE_FORMAT, group_name

if TYPE_CHECKING:
    from mstage.spec import Sweep


MOST_METADATA = 32 * 2**20  # bytes of a zarr.json, which becomes twenty times as much while it is read


def open_sweep(path: str | Path) -> xr.DataTree:
    """Read a sweep, as far as it is committed.

    Args:
        path: The store.

    Returns:
        The tree of the store: `input` and `target` at the root, and in each group `width_*` the losses (in memory) and
        the weights (read when they are used), cut to what is committed. Runs that have not ended there are `running`.

    Raises:
        InputError: It is no store, is of a newer format, or is damaged.
    """
    path = Path(path)
    attributes = read_attributes(path)
    sweep = sweep_from_attributes(path, attributes)
    try:
        check_claims(path, sweep, _root(path)["consolidated_metadata"]["metadata"])
        tree = xr.open_datatree(path, engine="zarr", chunks=None)
        groups = {"/": tree.to_dataset().load()}
        for width in map(int, sweep.axes["width"]):
            if not (path / group_name(width) / "committed_records" / "c").is_file():
                raise _damaged(path, f"{group_name(width)} is missing")
            groups[group_name(width)] = _trusted(
                path, sweep, tree.children[group_name(width)].to_dataset(inherit=False)
            )
    except MstageError:
        raise
    except Exception as error:  # zarr, numcodecs and xarray have no common error for a file that is cut or missing
        raise _damaged(path, f"{type(error).__name__}: {shown(error, 200)}") from error
    return xr.DataTree.from_dict(groups)


def stored_sweep(path: str | Path) -> Sweep:
    """The spec of the sweep in a store.

    Raises:
        InputError: It is no store, is of a newer format, or is damaged.
    """
    return sweep_from_attributes(Path(path), read_attributes(Path(path)))


def stored_problem(path: str | Path) -> xr.Dataset:
    """What the sweep in a store learns: `input (sample, dim)` and `target (sample)`, its origin in the attributes.

    Raises:
        InputError: It is no store, is of a newer format, or is damaged.
    """
    path = Path(path)
    attributes = read_attributes(path)
    try:
        check_claims(path, stored_sweep(path), _root(path)["consolidated_metadata"]["metadata"])
        root = xr.open_dataset(path, engine="zarr", chunks=None).load()
        return root[["input", "target"]].assign_attrs(attributes["problem"])
    except Exception as error:  # as in open_sweep
        raise _damaged(path, f"{type(error).__name__}: {shown(error, 200)}") from error


def is_store(path: Path) -> bool:
    """Whether a folder holds a store, of whatever format and in whatever state."""
    try:
        text = read_file(path / "zarr.json", MOST_METADATA).decode("utf-8", errors="replace")
    except (OSError, ValueError):  # ValueError: a path that no file can have
        return False
    try:
        return "mstage" in _attributes(text)
    except ValueError:
        return '"mstage"' in text  # cut short


def read_attributes(path: Path) -> dict[str, Any]:
    """The attributes at the root of a store.

    Raises:
        InputError: It is no store, is of a newer format, or is damaged.
    """
    if not path.exists():
        raise InputError(f"{path}: there is nothing there; expected a sweep that `mstage train -o {path}` has written")
    if not path.is_dir():
        raise InputError(f"{path}: is a file; expected the folder of a sweep that `mstage train` has written")
    try:
        attributes = _attributes(read_file(path / "zarr.json", MOST_METADATA).decode("utf-8"))
    except FileNotFoundError:
        raise _foreign(path) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise _damaged(path, f"zarr.json: {shown(error, 200)}") from None
    if "mstage" not in attributes:
        raise _foreign(path)
    found = attributes.get("format")
    if not isinstance(found, int) or found > STORE_FORMAT:
        raise InputError(
            f"{path}: its format is {found}, written by mstage {attributes['mstage']}; "
            f"this mstage reads up to format {STORE_FORMAT}. Update mstage to read it."
        )
    return attributes


def sweep_from_attributes(path: Path, attributes: dict[str, Any]) -> Sweep:
    """The spec that the root of a store holds.

    Raises:
        InputError: It is not there or makes no sense.
    """
    try:
        return Sweep.from_dict(attributes["sweep"])
    except (KeyError, TypeError, AttributeError, MstageError) as error:
        raise _damaged(path, f"its sweep cannot be read: {error}") from None


def _attributes(text: str) -> dict[str, Any]:
    """The attributes in a zarr.json; none where there is something else in it.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        root = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    attributes = root.get("attributes") if isinstance(root, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def _root(path: Path) -> Any:
    return json.loads(read_file(path / "zarr.json", MOST_METADATA))


def _trusted(path: Path, sweep: Sweep, group: xr.Dataset) -> xr.Dataset:
    """The committed part of a group; weights stay on disk.

    Raises:
        ValueError: Its coordinates are not those of the sweep.
    """
    for name in set(group.variables) - {"output_weight", "input_weight"}:
        group[name].load()  # so that what cannot be read is found here
    known = {axis: values for axis, values in sweep.axes.items() if axis in group.dims}
    for name, values in (known | {"step": sweep.loss_steps, "snapshot": sweep.snapshot_steps}).items():
        if group[name].values.tolist() != list(values):
            raise ValueError(f"{group_name(int(group['width']))}/{name} is not that of its sweep")
    count = int(group["committed_records"])
    last = int(group["step"][count - 1]) if count else -1
    _check_files(path / group_name(int(group["width"])), group, count, last)
    group = group.isel(step=slice(0, count)).drop_vars("committed_records")
    group = group.isel(snapshot=slice(0, int((group["snapshot"] <= last).sum())))
    group = group.assign_coords({name: group[name] for name in RUN_COORDINATES})
    beyond = group["last_step"] > last  # the run's end was written, the records that lead to it were not committed
    return group.assign_coords(
        status=group["status"]
        .where(~beyond, int(RunStatus.RUNNING))
        .astype("int8")
        .assign_attrs(group["status"].attrs),
        last_step=group["last_step"]
        .where(~beyond, max(last, 0))
        .astype("int64")
        .assign_attrs(group["last_step"].attrs),
    )


def _check_files(folder: Path, group: xr.Dataset, count: int, last: int) -> None:
    """Find chunks that are committed but not there: Zarr itself would read them as fill values.

    Raises:
        InputError: One is missing or, where its size is known, cut short.
    """
    records = group["loss"].encoding["chunks"][-1]
    for chunk in range(-(-count // records)):
        if not folder.joinpath("loss", "c", *["0"] * (group["loss"].ndim - 1), str(chunk)).is_file():
            raise _damaged(folder.parent, f"{folder.name}/loss: chunk {chunk} is missing")
    for name in ("output_weight", "input_weight"):
        snapshots = int((group["snapshot"] <= last).sum())
        size = int(np.prod(group[name].encoding["chunks"])) * group[name].dtype.itemsize
        for index in range(snapshots):
            place = [str(index) if axis == "snapshot" else "0" for axis in group[name].dims]
            file = folder.joinpath(name, "c", *place)
            if not file.is_file() or file.stat().st_size != size:
                raise _damaged(folder.parent, f"{folder.name}/{name}: snapshot {index} is missing or cut short")


def _foreign(path: Path) -> InputError:
    return InputError(f"{path}: is not a sweep that `mstage train` has written (no spec of mstage in it)")


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: the sweep is damaged or cut short ({' '.join(reason.split())[:200]}). "
        f"Restore it from a copy, or train it anew with --overwrite."
    )
