"""Which files are the checkpoints of a run, in which order, and which tensors does each hold?

A checkpoint is one file, several files that hold a part each (`model-00001-of-00003.safetensors`), or a folder with
either, as `checkpoint-500/model.safetensors`. Folders are searched to that depth and no deeper.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mstage.errors import InputError, UsageError, storable
from mstage.outside import read_file
from mstage.readers.checkpoints.formats import EXPECTED_WEIGHTS, SUFFIXES, TORCH_SUFFIXES, read_tensors, torch_refusal
from mstage.readers.checkpoints.steps import natural_order, steps_of_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mstage.readers.checkpoints.tensor_files import StoredTensor

PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})$")
INDEX = ".safetensors.index.json"
MAX_INDEX = 32 * 2**20  # bytes; parsing one takes twenty times as much memory
WHOLE_MODELS = (
    "model",
    "pytorch_model",
    "diffusion_pytorch_model",
    "adapter_model",
)  # what a folder's weights are named


@dataclass(frozen=True)
class Checkpoint:
    """The weights of a run at one step.

    Attributes:
        step: Step of the training, from the names or as given.
        files: The files, one or several that hold a part each.
        tensors: Its tensors by name; their values are read when they are used.
    """

    step: float
    files: tuple[Path, ...]
    tensors: Mapping[str, StoredTensor]


@dataclass(frozen=True)
class _Files:
    """The files of one checkpoint, and the stem that their names share."""

    folder: Path
    stem: str
    files: tuple[Path, ...]

    @property
    def shown(self) -> Path:
        return self.files[0] if len(self.files) == 1 else self.folder / self.stem


def open_checkpoints(sources: Iterable[str | Path], steps: Sequence[float] | None = None) -> tuple[Checkpoint, ...]:
    """Find checkpoints and read which tensors they hold, but not yet the values.

    Args:
        sources: Files, folders of one checkpoint, or folders of several.
        steps: Steps of the checkpoints, in the order of the sources and, within a folder, of the names; None takes them
            from the names.

    Returns:
        The checkpoints in the order of their steps, at least two.

    Raises:
        InputError: They are not there, cannot be read, are fewer than two, or their steps are not clear.
        UsageError: There are not as many steps as checkpoints, or two are the same.
    """
    found: dict[str, _Files] = {}
    for one in _files_of_sources([Path(source) for source in sources]):
        found.setdefault(os.path.realpath(one.files[0]), one)  # a file and a link to it are one checkpoint
    groups = list(found.values())
    tensors = {one.shown: _tensors(one) for one in groups}  # first, since what is no checkpoint has no step either
    if len(groups) < 2:
        named = f"{groups[0].shown}: is a single checkpoint" if groups else "no checkpoint is named"
        raise InputError(f"{named}; a drift is measured between two or more, one a step")
    at = _given_steps(groups, steps) if steps is not None else _named_steps(groups)
    ordered = sorted(zip(at, groups, strict=True), key=lambda pair: pair[0])
    return tuple(Checkpoint(step, one.files, tensors[one.shown]) for step, one in ordered)


def _files_of_sources(sources: Sequence[Path]) -> list[_Files]:
    found: list[Path | _Files] = []
    for source in sources:
        if source.is_dir():
            found += _files_of_folder(source)
        elif source.name.endswith(INDEX):
            found.append(_Files(source.parent, source.name.removesuffix(INDEX), _indexed(source)))
        elif source.exists():
            found.append(source)
        else:
            raise InputError(
                f"{source}: there is nothing there; {EXPECTED_WEIGHTS}, or a sweep that `mstage train` has written"
            )
    return _in_one_piece(found)


def _files_of_folder(folder: Path) -> list[_Files]:
    """The checkpoints in a folder, or those in the folders in it."""
    here = _models(folder)
    below: list[_Files] = []
    for child in sorted(folder.iterdir(), key=lambda path: natural_order(path.name)):
        models = _models(child) if child.is_dir() and not child.name.startswith(".") else []
        if len(models) > 1:
            names = ", ".join(f"`{one.stem}`" for one in models[:3])
            raise InputError(f"{child}: holds several checkpoints ({names}); name the folder of one run, or its files")
        below += models
    if below and (len(here) < 2):  # a model beside folders of checkpoints is the final one, saved again
        return below
    if here:
        return here
    pickled = sorted(p for p in (*folder.glob("*"), *folder.glob("*/*")) if p.suffix.lower() in TORCH_SUFFIXES)
    if pickled:
        raise torch_refusal(pickled[0])
    raise InputError(
        f"{folder}: is not a sweep that `mstage train` has written, and holds no checkpoints; "
        f"{EXPECTED_WEIGHTS} files in it, one a step or a folder of them"
    )


def _models(folder: Path) -> list[_Files]:
    """The checkpoints directly in a folder: one if the folder looks like that of a single model."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    files: list[Path] = sorted(found, key=lambda path: natural_order(path.name))
    groups = _in_one_piece(files)
    whole = [one for name in WHOLE_MODELS for one in groups if one.stem == name]
    others = [one.stem for one in groups if one not in whole]  # as `optimizer`, but not as `step_100`
    return whole[:1] if whole and steps_of_names(others) is None else groups


def _in_one_piece(files: Iterable[Path | _Files]) -> list[_Files]:
    """Group the files that hold parts of one checkpoint; what is grouped already stays as it is."""
    groups: dict[tuple[Path, str, int], list[Path | _Files]] = {}
    for one in files:
        part = PART.match(one.stem)
        if isinstance(one, _Files):
            key = (one.folder, one.stem, 0)
        elif part:
            key = (one.parent, part["stem"], int(part["count"]))
        else:
            key = (one.parent, one.name, 0)
        groups.setdefault(key, []).append(one)
    return [_put_together(*key, members) for key, members in groups.items()]


def _put_together(folder: Path, stem: str, count: int, members: Sequence[Path | _Files]) -> _Files:
    """One checkpoint from its files; `count` is how many parts there should be, 0 where it is not split.

    Raises:
        InputError: One is missing.
    """
    ready = [one for one in members if isinstance(one, _Files)]
    if ready:
        return ready[0]
    parts = sorted({path for path in members if isinstance(path, Path)})
    if not count:
        return _Files(folder, parts[0].stem, tuple(parts))
    missing = set(range(1, count + 1)) - {int(match["number"]) for path in parts if (match := PART.match(path.stem))}
    if missing:
        raise InputError(f"{folder / stem}: part {min(missing)} of {count} is missing; expected all of them")
    index = folder / f"{stem}{INDEX}"
    return _Files(folder, stem, _indexed(index) if index.is_file() else tuple(parts))


def _indexed(index: Path) -> tuple[Path, ...]:
    """The files that an index names.

    Raises:
        InputError: It is no index, or a file is missing.
    """
    try:
        names = json.loads(read_file(index, MAX_INDEX))["weight_map"].values()
        files = tuple(index.parent / name for name in sorted(set(names)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{index}: is no index of the parts of a checkpoint (no `weight_map` in it)") from None
    if not files:
        raise InputError(f"{index}: names no parts of a checkpoint (its `weight_map` is empty); write or copy it anew")
    for path in files:
        if not path.is_file():
            raise InputError(f"{path}: is missing; {index.name} names it as a part of the checkpoint")
    return files


def _tensors(one: _Files) -> dict[str, StoredTensor]:
    """All the tensors of a checkpoint."""
    found: dict[str, StoredTensor] = {}
    for path in one.files:
        tensors = {storable(name): tensor for name, tensor in read_tensors(path).items()}
        twice = next(iter(found.keys() & tensors.keys()), None)
        if twice is not None:
            raise InputError(f"{path}: holds `{twice}`, which another part of the checkpoint holds too")
        found |= tensors
    return found


def _named_steps(groups: Sequence[_Files]) -> tuple[float, ...]:
    for names in ([one.stem for one in groups], [Path(os.path.realpath(one.folder)).name for one in groups]):
        steps = steps_of_names(names)
        if steps is not None:
            return steps
    shown = ", ".join(str(one.shown) for one in groups[:3]) + (", ..." if len(groups) > 3 else "")
    raise InputError(
        f"the names do not tell the steps of the {len(groups)} checkpoints ({shown}); "
        f"give them in this order, as --steps 0,100,200"
    )


def _given_steps(groups: Sequence[_Files], steps: Sequence[float]) -> tuple[float, ...]:
    if len(steps) != len(groups):
        shown = ", ".join(str(one.shown) for one in groups[:3]) + (", ..." if len(groups) > 3 else "")
        raise UsageError(f"--steps gives {len(steps)} steps; there are {len(groups)} checkpoints ({shown})")
    if len(set(steps)) < len(steps) or not all(math.isfinite(step) for step in steps):
        raise UsageError("--steps: two checkpoints have the same step, or one has none; expected numbers that differ")
    return tuple(int(step) if float(step).is_integer() else float(step) for step in steps)
