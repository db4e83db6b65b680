"""A sweep on disk, read back: what of it is committed, and what of that is sound.

The commits say how many records of each shard are complete; what lies beyond is ignored, so a sweep can be read while
it trains and after it was killed. Every number that is used has a checksum. What is damaged for all runs is an error;
runs that are hurt alone become `damaged`, without numbers, and the others stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mstage.errors import InputError, MstageError, shown
from mstage.history import RunStatus
from mstage.outside import read_file
from mstage.store.chunks import mapped
from mstage.store.commits import Commit, read_commit
from mstage.store.layout import STORE_FORMAT, WEIGHTS, Layout, group_name
from mstage.store.metadata import MAX_METADATA, NOT_ATTRIBUTES, check_metadata, read_root
from mstage.store.weights import StoredWeights
from mstage.sweepfile import sweep_from_dict

if TYPE_CHECKING:
    from mstage.spec import Sweep
    from mstage.store.layout import Shard

SPARSEST = 1_000  # times as many losses as are committed that there is room for
FREE = 2**26  # bytes of losses that there is room for in any case


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
            self.layout = Layout(sweep_from_dict(self.attributes["sweep"]), self.attributes["chunks"])
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
        in a group `width_*` for each width. All is cut to what is committed of the run that is furthest, and NaN where
        others are not as far. Runs that have not ended there are `running`. The attribute `damage` says what cannot be
        read, and of which runs.

    Raises:
        InputError: It is no store, is of another format, or is damaged as a whole.

    Example:
        >>> open_sweep("runs/demo").loss.sel(width=400, alpha=1)
    """
    store = StoredSweep(path)
    reading = _Reading(store)
    groups = {"/": reading.root()}
    for width in store.sweep.width:
        arrays = [reading.weights(width, name) for name in WEIGHTS]
        if check_weights:
            reading.check(arrays)
        groups[group_name(width)] = xr.Dataset({one.array.name: one.variable() for one in arrays})
    tree = xr.DataTree.from_dict(groups)
    if reading.damage:
        tree.attrs["damage"] = reading.said()
    return tree


class _Reading:
    """What is read of a store, and what of it is damaged."""

    def __init__(self, store: StoredSweep) -> None:
        self.store, self.layout = store, store.layout
        self.damage: dict[str, dict[Shard, str]] = {}  # by array, why
        self.commits: dict[Shard, Commit] = {}
        for shard in self.layout.shards:
            try:
                self.commits[shard] = read_commit(store.path, self.layout, shard)
            except (ValueError, OSError) as error:
                self._hurt("the commit", shard, error)
        self.records = max((one.records for one in self.commits.values()), default=0)
        self._snapshots = self.layout.counts(self.records)["output_weight"]

    def root(self) -> xr.Dataset:
        """All but the weights.

        Raises:
            InputError: Something that all runs share is damaged, or every run is.
        """
        layout, store = self.layout, self.store
        arrays = layout.arrays
        outcomes = {
            name: np.full(arrays[name].shape, arrays[name].fill, arrays[name].dtype) for name in layout.outcomes
        }
        outcomes["status"][...] = RunStatus.DAMAGED
        losses = self._losses()
        if not self.commits:
            raise damaged(store.path, self.said()[0])
        for shard, commit in self.commits.items():
            for name, values in self._outcomes(commit).items():
                outcomes[name][shard.place(arrays[name])] = values.reshape(shard.shape)
        variables = {name: (arrays[name].dims, values, arrays[name].attributes) for name, values in outcomes.items()}
        coordinates = {**store.coordinates(), **{name: xr.Variable(*one) for name, one in variables.items()}}
        data = {**store.problem().variables, "loss": (arrays["loss"].dims, losses, arrays["loss"].attributes)}
        for name, one in coordinates.items():
            cut = {"step": slice(self.records), "snapshot": slice(self._snapshots)}
            coordinates[name] = one.isel({axis: part for axis, part in cut.items() if axis in one.dims})
        about = {name: value for name, value in store.attributes.items() if name not in NOT_ATTRIBUTES}
        return xr.Dataset(data, dict(sorted(coordinates.items())), about)

    def weights(self, width: int, name: str) -> StoredWeights:
        """The weights of a width."""
        commits = {shard: commit for shard, commit in self.commits.items() if shard.width == width}
        array = self.layout.arrays[f"{group_name(width)}/{name}"]
        return StoredWeights(self.store.path, self.layout, array, commits, self._snapshots)

    def check(self, arrays: list[StoredWeights]) -> None:
        """Find what is damaged of some weights, which their shards have none of then."""
        for shard in list(arrays[0].commits):
            for one in arrays:
                try:
                    one.check(shard)
                except (ValueError, OSError) as error:
                    self._hurt(one.array.path, shard, error)
                    for other in arrays:
                        other.commits.pop(shard, None)
                    break

    def said(self) -> list[str]:
        """What is damaged, a line each."""
        return [
            f"{what} of {shard} is damaged ({shown(why, 100)})"
            for what, shards in self.damage.items()
            for shard, why in shards.items()
        ]

    def _losses(self) -> np.ndarray:
        """The losses, NaN where there are none; a shard whose losses are damaged has no commit any more."""
        array, size = self.layout.arrays["loss"], self.layout.chunks["step"]
        shape = (*array.shape[:-1], self.records)
        there = sum(commit.records * shard.run_count for shard, commit in self.commits.items())
        itemsize = np.dtype(array.dtype).itemsize
        if int(np.prod(shape, dtype=object)) * itemsize > SPARSEST * there * itemsize + FREE:
            raise damaged(self.store.path, "it claims more losses than it has")
        parts: dict[Shard, list[np.ndarray]] = {}
        for shard, commit in list(self.commits.items()):
            rest = commit.rest["loss"]
            try:
                written = -(-(commit.records - rest.shape[1]) // size)
                chunks = [mapped(self.store.path, array, shard.chunk(array, k)) for k in range(written)]
            except (ValueError, OSError) as error:
                self._hurt("loss", shard, error)
                del self.commits[shard]
                continue
            inside = tuple(map(slice, shard.shape))
            parts[shard] = [*(chunk[inside] for chunk in chunks), rest.reshape(*shard.shape, rest.shape[1])]
        losses = np.full(shape, np.nan, array.dtype)
        for shard, blocks in parts.items():
            count = self.commits[shard].records
            losses[shard.place(array)][..., :count] = np.concatenate(blocks, axis=-1)[..., :count]
        return losses

    def _outcomes(self, commit: Commit) -> dict[str, np.ndarray]:
        """How the runs of a shard stand at its last record: the end of one may lie between it and the next."""
        outcomes = dict(commit.outcomes)
        if commit.records < self.layout.sizes["step"]:
            last = self.layout.sweep.loss_steps[commit.records - 1] if commit.records else 0
            beyond = outcomes["last_step"] > last
            outcomes["status"] = np.where(beyond, np.int8(RunStatus.RUNNING), outcomes["status"])
            outcomes["last_step"] = np.where(beyond, last, outcomes["last_step"])
        return outcomes

    def _hurt(self, what: str, shard: Shard, error: BaseException) -> None:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        self.damage.setdefault(what, {})[shard] = why


def stored_sweep(path: str | Path) -> Sweep:
    """The spec of the sweep in a store.

    Raises:
        InputError: It is no store, is of another format, or is damaged.
    """
    return StoredSweep(path).sweep


def stored_problem(path: str | Path) -> xr.Dataset:
    """What the sweep in a store learns: `input (sample, dim)` and `target (sample)`, its origin in the attributes.

    Raises:
        InputError: It is no store, is of another format, or is damaged.
    """
    return StoredSweep(path).problem()


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


def damaged(path: Path, reason: str) -> InputError:
    """What is said of a store that cannot be read."""
    return InputError(
        f"{path}: the sweep is damaged or cut short ({' '.join(reason.split())[:200]}). "
        f"Restore it from a copy, or train it anew with --overwrite."
    )
