"""A loss of power at any moment: every prefix of what was written, with what was not synced lost, torn or there."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mstage.spec import Recording, Sweep, TwoLayer
from mstage.store.chunks import Buffer
from mstage.store.disk import Disk
from mstage.store.reader import is_store, open_sweep
from mstage.workflows.train import train
from tests.store.test_store import StopHereError, assert_is_part, assert_same, stop_after
from tests.sweeps import changed

SWEEP = Sweep(TwoLayer(alpha=(0.75, 1.0), width=(3, 4)), until=20.0, recording=Recording("auto", 4))
Event = tuple[str, Path, Path | bytes | None]


class AccountedDisk(Disk):
    """Keeps an account of what is done, file by file and folder by folder."""

    events: list[Event]

    def write(self, file: Path, *parts: Buffer) -> None:
        self.events.append(("write", file, b"".join(parts)))
        super().write(file, *parts)

    def new_folder(self, folder: Path) -> None:
        self.events.append(("new folder", folder, None))
        super().new_folder(folder)

    def rename(self, old: Path, new: Path) -> None:
        self.events.append(("rename", old, new))
        super().rename(old, new)

    def sync(self, descriptor: int) -> None:
        self.events.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink(), None))
        super().sync(descriptor)


@dataclass
class File:
    """What a file holds, and what of it is safe."""

    data: bytes = b""
    safe: bytes = b""


@dataclass
class Folder:
    """The names in a folder, and those that are safe."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    safe: dict[str, File | Folder] = field(default_factory=dict)


def after(events: list[Event], root: Path) -> Folder:
    """What there is after some events, all below a root."""
    top = Folder()

    def at(path: Path) -> File | Folder:
        here: File | Folder = top
        for name in path.relative_to(root).parts:
            assert isinstance(here, Folder)
            here = here.names.setdefault(name, Folder())  # what the account leaves out, as the folder of a new store
        return here

    for kind, path, what in events:
        if kind == "sync":
            one = at(path)
            if isinstance(one, Folder):
                one.safe = dict(one.names)
            else:
                one.safe = one.data
            continue
        parent = at(path.parent)
        assert isinstance(parent, Folder)
        match kind:
            case "write":
                file = parent.names.setdefault(path.name, File())
                file.data = what
            case "new folder":
                parent.names[path.name] = Folder()
            case "rename":
                at(what.parent).names[what.name] = parent.names.pop(path.name)
    return top


def put(folder: Folder, place: Path, how: str, chance: random.Random) -> None:
    """What a loss of power leaves of a folder."""
    keeps_names = how in ("all", "torn") or (how == "any" and chance.random() < 0.5)
    for name, one in (folder.names if keeps_names else folder.safe).items():
        if isinstance(one, Folder):
            (place / name).mkdir()
            put(one, place / name, how, chance)
        else:
            torn = one.data if one.data == one.safe else one.data[: len(one.data) // 2]
            data = {"all": one.data, "torn": torn, "safe": one.safe}
            (place / name).write_bytes(data[how if how in data else chance.choice([*data])])


def disks(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """The account of whatever is written from now on."""
    events: list[Event] = []
    monkeypatch.setattr("mstage.store.writer.Disk", type("Accounted", (AccountedDisk,), {"events": events}))
    return events


@dataclass(frozen=True)
class Account:
    """What was done below a folder, and the sweep that lies there now."""

    folder: Path
    events: list[Event]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """What a sweep writes that is interrupted, resumed, and replaced by the same one."""
    folder = tmp_path_factory.mktemp("account")
    path = folder / "sweep"
    with pytest.MonkeyPatch.context() as monkeypatch:
        events = disks(monkeypatch)
        with pytest.raises(StopHereError):
            train(SWEEP, path, progress=stop_after(5), commit_seconds=0)
        train(SWEEP, path, resume=True, commit_seconds=0)
        train(SWEEP, path, overwrite=True, commit_seconds=0)
    return Account(folder, events)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the names of open files are read there")
def test_a_loss_of_power_at_any_moment(account: Account, tmp_path: Path) -> None:
    chance, whole = random.Random(0), open_sweep(account.folder / "sweep").load()
    events, written = account.events, account.folder.name
    created = next(k for k, (kind, _, what) in enumerate(events) if kind == "rename" and what.name == "sweep")
    assert len(events) > 150
    assert {kind for kind, _, _ in events} == {"write", "new folder", "rename", "sync"}
    resumed = 0
    for end in range(created - 3, len(events) + 1):
        top = after(events[:end], account.folder)
        how = ("all", "torn", "safe", "any")[end % 4]
        place = tmp_path / f"{end}"
        place.mkdir()
        put(top, place, how, chance)
        path = place / "sweep"
        if not path.exists():
            is_created = any((kind, file.name) == ("sync", written) for kind, file, _ in events[created:end])
            assert not is_created or list(place.glob(".sweep.old-*"))  # it is about to be replaced
            continue
        assert is_store(path)
        assert_is_part(open_sweep(path, check_weights=True), whole)
        if chance.random() < 0.1:
            assert_same(train(SWEEP, path, resume=True), whole)
            resumed += 1
    assert resumed > 5


@pytest.mark.slow
def test_what_is_committed_was_synced_before(account: Account) -> None:
    """Of every file whose name a commit makes valid, and of the folders they lie in."""
    dirty: set[Path] = set()
    commits = 0
    for kind, path, what in account.events:
        if kind == "write":
            dirty |= {path, path.parent}
        elif kind == "sync":
            dirty.discard(path)
        elif kind == "rename" and what.suffix == ".commit":
            assert dirty <= {path.parent}, path
            commits += 1
    assert commits > 10


@pytest.mark.slow
def test_a_test_of_the_test(account: Account, tmp_path: Path) -> None:
    """Without its syncs, the same account leaves stores that are damaged or not there."""
    events = [event for event in account.events if event[0] != "sync"]
    place = tmp_path / "place"
    place.mkdir()
    put(after(events, account.folder), place, "safe", random.Random(0))
    assert not any(place.iterdir())
    put(after(events, account.folder), place, "torn", random.Random(0))
    with pytest.raises(Exception, match="damaged"):
        open_sweep(place / "sweep")


def test_a_sweep_in_memory_syncs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "fsync", fail)
    train(changed(SWEEP, width=3))
