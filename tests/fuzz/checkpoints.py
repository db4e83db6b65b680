"""Checkpoints that are made up: tensors of every type, shape and name, parts and their indexes, links that loop."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import numbers
from tests.fuzz.mutations import flip, mutated
from tests.fuzz.written import NAMES

SHAPES: tuple[tuple[int, ...], ...] = (
    (), (0,), (1,), (7,), (3, 4), (3, 4), (0, 4), (4, 0), (2, 3, 2), (1, 1, 1, 1), (50, 40), (1,) * 40, (300,),
)  # fmt: skip
KINDS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1, "I64": 8,
    "U8": 1, "BOOL": 1, "C64": 8, "F8_E8M0": 1, "X7": 3,
}  # fmt: skip
ARRAYS = ("f8", "f8", "f4", "f2", ">f8", "g", "i8", "?", "c16", "U3", "S3", "V4", "M8[s]", "e")
STEMS = (*["step_{}"] * 12, "checkpoint-{}", "epoch={}-step={}", "{}", "model.{}k", "a{}b{}", "model")
INDEXES: tuple[Any, ...] = (
    {"weight_map": {}}, {}, [], {"weight_map": None}, {"weight_map": {"a": 1}}, {"weight_map": {"a": ""}},
    {"weight_map": {"a": "."}}, {"weight_map": {"a": "/etc/passwd"}}, {"weight_map": {"a": "missing.safetensors"}},
    {"weight_map": {"a": "x\u0000y"}}, {"weight_map": {"a": "x" * 5000}}, {"weight_map": {"a": "\ud800"}},
    {"weight_map": {"a": []}}, {"weight_map": ["a"]},
)  # fmt: skip


def made_checkpoints(chance: random.Random, folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Checkpoints in a folder: what to name on the command line, and the names of their tensors."""
    names = tuple(
        dict.fromkeys(
            chance.choice(["w", "layer.0.weight", "b", chance.choice(NAMES)]) for _ in range(chance.choice([1, 2, 4]))
        )
    )
    shapes = [chance.choice(SHAPES) for _ in names]
    stem, suffix = chance.choice(STEMS), chance.choice([".safetensors", ".safetensors", ".npz"])
    count = chance.choice([1, *[2] * 6, *[3] * 6, 5])
    for place in range(count):
        shaped = [one if chance.random() < 0.95 else chance.choice(SHAPES) for one in shapes]
        data = (_npz if suffix == ".npz" else _safetensors)(chance, names, shaped)
        if chance.random() < 0.03:
            data = mutated(chance, data, [b"{}"]) if chance.random() < 0.5 else flip(chance, data or b"\0", ())
        step = place * 10
        name = stem.format(step, step) if "{" in stem else f"{stem}-{place + 1:05}-of-{count:05}"
        inside = folder / name if chance.random() < 0.03 else folder
        inside.mkdir(exist_ok=True)
        (inside / f"{name}{suffix}").write_bytes(data)
    sources = [str(folder)] if chance.random() < 0.7 else sorted(map(str, folder.iterdir()))
    if chance.random() < 0.2:
        sources += _odd_neighbour(chance, folder, stem.format(3, 3))
    return sources, names


def _odd_neighbour(chance: random.Random, folder: Path, name: str) -> list[str]:
    """Something beside the checkpoints that is none, which may be named too."""
    kind = chance.choice(["loop", "index", "index", "folder", "dangling", "empty", "fifo name", "self"])
    path = folder / f"{name}.safetensors"
    if path.exists() or path.is_symlink():
        return []
    if kind == "loop":
        other = folder / "other.safetensors"
        path.symlink_to(other)
        other.symlink_to(path)
    elif kind == "index":
        path = folder / f"{name}.safetensors.index.json"
        path.write_text(json.dumps(chance.choice(INDEXES)))
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "self":
        path = folder / "latest"
        path.symlink_to(chance.choice([".", "latest", ".."]))
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        path = folder / "\udcff\n.safetensors"
        path.write_bytes(b"\x08")
    return [str(path)] if chance.random() < 0.5 else []


def _values(chance: random.Random, shape: Sequence[int]) -> np.ndarray:
    """Ordinary weights, or extremes."""
    size = int(np.prod(shape, dtype=int))
    if chance.random() < 0.5:
        return numbers.generator(chance).standard_normal(shape)
    return numbers.losses(chance, size).reshape(shape)


def _safetensors(chance: random.Random, names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> bytes:
    """A file as its format has it, its header at times wrong."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}} if chance.random() < 0.5 else {}
    data = b""
    for name, shape in zip(names, shapes, strict=True):
        kind = chance.choice(["F64", "F32", "F32", chance.choice(list(KINDS))])
        with np.errstate(all="ignore"):
            values = _values(chance, shape)
            piece = values.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}.get(kind, "u1")).tobytes()
        wanted = KINDS[kind] * values.size
        piece = (piece * 8)[:wanted]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(data), len(data) + wanted]}
        data += piece
    if header and chance.random() < 0.03:
        name = chance.choice(list(header))
        header[name] = chance.choice([
            None, {}, {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
            {"dtype": 1, "shape": [], "data_offsets": []},
            {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, len(data)]},
            {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
            {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]},
            {"dtype": "F32", "shape": [1], "data_offsets": [False, 4]},
            {"dtype": "\ud800", "shape": [1], "data_offsets": [0, 4]},
        ])  # fmt: skip
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _npz(chance: random.Random, names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> bytes:
    """Arrays of every type."""
    arrays = {}
    for name, shape in zip(names, shapes, strict=True):
        if not name or "\0" in name or name == "file" or name.encode("utf-8", "ignore").decode() != name:
            continue
        kind = chance.choice(["f8", "f4", chance.choice(ARRAYS)])
        with np.errstate(all="ignore"):
            values = _values(chance, shape)
            values = np.nan_to_num(values, posinf=0, neginf=0).clip(-1e9, 1e9) if kind[0] in "iM" else values
            if kind == "M8[s]":
                values = values.astype("i8")
            arrays[name] = np.zeros(shape, "V4") if kind == "V4" else values.astype(kind)
    file = io.BytesIO()
    chance.choice([np.savez, np.savez, np.savez_compressed])(file, **arrays)
    return file.getvalue()
