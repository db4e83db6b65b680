"""What a store holds does not depend on how long calls of the compiled program last, nor on where training was cut."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mstage.spec import Descent, Flow, Recording, Sweep, TwoLayer
from mstage.store.reader import open_sweep, stored_sweep
from mstage.store.writer import SweepWriter
from mstage.workflows.detect_stages import detect_stages
from mstage.workflows.report import report
from mstage.workflows.train import Progress, train

LENGTHS = (1, 2, 3, 5, 16, 19, 60, 400, 10**6)


class KilledError(Exception):
    """Raised by a progress callable in place of a kill."""


class ScriptedPace:
    """Calls of given lengths in place of those that last 0.3 seconds."""

    lengths: Iterator[int]

    @property
    def steps(self) -> int:
        return next(self.lengths)

    def measured(self, steps: int) -> None:
        """Time is of no account here."""


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[int]], None]:
    """Sets the lengths of the calls that follow."""

    def pin(lengths: Iterable[int]) -> None:
        pace = type("Pinned", (ScriptedPace,), {"lengths": iter(lengths)})
        monkeypatch.setattr("mstage.workflows.train._Pace", pace)

    return pin


def files(path: Path) -> dict[str, bytes]:
    """Every file of a store."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def killed_and_resumed(sweep: Sweep, path: Path, random_: random.Random, kills: int) -> None:
    """Train a sweep that is cut off at some calls, and goes on where it was committed last."""
    for _ in range(kills):
        calls = iter(range(random_.randrange(1, 40)))

        def progress(_: Progress, calls: Iterator[int] = calls) -> None:
            if next(calls, None) is None:
                raise KilledError

        try:
            train(sweep, path, resume=path.exists(), progress=progress, commit_seconds=random_.choice([0.0, 0.001]))
        except KilledError:
            continue
        return
    train(sweep, path, resume=path.exists())


def sweep_of(random_: random.Random, dynamics: str, count: int) -> Sweep:
    """Some runs with any recording."""
    losses = random_.choice(["auto", f"every:{random_.choice([1, 7, 50, 999])}", f"log:{random_.choice([1, 2, 90])}"])
    recording = Recording(losses, random_.choice([0, 1, 2, 3, 20, 60, 200][: 6 + (count == 0)]))
    common = {"model": TwoLayer(alpha=(0.75, 1.5), width=6), "until": 20.0, "recording": recording}
    if dynamics == "flow":
        return Sweep(**common, dynamics=Flow(), seed=(9, count))
    return Sweep(**common, dynamics=Descent((0.02, 0.05)), seed=(count,))


@pytest.mark.slow
@pytest.mark.parametrize("dynamics", ["descent", "flow"])
def test_any_calls_and_any_kills_give_the_same_store(
    dynamics: str, tmp_path: Path, pinned: Callable[[Iterable[int]], None]
) -> None:
    """Calls of some lengths once passed a snapshot by, or went on from a commit at another step than its own."""
    random_ = random.Random(20)
    for case in range(10 if dynamics == "descent" else 5):  # a flow takes longer
        sweep = sweep_of(random_, dynamics, case % 3)
        pinned(repeat(10**6))
        whole, cut = tmp_path / f"whole-{case}", tmp_path / f"cut-{case}"
        train(sweep, whole)
        few = random_.sample(LENGTHS, k=random_.choice([1, 2, 4]))
        pinned(iter(lambda few=few: random_.choice(few), None))
        killed_and_resumed(sweep, cut, random_, kills=case % 4)
        assert files(cut) == files(whole), (sweep, few)
        xr.testing.assert_identical(open_sweep(cut).load(), open_sweep(whole).load())


def test_a_commit_that_lacks_what_it_owes_is_an_error_at_that_moment(tmp_path: Path) -> None:
    """A snapshot that was never written was once found at the end, by the reader."""
    sweep = Sweep(TwoLayer(width=(6,)), steps=50, recording=Recording("every:1", 5))
    problem = xr.Dataset({"input": (("sample", "dim"), np.ones((3, 2))), "target": ("sample", np.ones(3))})
    weights = {"output_weight": np.ones((1, 1, 6)), "input_weight": np.ones((1, 1, 6, 2))}
    ends = {"status": np.ones(1), "last_step": np.ones(1), "final_loss": np.ones(1)}
    with SweepWriter.create(tmp_path / "x", sweep, problem) as writer, writer.take() as shard:
        size = 20
        owed = writer.layout.counts(shard.shard, size)["output_weight"]
        assert owed >= 2
        shard.add({"loss": np.ones((1, size))})
        for index in range(owed):
            with pytest.raises(RuntimeError, match=f"a commit of {size} records, of which .*'output_weight': {index}"):
                shard.commit(size, ends, [])
            shard.add(weights)
        with pytest.raises(RuntimeError, match="are written"):
            shard.commit(size + 1, ends, [])
        shard.commit(size, ends, [])
        assert writer.commit_of(shard.shard).records == size


@pytest.mark.slow
@pytest.mark.parametrize("varied", [{"batch_size": (5, 8)}, {"tolerance": (1e-4, 2e-3)}])
def test_what_is_compiled_on_its_own_is_an_axis(varied: dict[str, tuple[float, ...]], tmp_path: Path) -> None:
    """Each value along it gives the bits of a sweep of that value alone, and so does a store that is read back."""
    name, values = next(iter(varied.items()))
    dynamics = Descent if name == "batch_size" else Flow
    common = {"model": TwoLayer((0.75, 1.5), (4, 6)), "seed": (0, 1), "until": 6.0, "recording": Recording("log:30", 4)}
    tree = train(Sweep(**common, dynamics=dynamics(**varied)), tmp_path / "all")
    for value in values:
        alone = train(Sweep(**common, dynamics=dynamics(**{name: value})))
        xr.testing.assert_equal(tree.loss.sel({name: value}, drop=True), alone.loss)
        for group in ("width_4", "width_6"):
            found = tree[group].input_weight.sel({name: value}, drop=True)
            np.testing.assert_array_equal(found, alone[group].input_weight)
    frame = detect_stages(tree).to_dataframe()
    assert set(frame[name]) == set(values)


def test_arrays_are_learnt_and_kept(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 12)
    sweep = Sweep(TwoLayer(width=5), (np.stack([x, np.ones(12)], axis=1), np.sin(2 * x)), steps=20)
    train(sweep, tmp_path / "sweep")
    assert stored_sweep(tmp_path / "sweep") == sweep
    xr.testing.assert_equal(train(sweep, tmp_path / "sweep", resume=True).to_dataset(), train(sweep).to_dataset())
    settings = report(tmp_path / "sweep").settings
    assert (settings["arrays"], "problem" in settings) == (sweep.problem.digest, False)
