"""Small sweeps whose runs diverged, stopped at once or kept next to nothing, and what damage makes of them."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from tests.fuzz import numbers

COMMANDS = ("detect-stages", "report", "drift", "condensation")
WHERE = ("loss", "loss", "output_weight", "input_weight", "input_weight", "status", "last_step", "final_loss", "time",
         "step", "snapshot", "snapshot_time", "width", "alpha", "learning_rate")  # fmt: skip


@lru_cache(maxsize=1)
def whole_sweeps() -> tuple[Path, ...]:
    """Sweeps as `mstage train` writes them, trained once a process."""
    from mstage.spec import Descent, Optimizer, Recording, Sweep, TwoLayer
    from mstage.workflows.train import train

    folder = Path(mkdtemp(prefix="mstage-fuzz-"))
    some = Recording("auto", 4)
    sweeps = (
        Sweep(
            TwoLayer(alpha=(0.75, 1.0), width=(5, 8)),
            dynamics=Descent(learning_rate=(0.1,)),
            seed=(0, 1),
            until=20.0,
            recording=some,
        ),
        Sweep(TwoLayer(width=(5,)), dynamics=Descent(learning_rate=(0.1, 1e9, 1e300)), steps=60, recording=some),
        Sweep(TwoLayer(width=(5,)), steps=60, stop_at=1e9, recording=some),
        Sweep(TwoLayer(width=(5,)), steps=1, recording=Recording("auto", 2)),
        Sweep(TwoLayer(width=(5,)), steps=60, recording=Recording("auto", 0)),
        Sweep(TwoLayer(width=(5,)), dynamics=Descent(optimizer=Optimizer("adam")), steps=60, recording=some),
    )
    for place, sweep in enumerate(sweeps):
        train(sweep, folder / str(place))
    return tuple(folder / str(place) for place in range(len(sweeps)))


def made_store(chance: random.Random, folder: Path) -> list[str]:
    """The arguments of a command on a sweep that was altered, or was not."""
    path = folder / "sweep"
    shutil.copytree(chance.choice(whole_sweeps()), path)
    for _ in range(chance.choice([0, 1, 1, 1, 2])):
        chance.choice([_other_values, _other_values, _other_commit, _other_metadata, _missing_file])(chance, path)
    command = chance.choice(COMMANDS)
    options = ["--format", chance.choice(["json", "json", "json", "csv", "table"])]
    if command == "report" and chance.random() < 0.03:
        options += ["--figures", str(folder / "figures")]
    if command == "drift" and chance.random() < 0.5:
        options += ["--order", chance.choice(["1", "2"])] + (["--joint"] if chance.random() < 0.5 else [])
    return [command, str(path), *options]


def _other_values(chance: random.Random, path: Path) -> None:
    """An array that holds something else, everywhere or in places."""
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            root = zarr.open_group(path, mode="r+")
            group = root[chance.choice(list(root.group_keys()))] if chance.random() < 0.3 else root
            array = group[chance.choice([name for name in ("input", "target", *WHERE) if name in group])]
            array[...] = _altered(chance, np.asarray(array[...]))
        except Exception:  # what was changed before it has made unreadable in some way
            return


def _altered(chance: random.Random, old: np.ndarray) -> np.ndarray:
    """Other values of an array, everywhere or in places."""
    with np.errstate(all="ignore"):
        new = numbers.losses(chance, old.size).reshape(old.shape)
        if chance.random() < 0.3:
            new = np.full(old.shape, chance.choice(numbers.EXTREMES))
        if chance.random() < 0.5:
            new = np.where(numbers.generator(chance).random(old.shape) < chance.choice([0.05, 0.5]), new, old)
        if old.dtype.kind in "iu":
            limits = np.iinfo(old.dtype)
            new = np.nan_to_num(new).clip(float(limits.min) / 2, float(limits.max) / 2)
        return new.astype(old.dtype)


def _other_commit(chance: random.Random, path: Path) -> None:
    """A commit, its checksum right, that says something else: how its runs ended, or how many records there are."""
    from mstage.errors import MstageError
    from mstage.store.commits import commit_file, read_commit
    from mstage.store.reader import StoredSweep

    try:
        layout = StoredSweep(path).layout
        shard = chance.choice(layout.shards)
        commit = read_commit(path, layout, shard)
    except (MstageError, OSError, ValueError):  # what was changed before it has made unreadable
        return
    outcomes, records = dict(commit.outcomes), commit.records
    name = chance.choice([*outcomes, "records"])
    if name == "records":
        records = chance.choice([0, 1, records // 2, records - 1, records + 1, -1, 2**70])
    else:
        outcomes[name] = _altered(chance, outcomes[name])
    commit_file(path, shard).write_bytes(b"".join(replace(commit, outcomes=outcomes, records=records).to_parts()))


def _other_metadata(chance: random.Random, path: Path) -> None:
    """A value of a zarr.json is another one, or missing, its checksum right or not."""
    from mstage.store.metadata import sealed

    file = chance.choice(sorted(path.rglob("zarr.json")))
    value = json.loads(file.read_text())
    at = value
    while isinstance(at, dict) and at:
        key = chance.choice(list(at))
        if not isinstance(at[key], dict) or not at[key] or chance.random() < 0.1:
            if chance.random() < 0.3:
                del at[key]
            else:
                at[key] = chance.choice(
                    [None, 0, -1, 1e308, "x", "", [], {}, True, [1e308], "nan", 2**70, ["a"], "float32"]
                )
            break
        at = at[key]
    is_root = isinstance(value.get("attributes"), dict) and file.parent == path
    file.write_text(json.dumps(sealed(value) if is_root and chance.random() < 0.5 else value))


def _missing_file(chance: random.Random, path: Path) -> None:
    """A file is gone or cut short."""
    file = chance.choice(sorted(one for one in path.rglob("*") if one.is_file()))
    if chance.random() < 0.5:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size + 1)])
