"""Which files are checkpoints, in which order: single files, parts with an index, folders as Hugging Face has them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mstage.errors import InputError, UsageError
from mstage.readers.checkpoints.checkpoint import open_checkpoints


def save(path: Path, **arrays: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    named = arrays or {"weight": np.ones((3, 2), np.float32)}
    if path.suffix == ".npz":
        np.savez(path, **named)
    else:
        save_file(named, path)
    return path


def save_parts(folder: Path, count: int = 3, *, index: bool = True) -> None:
    """A checkpoint as `save_pretrained` cuts it up."""
    names = {}
    for number in range(1, count + 1):
        file = f"model-{number:05d}-of-{count:05d}.safetensors"
        save(folder / file, **{f"layer.{number}": np.full((2, 2), number, np.float32)})
        names[f"layer.{number}"] = file
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


def steps(*sources: Path, given: list[float] | None = None) -> list[float]:
    return [one.step for one in open_checkpoints(sources, given)]


def test_files_in_the_order_of_their_steps_and_not_of_their_names(tmp_path: Path) -> None:
    files = [save(tmp_path / f"step_{step}.safetensors") for step in (100, 1000, 20)]
    found = open_checkpoints(files)
    assert [one.step for one in found] == [20, 100, 1000]
    assert found[0].files == (files[2],)
    assert steps(tmp_path) == [20, 100, 1000]
    (tmp_path / "notes.txt").write_text("no checkpoint")
    (tmp_path / ".hidden.npz").write_text("no checkpoint")
    assert steps(tmp_path) == [20, 100, 1000]


def test_both_formats_beside_each_other(tmp_path: Path) -> None:
    save(tmp_path / "step_1.npz")
    save(tmp_path / "step_2.safetensors")
    assert steps(tmp_path) == [1, 2]


@pytest.mark.parametrize("index", [True, False])
def test_folders_as_hugging_face_lays_them_out(index: bool, tmp_path: Path) -> None:
    for step in (500, 1000, 1500):
        save_parts(tmp_path / f"checkpoint-{step}", index=index)
        save(tmp_path / f"checkpoint-{step}" / "optimizer.safetensors")
    save(tmp_path / "model.safetensors")  # the last one, saved once more
    (tmp_path / "checkpoint-1500" / "trainer_state.json").write_text("{}")
    found = open_checkpoints([tmp_path])
    assert [one.step for one in found] == [500, 1000, 1500]
    assert [len(one.files) for one in found] == [3, 3, 3]
    assert set(found[0].tensors) == {"layer.1", "layer.2", "layer.3"}
    assert steps(*tmp_path.glob("checkpoint-*")) == [500, 1000, 1500]
    assert steps(*tmp_path.glob("checkpoint-*/model-*")) == [500, 1000, 1500]
    if index:
        assert steps(*tmp_path.glob("checkpoint-*/*.index.json")) == [500, 1000, 1500]


def test_models_in_folders_of_their_steps(tmp_path: Path) -> None:
    for step in (9, 10):
        save(tmp_path / f"step{step}" / "params.npz")
    assert steps(tmp_path) == [9, 10]


def test_given_steps_are_in_the_order_in_which_checkpoints_are_named(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{name}.npz") for name in ("late", "early")]
    found = open_checkpoints(files, [5.0, 0.5])
    assert [(one.step, one.files[0].stem) for one in found] == [(0.5, "early"), (5, "late")]
    assert steps(tmp_path, given=[1, 2]) == [1, 2]
    with pytest.raises(UsageError, match=r"--steps gives 3 steps; there are 2 checkpoints .*late"):
        steps(*files, given=[1, 2, 3])
    with pytest.raises(UsageError, match="two checkpoints have the same step"):
        steps(*files, given=[1, 1])
    with pytest.raises(UsageError, match="or one has none"):
        steps(*files, given=[1, float("nan")])


def test_a_file_under_two_names_is_one_checkpoint(tmp_path: Path) -> None:
    first = save(tmp_path / "step_1.npz")
    save(tmp_path / "step_2.npz")
    (tmp_path / "step_3.npz").symlink_to(first)
    assert steps(tmp_path) == [1, 2]
    assert steps(first, first, tmp_path) == [1, 2]


def test_names_that_do_not_tell(tmp_path: Path) -> None:
    for name in ("best", "last"):
        save(tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match=r"do not tell the steps of the 2 checkpoints \(.*best.npz.*--steps 0,100,200"):
        steps(tmp_path)


def test_what_is_missing(tmp_path: Path) -> None:
    one = save(tmp_path / "a" / "step_1.npz")
    with pytest.raises(InputError, match=r"step_1\.npz: is a single checkpoint; .*two or more"):
        steps(one)
    with pytest.raises(InputError, match=r"nowhere: there is nothing there; expected safetensors or npz"):
        steps(one, tmp_path / "nowhere")
    with pytest.raises(InputError, match="no checkpoint is named"):
        steps()
    save_parts(tmp_path / "checkpoint-1")
    save_parts(tmp_path / "checkpoint-2", index=False)
    for number in (1, 2):
        (tmp_path / f"checkpoint-{number}" / "model-00002-of-00003.safetensors").unlink()
        with pytest.raises(InputError, match=r"checkpoint-\d/model: part 2 of 3 is missing"):
            steps(tmp_path / f"checkpoint-{number}", one)
    with pytest.raises(InputError, match=r"model-00002-of-00003\.safetensors: is missing; .*index.json names it"):
        steps(tmp_path / "checkpoint-1" / "model.safetensors.index.json", one)


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "{" * 100_000])
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(InputError, match="is no index of the parts of a checkpoint"):
        steps(tmp_path / "model.safetensors.index.json")


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match="empty: is not a sweep that `mstage train` has written, and holds no checkpoint"
    ):
        steps(tmp_path / "empty")
    (tmp_path / "torch" / "checkpoint-5").mkdir(parents=True)
    (tmp_path / "torch" / "checkpoint-5" / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(InputError, match=r"pytorch_model\.bin: is pickled .*convert it with: python -c"):
        steps(tmp_path / "torch")
    for run in ("run1", "run2"):
        for step in (1, 2):
            save(tmp_path / "runs" / run / f"step_{step}.npz")
    with pytest.raises(InputError, match=r"run1: holds several checkpoints .*name the folder of one run"):
        steps(tmp_path / "runs")


def test_parts_that_hold_the_same_tensor(tmp_path: Path) -> None:
    for step in (1, 2):
        for part in (1, 2):
            save(tmp_path / f"step-{step}" / f"model-{part:05d}-of-00002.safetensors")
    with pytest.raises(InputError, match="holds `weight`, which another part of the checkpoint holds too"):
        steps(tmp_path)


def test_what_is_pickled_is_refused_as_such_before_its_steps(tmp_path: Path) -> None:
    for names in (("a.pt",), ("a.pt", "b.pt")):
        for name in names:
            (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
        with pytest.raises(InputError, match=r"a\.pt: is pickled \(PyTorch\).* convert it with: python -c"):
            open_checkpoints([tmp_path / name for name in names])


@pytest.mark.parametrize("parts", [0, 1])
def test_an_index_that_names_nothing(parts: int, tmp_path: Path) -> None:
    if parts:
        save_parts(tmp_path, parts)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"metadata": {}, "weight_map": {}}')
    with pytest.raises(InputError, match="weight_map` is empty"):
        open_checkpoints([tmp_path if parts else index])


@pytest.mark.parametrize("folder", [True, False])
def test_links_that_lead_in_a_circle(folder: bool, tmp_path: Path) -> None:
    paths = [save(tmp_path / f"step_{step}.safetensors") for step in (0, 10)]
    loop, other = tmp_path / "step_20.safetensors", tmp_path / "step_30.safetensors"
    loop.symlink_to(other)
    other.symlink_to(loop)
    with pytest.raises((InputError, OSError), match=r"nothing there|symbolic links"):  # either becomes a line
        open_checkpoints([tmp_path] if folder else [*paths, loop])


def test_a_link_to_its_own_folder_is_no_checkpoint_more(tmp_path: Path) -> None:
    for step in (0, 10):
        save(tmp_path / f"step_{step}.safetensors")
    (tmp_path / "latest").symlink_to("latest")
    assert [one.step for one in open_checkpoints([tmp_path])] == [0, 10]
