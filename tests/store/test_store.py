"""The store: what a kill leaves, who may write, what is refused, and that xarray alone reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from mstage.errors import InputError, MstageError, UsageError
from mstage.history import RunStatus
from mstage.spec import Descent, Recording, Sweep, TwoLayer
from mstage.store.layout import STATE_FOLDER, Layout
from mstage.store.metadata import sealed
from mstage.store.reader import StoredSweep, is_store, open_sweep, stored_sweep
from mstage.store.writer import SweepWriter
from mstage.workflows.train import Progress, train
from tests.sweeps import changed

SMALL = Sweep(
    TwoLayer(alpha=(0.75, 1.0), width=(30, 50)),
    dynamics=Descent(learning_rate=(0.05, 0.1)),
    seed=(0, 1),
    until=40.0,
    recording=Recording("auto", 9),
)


class StopHereError(Exception):
    """Raised by a progress callable in place of a Ctrl-C."""


def stop_after(calls: int):
    """A progress callable that interrupts training at its n-th call."""
    seen: list[Progress] = []

    def progress(state: Progress) -> None:
        seen.append(state)
        if len(seen) == calls:
            raise StopHereError

    return progress


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep trained without interruption."""
    path = tmp_path_factory.mktemp("whole") / "sweep.zarr"
    train(SMALL, path)
    return path


def assert_same(first: xr.DataTree, second: xr.DataTree) -> None:
    """Equal to the bit, NaN at the same places."""
    xr.testing.assert_identical(first.load(), second.load())


def assert_is_part(partial: xr.DataTree, whole: xr.DataTree) -> None:
    """Whatever of a sweep is committed is what it will be, and the rest is missing."""
    whole, partial = whole.load(), partial.load()
    records, snapshots = partial.sizes["step"], partial.sizes["snapshot"]
    running = partial.dataset.status == RunStatus.RUNNING
    reached = partial.dataset.step <= partial.dataset.last_step
    expected = whole.dataset.loss.isel(step=slice(records))
    begun = partial.dataset.loss.notnull().any("step")
    np.testing.assert_array_equal(partial.dataset.loss, expected.where(~running | (reached & begun)))
    for name, group in partial.children.items():
        at_run = partial.dataset.sel(width=int(name.removeprefix("width_")))
        there = (at_run.status != RunStatus.RUNNING) | (
            (at_run.snapshot <= at_run.last_step) & at_run.loss.notnull().any("step")
        )
        for weights in ("output_weight", "input_weight"):
            expected = whole[name].dataset[weights].isel(snapshot=slice(snapshots)).where(there)
            np.testing.assert_array_equal(group.dataset[weights], expected.transpose(*group.dataset[weights].dims))


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_xarray_alone_reads_it(whole: Path) -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('error'); import xarray;"
        f"tree = xarray.open_datatree({str(whole)!r}, engine='zarr');"
        "loss = tree.loss.sel(width=50);"
        "assert not any(m.startswith(('mstage', 'jax')) for m in sys.modules);"
        "print(loss.dims, float(loss.sel(alpha=1, seed=1, learning_rate=0.1, step=400)), loss.time.dims)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    expected = open_sweep(whole).loss.sel(width=50, alpha=1, seed=1, learning_rate=0.1, step=400)
    assert f"('alpha', 'seed', 'learning_rate', 'step') {float(expected)} ('learning_rate', 'step')" in out


def test_what_a_store_holds(whole: Path) -> None:
    tree = open_sweep(whole)
    assert stored_sweep(whole) == SMALL
    assert set(tree.attrs) >= {"format", "sweep", "versions", "dtype", "prng", "problem"}
    group = tree.dataset.sel(width=50)
    assert tree.loss.dims == ("alpha", "width", "seed", "learning_rate", "step")
    assert tree.loss.shape == (2, 2, 2, 2, 801)
    assert list(tree.children) == ["width_30", "width_50"]
    weights = tree["width_50"]
    assert weights.output_weight.dims == ("alpha", "seed", "learning_rate", "snapshot", "neuron")
    assert weights.input_weight.shape == (2, 2, 2, 9, 50, 2)
    np.testing.assert_array_equal(group.step, SMALL.loss_steps)
    np.testing.assert_array_equal(group.snapshot, SMALL.snapshot_steps)
    np.testing.assert_allclose(group.time.sel(learning_rate=0.05), 0.05 * group.step)
    assert (group.status == RunStatus.FINISHED).all()
    assert group.last_step.sel(learning_rate=0.1).values.tolist() == [[400, 400], [400, 400]]
    ended = weights.output_weight.sel(learning_rate=0.1).where(group.snapshot > 400, drop=True)
    assert ended.isnull().all()
    assert weights.output_weight.sel(learning_rate=0.05).notnull().all()
    state = {file.name: file.stat().st_size for file in (whole / STATE_FOLDER).iterdir()}
    assert set(state) == {"lock", "0.commit", "1.commit"}
    assert max(state.values()) < 2_000  # nothing to go on from is left


def test_snapshots_are_the_weights_that_the_losses_speak_of(whole: Path) -> None:
    tree = open_sweep(whole)
    group = tree["width_30"].dataset.sel(alpha=0.75, seed=1, learning_rate=0.05)
    losses = tree.loss.sel(width=30, alpha=0.75, seed=1, learning_rate=0.05)
    for snapshot in group.snapshot.values:
        one = group.sel(snapshot=snapshot)
        output = np.tanh(tree.input.values @ one.input_weight.values.T) @ one.output_weight.values
        loss = np.mean((output - tree.target.values) ** 2) / 2
        np.testing.assert_allclose(float(losses.sel(step=snapshot)), loss, rtol=1e-12)


def test_disk_estimate_is_what_is_taken(whole: Path) -> None:
    layout = Layout.of(SMALL, 40, 2)
    estimated = sum(map(layout.stored_bytes, layout.shards))
    taken = sum(
        file.stat().st_size for name in ("loss", "output_weight", "input_weight") for file in whole.rglob(f"{name}/c*")
    )
    assert estimated <= taken < 1.01 * estimated


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 3, 8, 15, 22])
def test_resumed_sweep_equals_one_never_interrupted(calls: int, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "sweep.zarr"
    with pytest.raises(StopHereError):
        train(SMALL, path, progress=stop_after(calls), commit_seconds=0)
    assert_is_part(open_sweep(path), open_sweep(whole))
    assert_same(train(SMALL, path, resume=True), open_sweep(whole))


@pytest.mark.slow
def test_resumed_after_sigkill_at_random_moments(tmp_path: Path) -> None:
    """Six kills of a real process, at moments from before its first commit to its last.

    Its calls are so short that it cannot come to its end before, however fast the machine.
    """
    sweep = changed(SMALL, width=(60, 90), until=400.0, seed=(0, 1, 2))
    whole = train(sweep, tmp_path / "whole.zarr").load()
    path = tmp_path / "killed.zarr"
    code = (
        "import sys; from mstage.workflows.train import train; from mstage.store.reader import stored_sweep;"
        "from mstage.spec import Sweep; import importlib, json, os;"
        "importlib.import_module('mstage.workflows.train')._Pace ="
        " type('Short', (), {'steps': 20, 'measured': lambda self, steps: None});"
        f"path = {str(path)!r}; sweep = Sweep.from_dict(json.loads({json.dumps(sweep.to_dict())!r}));"
        "print('ready', flush=True);"
        "train(sweep, path, resume=os.path.exists(path), commit_seconds=0,"
        " progress=lambda p: print('going', flush=True))"
    )
    random = np.random.default_rng(1)
    kills = 0
    for attempt in range(200):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        # Cut after some lines and a random breath more: within compilation, within a chunk, within a commit.
        for _ in range(int(random.integers(0, 8)) if attempt else 0):
            if not process.stdout.readline():
                break
        try:
            process.wait(float(random.exponential(0.05)))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        process.stdout.close()
        if process.returncode == 0 or kills == 6:
            break
        if path.exists():
            assert_is_part(open_sweep(path), whole)
    assert kills == 6
    assert_same(train(sweep, path, resume=True), whole)


@pytest.mark.slow
def test_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sweep.zarr"
    with pytest.raises(StopHereError):
        train(SMALL, path, progress=stop_after(2))
    with SweepWriter.resume(path) as writer:
        assert [writer.take().shard.values["width"] for _ in range(2)] == [(30,), (50,)]
        for arguments in ({"resume": True}, {"overwrite": True}):
            code = (
                "from mstage.workflows.train import train; from mstage.store.reader import stored_sweep;"
                f"train(stored_sweep({str(path)!r}), {str(path)!r}, **{arguments})"
            )
            process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            assert "another process is training it" in process.stderr
        assert open_sweep(path)  # reading is nobody's harm
    train(SMALL, path, resume=True)


def test_nothing_is_overwritten_unasked(whole: Path, tmp_path: Path) -> None:
    before = open_sweep(whole).load()
    with pytest.raises(UsageError, match=r"a sweep lies there.*--resume.*--overwrite"):
        train(SMALL, whole)
    assert_same(open_sweep(whole), before)
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="holds something else and is left alone"):
            train(SMALL, foreign, overwrite=overwrite)
    assert (foreign / "chapter.txt").read_text() == "years of work"
    with pytest.raises(InputError, match="is a file and is left alone"):
        train(SMALL, foreign / "chapter.txt", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis"]


@pytest.mark.slow
def test_overwrite_replaces_the_whole_sweep(tmp_path: Path) -> None:
    path = tmp_path / "sweep.zarr"
    train(SMALL, path)
    other = changed(SMALL, width=(20,), alpha=(1.2,))
    tree = train(other, path, overwrite=True)
    assert list(tree.children) == ["width_20"]
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.zarr"]


def test_resume_of_another_sweep_is_refused(whole: Path) -> None:
    with pytest.raises(UsageError, match="holds another sweep"):
        train(changed(SMALL, until=50.0), whole, resume=True)


def flip(file: Path, byte: int) -> None:
    """Flip a bit."""
    data = bytearray(file.read_bytes())
    data[byte] ^= 4
    file.write_bytes(data)


def damage(path: Path, how: str) -> None:
    """Spoil a store."""
    root = json.loads((path / "zarr.json").read_text())
    losses = path / "loss" / "c.0.1.0.0.0"
    match how:
        case "newer" | "older":
            root["attributes"]["format"] = 99 if how == "newer" else 1
            (path / "zarr.json").write_text(json.dumps(root))
        case "problem changed":
            flip(path / "target" / "c.0", 100)
        case "clock changed":
            flip(path / "snapshot_time" / "c.0.0", 100)
        case "metadata cut":
            (path / "zarr.json").write_text(json.dumps(root)[:500])
        case "spec gone":
            del root["attributes"]["sweep"]
            (path / "zarr.json").write_text(json.dumps(root))
        case "group gone":
            shutil.rmtree(path / "width_50")
        case "chunk gone":
            losses.unlink()
        case "chunk cut":
            os.truncate(losses, 20)
        case "snapshot gone":
            (path / "width_50" / "input_weight" / "c.0.0.0.0.0.0").unlink()
        case "foreign zarr":
            del root["attributes"]["mstage"]
            (path / "zarr.json").write_text(json.dumps(root))
        case "a list":
            (path / "zarr.json").write_text("[1, 2]")
        case "deep":
            (path / "zarr.json").write_text('{"mstage":' * 100_000)
        case "foreign folder":
            (path / "zarr.json").unlink()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("newer", "its format is 99.*reads format 2. Update mstage"),
        (
            "older",
            "its format is 1.*Train it again with another --output.*under `sweep`, with the keys of a sweep file",
        ),
        ("problem changed", "damaged or cut short.*target: its checksum is wrong"),
        ("clock changed", "damaged or cut short.*snapshot_time: its checksum is wrong"),
        ("metadata cut", "damaged or cut short"),
        ("spec gone", "damaged or cut short.*its sweep cannot be read"),
        ("group gone", "damaged or cut short"),
        ("foreign zarr", "is not a sweep that `mstage train` has written"),
        ("foreign folder", "is not a sweep that `mstage train` has written"),
        ("a list", "is not a sweep that `mstage train` has written"),
        ("deep", "damaged or cut short.*nested too deeply"),
    ],
)
def test_each_bad_store_has_its_message(how: str, message: str, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "sweep.zarr"
    shutil.copytree(whole, path)
    damage(path, how)
    with pytest.raises(InputError, match=message) as caught:
        open_sweep(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert is_store(path) is ("is not a sweep" not in message)


def test_damaged_sweep_can_be_overwritten(whole: Path, tmp_path: Path) -> None:
    """What is told to do about a zarr.json that is cut short was once refused."""
    path = tmp_path / "sweep.zarr"
    shutil.copytree(whole, path)
    damage(path, "metadata cut")
    train(SMALL, path, overwrite=True)
    assert_same(open_sweep(path), open_sweep(whole))


@pytest.mark.parametrize("place", ["nowhere", "file"])
def test_nothing_there(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("loss\n1\n")
    with pytest.raises(InputError, match="there is nothing there" if place == "nowhere" else "is a file"):
        open_sweep(tmp_path / place)


def test_lost_checkpoint_is_said(tmp_path: Path) -> None:
    path = tmp_path / "sweep.zarr"
    with pytest.raises(StopHereError):
        train(SMALL, path, progress=stop_after(12), commit_seconds=0)
    for file in (path / STATE_FOLDER).glob("*.commit"):
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"the commit of alpha 0\.75 to 1, width 30.* cannot be read"):
        train(SMALL, path, resume=True)


def test_other_versions_do_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "sweep.zarr"
    with pytest.raises(StopHereError):
        train(SMALL, path, progress=stop_after(2))
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["versions"]["jax"] = "0.1.2"
    (path / "zarr.json").write_text(json.dumps(sealed(root)))
    with pytest.raises(UsageError, match=r"was begun with jax 0\.1\.2"):
        train(SMALL, path, resume=True)


@pytest.mark.slow
def test_full_disk_loses_nothing_committed(whole: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: the write fails in the same way."""
    path = tmp_path / "sweep.zarr"
    code = (
        "import resource, signal, sys; from mstage.workflows.train import train;"
        "from mstage.spec import Sweep; import json; from mstage.errors import MstageError;"
        f"sweep = Sweep.from_dict(json.loads({json.dumps(SMALL.to_dict())!r}));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "limit = lambda p: p.share > 0.3 and resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50));\n"
        f"try: train(sweep, {str(path)!r}, commit_seconds=0, progress=limit)\n"
        "except MstageError as error: print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "cannot be written (File too large)" in out
    assert out.count("\n") == 1
    assert_same(train(SMALL, path, resume=True), open_sweep(whole))


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MstageError, match="cannot be written") as caught:
        train(SMALL, tmp_path / "file" / "sweep.zarr")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("steps", [1, 10, 9_999, 10**6])
@pytest.mark.parametrize("width", [1, 400, 10**6])
def test_chunks_are_neither_many_nor_large(steps: int, width: int) -> None:
    layout = Layout.of(Sweep(TwoLayer(width=(width,)), seed=tuple(range(50)), steps=steps), 40, 2)
    loss, *weights = layout.growing(layout.shards[0]).values()
    for axis, arrays in (("step", [loss]), ("snapshot", weights)):
        size = sum(array.chunk_bytes for array in arrays)
        of_one = size // layout.chunks[axis]
        assert size <= max(2**20, of_one)
        assert layout.chunks[axis] == layout.sizes[axis] or size + of_one > 2**19


def test_what_does_not_fit_into_memory_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mstage.simulate.trainer.Trainer.start", too_large)
    with pytest.raises(MemoryError):
        train(SMALL, tmp_path / "sweep.zarr")
    assert list(tmp_path.iterdir()) == []


PLACES = [
    "notes.txt",
    "width_50/mine.npz",
    "loss/c.0/plot.png",
    "link",
    ".shards/x",
    "mine/zarr.json",
    "width_50/mine/c.0",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cut", [False, True])
def test_what_mstage_did_not_write_is_never_deleted(place: str, cut: bool, whole: Path, tmp_path: Path) -> None:
    """A note of the user's inside a store was once gone after --overwrite, without a word."""
    path = tmp_path / "sweep.zarr"
    shutil.copytree(whole, path)
    if cut:
        damage(path, "metadata cut")
    (path / place).parent.mkdir(exist_ok=True)
    if place == "link":
        (tmp_path / "elsewhere").mkdir()
        (path / place).symlink_to(tmp_path / "elsewhere")
    else:
        (path / place).write_text("years of work")
    before = {file.name for file in path.rglob("*")}
    with pytest.raises(InputError, match=rf"holds `{place}`, which no sweep writes, so nothing is replaced"):
        train(SMALL, path, overwrite=True)
    assert {file.name for file in path.rglob("*")} == before
    assert {file.name for file in tmp_path.iterdir()} <= {"sweep.zarr", "elsewhere"}


def test_a_note_that_comes_while_it_trains_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that does not fit into memory is taken away again, and what was put beside it is not."""
    path = tmp_path / "sweep.zarr"

    def too_large(*_: object) -> None:
        (path / "notes.txt").write_text("years of work")
        raise MemoryError

    monkeypatch.setattr("mstage.simulate.trainer.Trainer.start", too_large)
    with pytest.raises(MemoryError):
        train(SMALL, path)
    assert [file.name for file in path.rglob("*")] == ["notes.txt"]


@pytest.mark.slow
def test_what_kills_leave_is_swept_up(whole: Path, tmp_path: Path) -> None:
    """Unfinished files within a store, and unfinished or replaced stores beside it."""
    path = tmp_path / "sweep.zarr"
    with pytest.raises(StopHereError):
        train(SMALL, path, progress=stop_after(8), commit_seconds=0)
    mine = path / "loss" / "draft.partial"
    for file in (path / STATE_FOLDER / "1.partial", mine):
        file.write_text("cut")
    for left in (".sweep.zarr.new-1", ".sweep.zarr.old-2"):
        shutil.copytree(whole, tmp_path / left)
    assert_same(train(SMALL, path, resume=True), open_sweep(whole))
    assert [file.name for file in path.rglob("*.partial")] == ["draft.partial"]
    mine.unlink()
    with SweepWriter.create(tmp_path / ".sweep.zarr.new-3", SMALL, StoredSweep(whole).problem()):
        train(SMALL, path, overwrite=True)  # somebody is about to put another store there
        assert sorted(file.name for file in tmp_path.iterdir()) == [".sweep.zarr.new-3", "sweep.zarr"]


@pytest.mark.slow
def test_an_output_that_is_a_link_or_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    sweep = changed(SMALL, width=(5,), until=2.0)
    for _ in range(2):
        train(sweep, tmp_path / "runs", overwrite=True)
        assert (tmp_path / "runs").is_symlink()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["disk", "runs"]
        assert is_store(tmp_path / "disk")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    train(sweep, Path())
    assert is_store(tmp_path / "here")
    with pytest.raises(UsageError, match="cannot be replaced from within its folder"):
        train(sweep, Path(), overwrite=True)


@pytest.mark.parametrize("name", ["alpha", "width", "seed", "learning_rate", "step", "snapshot"])
def test_coordinates_that_are_not_those_of_the_sweep_are_damage(name: str, whole: Path, tmp_path: Path) -> None:
    """They once gave the runs other names, in silence."""
    path = tmp_path / "sweep.zarr"
    shutil.copytree(whole, path)
    array = zarr.open_array(path / name, mode="r+")
    array[0] = array[1]
    with pytest.raises(InputError, match=f"damaged or cut short.*{name} is not that of its sweep"):
        open_sweep(path)
