"""`mstage train` from the command line to the store: what it writes, says and returns."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from mstage.cli.sweep_arguments import base_of, default_output, merged, sweep_of
from mstage.errors import UsageError
from mstage.spec import Descent, Optimizer, Recording, Sweep, Table, TwoLayer
from mstage.store.reader import open_sweep, stored_sweep
from tests.cli.run import Outcome, assert_refused, files_of, mstage

# Two runs in nearly all of these tests, so that they share one compilation.
ONE_SEED = ["--width", "8", "--steps", "30", "--snapshots", "2"]
TINY = [*ONE_SEED, "--seeds", "2"]
DIVERGING = ["--width", "8", "--steps", "60", "--activation", "relu", "--snapshots", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep, not to be changed."""
    from mstage.workflows.train import train

    path = tmp_path_factory.mktemp("trained") / "sweep"
    train(Sweep(TwoLayer(width=(8,)), seed=(0, 1), steps=30, recording=Recording(snapshots=2)), path)
    return path


def assert_same(first: Path, second: Path) -> None:
    """The same data to the bit."""
    xr.testing.assert_identical(open_sweep(first).load(), open_sweep(second).load())


def test_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "train", *TINY, "-o", "runs/tiny")
    assert outcome == Outcome(0, "", "runs/tiny: 2 runs trained in T. Next: mstage report runs/tiny\n")
    expected = Sweep(TwoLayer(width=(8,)), seed=(0, 1), steps=30, recording=Recording(snapshots=2))
    assert stored_sweep("runs/tiny") == expected
    assert open_sweep("runs/tiny").loss.sizes["step"] == 31


def test_path_that_a_shell_would_split_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "train", *TINY, "-o", "my runs")
    assert outcome == Outcome(0, "", "'my runs': 2 runs trained in T. Next: mstage report 'my runs'\n")


def test_without_output_it_takes_a_new_folder_each_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        outcome = mstage(capsys, "train", *TINY, "--problem", "cub1d")
        path = f"runs/cub1d-{number}"
        assert outcome == Outcome(0, "", f"{path}: 2 runs trained in T. Next: mstage report {path}\n")
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["cub1d-1", "cub1d-2"]


def test_default_output_of_a_table() -> None:
    assert default_output(Sweep(problem=Table("data/my prices.csv", "price"), steps=1)) == Path("runs/my-prices-1")
    assert default_output(Sweep(problem=Table("../.csv", "price"), steps=1)) == Path("runs/csv-1")


@pytest.mark.parametrize(("loss", "count"), [("0.2", 1), ("1e9", 2)], ids=["one", "all, at once"])
def test_runs_that_reach_stop_at_are_counted(loss: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "train", *ONE_SEED, "--alpha", "0,3", "--stop-at", loss, "-o", "x")
    said = f"x: 2 runs trained in T, {count} of them as far as --stop-at. Next: mstage report x\n"
    assert outcome == Outcome(0, "", said)


@pytest.mark.slow
def test_diverged_runs_are_counted_and_the_others_kept(capsys: pytest.CaptureFixture[str]) -> None:
    said = (
        "1 of 2 runs diverged. A smaller --learning-rate may keep them finite.\n"
        "x: 2 runs {}. Next: mstage report x\n"
    )  # fmt: skip
    outcome = mstage(capsys, "train", *DIVERGING, "--learning-rate", "0.1,50", "-o", "x")
    assert outcome == Outcome(4, "", said.format("trained in T"))
    assert open_sweep("x").loss.sel(learning_rate=0.1).notnull().all()
    again = mstage(capsys, "train", "--resume", "-o", "x")
    assert again == Outcome(4, "", said.format("had been trained already"))


def test_sweep_that_lies_there_is_left_alone(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(trained, "x")
    outcome = mstage(capsys, "train", *TINY, "-o", "x")
    assert_refused(outcome, 2, r"x: a sweep lies there already\. Go on with it \(--resume\) or replace it")
    assert_same(Path("x"), trained)
    assert mstage(capsys, "train", *TINY, "--alpha", "2", "--overwrite", "-o", "x").code == 0
    assert open_sweep("x").dataset.alpha.values.tolist() == [2.0]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--width", "8"],
        ["--seeds", "2"],
        ["--seed", "0,1"],
        ["--problem", "cub1d", "--steps", "30", "--optimizer", "sgd", "--snapshots", "2"],
        ["sweep.toml"],
    ],
)
def test_resume_of_a_finished_sweep(
    options: list[str], trained: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, "x")
    (folder / "sweep.toml").write_text("width = [8]\nseeds = 2")
    outcome = mstage(capsys, "train", "--resume", "-o", "x", *options)
    assert outcome == Outcome(0, "", "x: 2 runs had been trained already. Next: mstage report x\n")
    assert_same(Path("x"), trained)
    assert {file.name for file in (folder / "x" / ".shards").iterdir()} == {"lock", "0.commit"}


@pytest.mark.parametrize(
    ("options", "found", "wanted"),
    [
        (["--width", "9"], "with width 8, not with", "width 9"),
        (["--until", "3"], "with steps 30, not with", "until 3"),
        (["--seeds", "3", "--alpha", "2"], "with alpha 1 and seed 0,1, not with", "alpha 2 and seed 0,1,2"),
        (["--batch-size", "5"], "without", "batch-size 5"),
        (["--data", "t.csv", "--target", "y"], "with problem cub1d, not with", "data t.csv and target y and"),
        (["sweep.toml", "--width", "8"], "with seed 0,1, not with", "seed 0,1,2,3,4"),
    ],
)
def test_resume_with_another_sweep_is_refused(
    options: list[str], found: str, wanted: str, trained: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, "x")
    (folder / "sweep.toml").write_text("width = [9]\nseeds = 5")
    outcome = mstage(capsys, "train", "--resume", "-o", "x", *options)
    assert_refused(outcome, 2, f"^mstage: x: holds a sweep {found} {wanted}")
    assert_refused(outcome, 2, "Go on with it by --resume --output x alone, or choose another --output.")
    assert_same(Path("x"), trained)


def test_file_equals_options_and_options_win(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sweep.toml").write_text('width = 8\nsteps = 30\nsnapshots = 2\nalpha = "0.5:1:2"\nlearning-rate = [0.1]')
    assert mstage(capsys, "train", "sweep.toml", "-o", "file").code == 0
    assert mstage(capsys, "train", *ONE_SEED, "--alpha", "0.5,1", "--learning-rate", "0.1", "-o", "options").code == 0
    assert_same(Path("file"), Path("options"))
    assert mstage(capsys, "train", "sweep.toml", "--alpha", "2", "--seeds", "2", "-o", "both").code == 0
    assert stored_sweep("both").model.alpha == (2.0,)
    assert stored_sweep("both").steps == 30


def test_same_spec_gives_the_same_bits(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mstage(capsys, "train", *TINY, "-o", "x").code == 0
    assert_same(Path("x"), trained)


def test_every_option_reaches_the_sweep(folder: Path) -> None:
    """Options by their keys; the command line hands them over as text, the file as TOML."""
    text = {
        "activation": "relu", "alpha": "1,2", "width": "3:5:3", "seeds": "2", "learning_rate": "0.01:1:3:log",
        "optimizer": "adam:b1=0.8", "batch_size": "5", "steps": "7", "stop_at": "0.1", "record": "every:2",
        "snapshots": "3", "dtype": "float32", "data": "t.csv", "target": "y", "features": "a, b",
        "standardise": False, "intercept": False, "drop_missing": True,
    }  # fmt: skip
    expected = Sweep(
        TwoLayer(activation="relu", alpha=(1.0, 2.0), width=(3, 4, 5)),
        problem=Table("t.csv", "y", ("a", "b"), standardise=False, intercept=False, drop_missing=True),
        dynamics=Descent(learning_rate=(0.01, 0.1, 1.0), optimizer=Optimizer("adam", {"b1": 0.8}), batch_size=5),
        seed=(0, 1),
        steps=7,
        stop_at=0.1,
        recording=Recording("every:2", 3),
        dtype="float32",
    )
    assert sweep_of(base_of(None), text) == expected
    lines = [f"{key} = {json.dumps(value)}" for key, value in text.items()]
    (folder / "sweep.toml").write_text("\n".join(lines))
    assert sweep_of(base_of("sweep.toml"), {}) == expected


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"seeds": 3}, {"seed": 1}, {"seed": 1}),
        ({"seed": [1, 2]}, {"seeds": 3}, {"seeds": 3}),
        ({"until": 3.0, "width": 5}, {"steps": 3}, {"steps": 3, "width": 5}),
        ({"data": "t.csv", "target": "y", "intercept": False}, {"problem": "cub1d"}, {"problem": "cub1d"}),
        ({"problem": "cub1d"}, {"data": "t.csv", "target": "y"}, {"data": "t.csv", "target": "y"}),
        ({"data": "t.csv", "target": "y"}, {"target": "z"}, {"data": "t.csv", "target": "z"}),
    ],
)
def test_what_wins_takes_back_its_rivals(base: dict, over: dict, expected: dict) -> None:
    assert merged(base, over) == expected


def test_rivals_on_one_command_line_are_refused() -> None:
    with pytest.raises(UsageError, match="both"):
        sweep_of(base_of(None), {"until": "3", "steps": "3"})


@pytest.mark.slow
def test_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dry-run", "--steps", "3000", "--width", "8,12", "--seeds", "3", "-o", "x"]
    outcome = mstage(capsys, *arguments)
    assert outcome.code == 0
    assert outcome.err == "Nothing was trained and nothing written. Widths are trained one after the other.\n"
    head, rule, *rows = outcome.out.splitlines()
    assert head.split() == ["width", "runs", "steps", "memory", "disk", "time"]
    assert set(rule) == {"─"}
    assert [row.split()[:3] for row in rows[:2]] == [["8", "3", "3,000"], ["12", "3", "3,000"]]
    assert rows[-1].split()[:2] == ["all", "6"]
    assert files_of(folder) == []


@pytest.mark.slow
def test_dry_run_as_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dry-run", *TINY, "--format"]
    csv = mstage(capsys, *arguments, "csv")
    assert (csv.code, csv.err) == (0, "")
    names = ["width", "runs", "steps", "run_steps", "memory_bytes", "disk_bytes", "seconds"]
    table = pd.read_csv(io.StringIO(csv.out))
    assert list(table) == names
    assert table.iloc[0].tolist()[:4] == [8, 2, 30, 60]
    text = mstage(capsys, *arguments, "json")
    assert (text.code, text.err) == (0, "")
    found = json.loads(text.out)
    assert found["format"] == 1
    assert found["source"] == "options"
    assert found["sweep"]["steps"] == 30
    assert list(found["programs"][0]) == names
    assert found["total"]["disk_bytes"] == table.disk_bytes[0]
    assert files_of(folder) == []


def test_dry_run_does_not_mind_what_lies_there(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(trained, "x")
    assert mstage(capsys, "train", "--dry-run", *TINY, "-o", "x").code == 0
    assert mstage(capsys, "train", "--dry-run", *TINY, "--overwrite", "-o", "x").code == 0
    assert_same(Path("x"), trained)


def test_too_little_memory_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def too_large(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mstage.simulate.trainer.Trainer.start", too_large)
    monkeypatch.chdir(tmp_path)
    outcome = mstage(capsys, "train", "--width", "8", "--steps", "30", "-o", "x")
    assert_refused(outcome, 3, "out of memory. Train fewer runs at once; `mstage train --dry-run`")
    assert list(tmp_path.iterdir()) == []


# Like another sweep


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("like") / "other"
    from mstage.workflows.train import train

    train(Sweep(TwoLayer(0.8, 7, "relu"), "sin1d", Descent(0.02, batch_size=5), 3, steps=9), path)
    return path


@pytest.mark.slow
def test_a_sweep_like_another(other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new"
    assert mstage(capsys, "train", "--like", other, "--seed", "4,5", "-o", path).code == 0
    assert stored_sweep(path) == replace(stored_sweep(other), seed=(4, 5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--until", "2"], {"until": 2.0, "steps": None}),
        (["--problem", "cub1d", "--alpha", "1,2"], {"problem": "cub1d", "alpha": [1.0, 2.0]}),
        (
            ["--dynamics", "flow", "--until", "2"],
            {"dynamics": "flow", "learning_rate": None, "optimizer": None, "batch_size": None, "until": 2.0},
        ),
    ],
)
def test_options_win_over_another_sweep(
    options: list[str], expected: dict, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = mstage(capsys, "train", "--like", other, "--dry-run", "--format", "json", *options)
    found = json.loads(outcome.out)["sweep"]
    assert {key: found.get(key) for key in expected} == expected
    kept = {"activation": "relu", "width": [7], "seed": [3]}
    assert {key: found[key] for key in kept} == kept


@pytest.mark.slow
def test_one_sweep_to_be_like(other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text("steps = 3")
    refused = mstage(capsys, "train", file, "--like", other)
    assert (refused.code, "a sweep begins with one of them" in refused.err) == (2, True)
    refused = mstage(capsys, "train", "--like", tmp_path)
    assert (refused.code, "is not a sweep" in refused.err) == (3, True)


@pytest.mark.slow
def test_a_store_of_arrays_is_resumed_and_is_an_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No command line can name arrays; what a store holds of them was once refused by its own commands."""
    from mstage.workflows.train import train

    path, new = tmp_path / "arrays", tmp_path / "new"
    train(Sweep(TwoLayer(width=8), ([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], [0.0, 1.0, 3.0]), steps=9), path)
    assert mstage(capsys, "train", "--resume", "-o", path).code == 0
    assert mstage(capsys, "report", path).code == 0
    assert_refused(
        mstage(capsys, "train", "--resume", "-o", path, "--problem", "cub1d"), 2, "holds a sweep with arrays"
    )
    assert mstage(capsys, "train", "--like", path, "--seeds", "2", "-o", new).code == 0
    assert stored_sweep(new) == replace(stored_sweep(path), seed=(0, 1))
    assert mstage(capsys, "train", "--like", path, "--problem", "sin1d", "-o", new, "--overwrite").code == 0
    assert stored_sweep(new) == replace(stored_sweep(path), problem="sin1d")
