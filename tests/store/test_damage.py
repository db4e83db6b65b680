"""A bit that flips anywhere in a store changes no number that is read: it is found, and the other runs stay."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mstage.errors import InputError
from mstage.history import RunStatus
from mstage.spec import Flow, Recording, Sweep, TwoLayer
from mstage.store.reader import open_sweep
from mstage.workflows.train import train
from tests.cli.run import mstage
from tests.store.test_store import StopHereError, flip, stop_after

SWEEP = Sweep(TwoLayer(alpha=(0.75, 1.0), width=(3, 4)), seed=(0, 1), until=20.0, recording=Recording("auto", 4))
FLOW = replace(SWEEP, dynamics=Flow())


@pytest.fixture(scope="module", params=["whole", "half", "flow"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that is trained, one that was interrupted and a flow."""
    path = tmp_path_factory.mktemp(request.param) / "sweep"
    if request.param == "half":
        with pytest.raises(StopHereError):
            train(replace(SWEEP, until=100.0), path, progress=stop_after(13), commit_seconds=0)
    else:
        train(FLOW if request.param == "flow" else SWEEP, path)
    return path


def assert_sound(found: xr.DataTree, whole: xr.DataTree) -> bool:
    """Runs are as they were, or are damaged and have no numbers. Whether all are as they were."""
    whole = whole.isel(step=slice(found.sizes["step"]), snapshot=slice(found.sizes["snapshot"]))
    hurt = (found.dataset.status == RunStatus.DAMAGED).values
    assert "damage" in found.attrs or not hurt.any()
    np.testing.assert_array_equal(found.loss.values[~hurt], whole.loss.values[~hurt])
    assert np.isnan(found.loss.values[hurt]).all()
    for name in set(whole.dataset.coords) - {"status"}:
        one, other = found.dataset[name], whole.dataset[name]
        kept = ~hurt if one.dims == found.dataset.status.dims else slice(None)
        np.testing.assert_array_equal(one.values[kept], other.values[kept])
    is_same = not hurt.any()
    for name, group in whole.children.items():
        for weights in group.data_vars:
            values = found[name].dataset[weights].values
            same = (values == group[weights].values) | np.isnan(group[weights].values)
            assert (same | np.isnan(values)).all()
            is_same &= bool(same.all())
    return is_same


@pytest.mark.slow
def test_a_flipped_bit_is_found_or_changes_nothing(store: Path, tmp_path: Path) -> None:
    whole = open_sweep(store).load()
    random = np.random.default_rng(0)
    files = sorted(file for file in store.rglob("*") if file.is_file() and file.name != "lock")
    assert len(files) > 30
    path = tmp_path / "sweep"
    shutil.copytree(store, path)
    found, unread = 0, set()
    for file in files:
        copy = path / file.relative_to(store)
        for byte in {0, file.stat().st_size - 1, *random.integers(file.stat().st_size, size=2).tolist()}:
            flip(copy, byte)
            try:
                tree = open_sweep(path, check_weights=True).load()
            except InputError:
                found += 1
            else:
                same = assert_sound(tree, whole)
                assert same or "damage" in tree.attrs
                if "damage" in tree.attrs:
                    found += 1
                else:
                    unread.add(file.relative_to(store).parts[0])
            finally:
                shutil.copyfile(file, copy)
    # What is there for readers without mstage alone, and the spaces in JSON.
    told = {"status", "last_step", "final_loss", "end_time", "accepted_steps", "rejected_steps", "factorisations"}
    assert unread - told <= {"loss", "width_3", "width_4", *whole.dataset.variables, "zarr.json"}
    assert found > 3 * len(unread)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loss/c.0.1.0.0.0", "loss of alpha 0.75 to 1, width 4, seed 0 to 1, learning rate 0.1 is damaged"),
        (".shards/1.commit", "the commit of alpha 0.75 to 1, width 4, seed 0 to 1, learning rate 0.1 is damaged"),
        ("width_4/input_weight/c.0.0.0.0.0.0", "width_4/input_weight of alpha 0.75 to 1, width 4, seed 0 to 1"),
    ],
)
def test_the_other_runs_are_shown(name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the array and the runs, and the exit code is that of unreadable input."""
    path = tmp_path / "sweep"
    train(SWEEP, path)
    whole = {command: mstage(capsys, command, path, "--format", "json") for command in ("report", "drift")}
    flip(path / name, 50)
    for command, before in whole.items():
        found = mstage(capsys, command, path, "--format", "json")
        assert (before.code, found.code) == (0, 3)
        assert said in found.err
        rows = {"report": "groups", "drift": "snapshots"}[command]
        old, new = json.loads(before.out)[rows], json.loads(found.out)[rows]
        kept, still = ([row for row in rows if (row.get("run") or row)["width"] == 3] for rows in (old, new))
        assert still == kept
    stages = mstage(capsys, "detect-stages", path, "--format", "json")
    is_hurt = "weight" not in name  # of which it reads none
    assert stages.code == (3 if is_hurt else 0)
    assert {run["run"]["width"] for run in json.loads(stages.out)["runs"]} == ({3} if is_hurt else {3, 4})


def test_a_damaged_chunk_of_weights_is_no_number(tmp_path: Path) -> None:
    """Read when they are used, by somebody who did not have them checked."""
    train(SWEEP, tmp_path / "sweep")
    flip(tmp_path / "sweep" / "width_4" / "output_weight" / "c.0.0.0.0.0", 50)
    tree = open_sweep(tmp_path / "sweep")
    assert tree["width_3"].output_weight.notnull().all()
    with pytest.raises(InputError, match=r"width_4/output_weight of alpha .* is damaged \(its checksum is wrong\)"):
        tree["width_4"].output_weight.load()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loss/c.0.0.0.0.0", "alpha/c.0", "target/c.0", "status/c.0.0.0.0"])
def test_xarray_alone_finds_it_too(name: str, tmp_path: Path) -> None:
    train(SWEEP, tmp_path / "sweep")
    flip(tmp_path / "sweep" / name, 2)
    with pytest.raises(ValueError, match="checksum"):
        xr.open_datatree(tmp_path / "sweep", engine="zarr").load()


def test_files_that_are_gone_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "sweep"
    train(SWEEP, path)
    (path / "loss" / "c.0.1.0.0.0").unlink()
    tree = open_sweep(path)
    assert (tree.dataset.status.sel(width=4) == RunStatus.DAMAGED).all()
    assert (tree.dataset.status.sel(width=3) == RunStatus.FINISHED).all()
    chunk = path / "loss" / "c.0.0.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"damaged or cut short \(loss of alpha .* width 3.* is damaged"):
        open_sweep(path)
