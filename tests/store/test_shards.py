"""Shards: how a sweep is cut, that the cut changes no bit, and processes that share a store."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mstage.errors import InputError
from mstage.history import RunStatus
from mstage.spec import Descent, Flow, Recording, Sweep, TwoLayer
from mstage.store.layout import Layout
from mstage.store.locks import StoreLock
from mstage.store.reader import StoredSweep, open_sweep
from mstage.store.shards import SHARD_BYTES
from mstage.store.writer import SweepWriter
from mstage.workflows.train import train
from tests.cli.run import wait_until
from tests.store.test_store import StopHereError, assert_is_part, assert_same, flip, stop_after
from tests.sweeps import changed

SWEEP = Sweep(
    TwoLayer(alpha=(0.75, 1.0, 1.5), width=(20, 30)),
    dynamics=Descent(learning_rate=(0.05, 0.1)),
    seed=(0, 1, 2),
    until=40.0,
    recording=Recording("auto", 9),
)
FLOW = changed(replace(SWEEP, dynamics=Flow()), width=(30,))
WORK = 18 * 600 * 40 * (30 + 64)  # of the wider width


@pytest.fixture(scope="module")
def whole() -> xr.DataTree:
    """The sweep, trained a width at a time."""
    return train(SWEEP)


@pytest.fixture(scope="module")
def whole_flow() -> xr.DataTree:
    """The wider width in gradient flow."""
    return train(FLOW)


def cut(monkeypatch: pytest.MonkeyPatch, work: float) -> None:
    """Cut sweeps into smaller shards."""
    monkeypatch.setattr("mstage.store.shards.SHARD_WORK", work)


def values(tree: xr.DataTree) -> xr.DataTree:
    """A sweep without the account of its chunks."""
    tree = tree.load().copy()
    del tree.attrs["chunks"]
    return tree


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dynamics", "parts", "alpha", "seed"),
    [("descent", 5, 1, 2), ("descent", 99, 1, 1), ("flow", 5, 1, 2)],
)
def test_shards_change_no_bit(
    parts: int,
    alpha: int,
    seed: int,
    dynamics: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Shards at the edge of the grid, which have fewer runs, among them; read by xarray alone, too."""
    sweep, work = SWEEP, WORK
    expected = request.getfixturevalue("whole" if dynamics == "descent" else "whole_flow")
    if dynamics == "flow":
        sweep = FLOW
        work = 9 * 65 * 40**2 * (30 + 64)
    cut(monkeypatch, 0.99 * work / parts)
    tree = train(sweep, tmp_path / "sweep")
    assert (tree.attrs["chunks"]["alpha"], tree.attrs["chunks"]["seed"]) == (alpha, seed)
    xr.testing.assert_identical(values(tree), values(expected))
    other = xr.open_datatree(tmp_path / "sweep", engine="zarr").load()
    xr.testing.assert_equal(other.to_dataset(), tree.to_dataset())
    for name, group in tree.children.items():
        xr.testing.assert_equal(other[name].to_dataset(inherit=False), group.to_dataset(inherit=False))


def test_every_run_is_in_one_shard() -> None:
    for sweep in (SWEEP, replace(SWEEP, steps=10**9, until=None)):
        layout = Layout.of(sweep, 40, 2)
        seen = np.zeros(layout.arrays["status"].shape, int)
        for shard in layout.shards:
            seen[shard.place(layout.arrays["status"])] += 1
            assert len(shard.runs_of(sweep)) == shard.run_count
        assert (seen == 1).all()
        assert all(one.values["width"] <= other.values["width"] for one, other in pairwise(layout.shards))


def test_how_a_sweep_is_cut() -> None:
    """Small ones a width at a time, long ones by work, large ones by memory, and the same everywhere."""
    assert len(Layout.of(SWEEP, 40, 2).shards) == 2
    long = Layout.of(replace(SWEEP, until=None, steps=10**7), 40, 2)
    assert 2 * 2 < len(long.shards) <= 2 * 9
    large = Layout.of(Sweep(TwoLayer(width=(200_000,)), seed=tuple(range(1000)), steps=100), 40, 2)
    assert 18 <= len(large.shards) <= 40
    assert max(shard.run_count for shard in large.shards) * 200_000 * 3 * 8 <= 1.1 * SHARD_BYTES


def trainer(path: Path) -> subprocess.Popen[str]:
    """A process that trains what is left of a store."""
    command = [sys.executable, "-m", "mstage", "train", "--resume", "-o", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_share_a_store(whole: xr.DataTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each takes shards that nobody has; what one leaves behind that is killed, another takes."""
    cut(monkeypatch, 1.0)
    path = tmp_path / "sweep"
    with pytest.raises(StopHereError):
        train(SWEEP, path, progress=stop_after(1))
    processes = [trainer(path) for _ in range(3)]
    wait_until(lambda: any(shard.records for shard in commits(path)), processes[0])
    processes[0].kill()
    processes[0].communicate()
    assert_is_part(open_sweep(path), whole)
    said = [process.communicate(timeout=300)[1] for process in processes[1:]]
    codes = [process.returncode for process in processes[1:]]
    # One that comes when the last shard is in the hands of the other has nothing to do, and says so.
    assert codes in ([0, 0], [0, 3], [3, 0]), said
    assert all("all that is left is in its hands" in err for code, err in zip(codes, said, strict=True) if code == 3)
    xr.testing.assert_identical(values(train(SWEEP, path, resume=True)), values(whole))


def commits(path: Path) -> list:
    """What is committed, shard by shard."""
    writer = SweepWriter(path, StoredSweep(path).layout, None, None)
    return [writer.commit_of(shard) for shard in writer.layout.shards]


@pytest.mark.slow
def test_each_takes_what_nobody_has(whole: xr.DataTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cut(monkeypatch, 0.99 * WORK / 2)
    path = tmp_path / "sweep"
    with pytest.raises(StopHereError):
        train(SWEEP, path, progress=stop_after(1))
    with SweepWriter.resume(path) as writer:
        mine = [writer.take(), writer.take()]
        process = trainer(path)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0
        runs = sum(one.shard.run_count for one in mine)
        assert f"{runs} of 36 runs are in training elsewhere" in said
        tree = open_sweep(path)
        running = int((tree.dataset.status == RunStatus.RUNNING).sum())
        assert running == runs
        assert_is_part(tree, whole)
        process = trainer(path)
        assert "another process is training it, and all that is left is in its hands" in process.communicate()[1]
        assert process.returncode == 3
    xr.testing.assert_identical(values(train(SWEEP, path, resume=True)), values(whole))


@pytest.mark.slow
def test_a_process_opens_a_store_once(tmp_path: Path) -> None:
    """A second descriptor of the file would take the locks away from the first when it is closed."""
    path = tmp_path / "sweep"
    train(changed(SWEEP, width=3, until=2.0), path)
    lock = StoreLock(path, alone=False)
    with pytest.raises(InputError, match="another process is training it"):
        StoreLock(path, alone=False)
    assert lock.take(0)
    code = (
        "from pathlib import Path; from mstage.store.locks import StoreLock;"
        f"lock = StoreLock(Path({str(path)!r}), alone=False); print(lock.take(0), lock.take(1), lock.is_alone())"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "False True False\n"
    lock.close()
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "True True True\n"
    StoreLock(path, alone=True).close()


@pytest.mark.slow
def test_a_resumed_store_keeps_its_cut(whole: xr.DataTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However large shards of new stores are there."""
    path = tmp_path / "sweep"
    with monkeypatch.context() as other:
        cut(other, 1.0)
        with pytest.raises(StopHereError):
            train(SWEEP, path, progress=stop_after(8), commit_seconds=0)
    tree = train(SWEEP, path, resume=True)
    assert tree.attrs["chunks"]["seed"] == 1
    xr.testing.assert_identical(values(tree), values(whole))
    assert_same(open_sweep(path), tree)


@pytest.mark.slow
def test_weights_are_read_as_far_as_they_are_wanted(
    whole: xr.DataTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By numbers, slices and lists, of shards that are sound, whatever has become of the others."""
    cut(monkeypatch, 1.0)
    train(changed(SWEEP, width=20), tmp_path / "sweep")
    expected = whole["width_20"].input_weight
    found = open_sweep(tmp_path / "sweep")["width_20"].input_weight
    for place in (
        {"alpha": 1, "seed": 2}, {"seed": slice(None, None, 2), "snapshot": slice(1, 8, 3)}, {"snapshot": -1},
        {"alpha": [2, 0], "neuron": slice(3, 7)}, {"neuron": slice(None, None, -3)}, {"snapshot": slice(0, 0)},
    ):  # fmt: skip
        np.testing.assert_array_equal(found.isel(place).values, expected.isel(place).values)
    flip(tmp_path / "sweep" / "width_20" / "input_weight" / "c.1.2.0.0.0.0", 50)
    found = open_sweep(tmp_path / "sweep")["width_20"].input_weight
    np.testing.assert_array_equal(found.isel(alpha=0).values, expected.isel(alpha=0).values)
    with pytest.raises(InputError, match=r"width_20/input_weight of alpha 1, width 20, seed 2, learning rate 0\.05 to"):
        found.isel(alpha=1).load()
