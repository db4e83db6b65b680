"""What is committed of a sweep, and what of that is sound?

The commits say how many records of each shard are complete. A shard whose commit or whose losses are damaged counts as
if there were none, and is taken note of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import InputError, shown
from mstage.history import RunStatus
from mstage.store.chunks import mapped
from mstage.store.commits import Commit, read_commit
from mstage.store.layout import group_name
from mstage.store.weights import StoredWeights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mstage.store.layout import Layout
    from mstage.store.shards import Shard

SPARSEST = 1_000  # times as many losses as are committed that there is room for
FREE = 2**26  # bytes of losses that there is room for in any case


class Committed:
    """What is committed of a store.

    Attributes:
        path: The store.
        layout: Its layout.
        commits: Of the shards that are sound.
        damage: The shards that are not, by what of them is damaged, and why.
        records: How many records the shard has that is furthest.
        snapshots: How many snapshots it has.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self.damage: dict[str, dict[Shard, str]] = {}
        self.commits: dict[Shard, Commit] = {}
        for shard in self.layout.shards:
            try:
                self.commits[shard] = read_commit(self.path, self.layout, shard)
            except (ValueError, OSError) as error:
                self._hurt("the commit", shard, error)
        self.records = max((one.records for one in self.commits.values()), default=0)
        self.snapshots = self.layout.snapshot_count(self.records)

    def losses(self) -> np.ndarray:
        """The losses of all runs, NaN where there are none.

        Raises:
            InputError: Those of every run are damaged, or there are too few of them.
        """
        array, size = self.layout.arrays["loss"], self.layout.chunks["step"]
        shape = (*array.shape[:-1], self.records)
        there = sum(commit.records * shard.run_count for shard, commit in self.commits.items())
        itemsize = np.dtype(array.dtype).itemsize
        if int(np.prod(shape, dtype=object)) * itemsize > SPARSEST * there * itemsize + FREE:
            raise damaged(self.path, "it claims more losses than it has")
        parts: dict[Shard, list[np.ndarray]] = {}
        for shard, commit in list(self.commits.items()):
            rest = commit.rest["loss"]
            try:
                written = -(-(commit.records - rest.shape[1]) // size)
                chunks = [mapped(self.path, array, shard.chunk(array, k)) for k in range(written)]
            except (ValueError, OSError) as error:
                self._hurt("loss", shard, error)
                del self.commits[shard]
                continue
            inside = tuple(map(slice, shard.shape))
            parts[shard] = [*(chunk[inside] for chunk in chunks), rest.reshape(*shard.shape, rest.shape[1])]
        if not self.commits:
            raise damaged(self.path, self.said()[0])
        losses = np.full(shape, np.nan, array.dtype)
        for shard, blocks in parts.items():
            count = self.commits[shard].records
            losses[shard.place(array)][..., :count] = np.concatenate(blocks, axis=-1)[..., :count]
        return losses

    def outcomes(self) -> dict[str, np.ndarray]:
        """How all runs stand, by name, after their losses were read."""
        arrays = self.layout.arrays
        found = {
            name: np.full(arrays[name].shape, arrays[name].fill, arrays[name].dtype) for name in self.layout.outcomes
        }
        found["status"][...] = RunStatus.DAMAGED
        for shard, commit in self.commits.items():
            for name, values in self._outcomes_of(commit).items():
                found[name][shard.place(arrays[name])] = values.reshape(shard.shape)
        return found

    def weights(self, shape: Mapping[str, float], name: str) -> StoredWeights:
        """The weights of networks of one shape."""
        commits = {shard: commit for shard, commit in self.commits.items() if self.layout.shape_of(shard) == shape}
        array = self.layout.arrays[f"{group_name(shape)}/{name}"]
        return StoredWeights(self.path, self.layout, array, commits, self.snapshots)

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

    def _outcomes_of(self, commit: Commit) -> dict[str, np.ndarray]:
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


def damaged(path: Path, reason: str) -> InputError:
    """What is said of a store that cannot be read."""
    return InputError(
        f"{path}: the sweep is damaged or cut short ({' '.join(reason.split())[:200]}). "
        f"Restore it from a copy, or train it anew with --overwrite."
    )
