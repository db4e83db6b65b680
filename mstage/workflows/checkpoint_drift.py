"""Measure how far the weights of a network move from checkpoint to checkpoint, whoever trained it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mstage.analysis.weights.layer_drift import LayerDrift, LayerSnapshot, measure_layer_drift
from mstage.errors import InputError, listed, printable, shown
from mstage.readers.checkpoints.checkpoint import Checkpoint, open_checkpoints
from mstage.readers.checkpoints.steps import natural_order

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    import pandas as pd


@dataclass(frozen=True)
class CheckpointDrift:
    """The drift of the layers of a network over its checkpoints.

    Attributes:
        checkpoints: The files of each step.
        layers: Their distances.
        left_out: Tensors that are no weights, by name, and why.
    """

    checkpoints: Mapping[float, tuple[str, ...]]
    layers: LayerDrift
    left_out: Mapping[str, str]

    def to_dataframe(self) -> pd.DataFrame:
        """One row a layer and checkpoint."""
        return self.layers.to_dataframe()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows: list[dict[Hashable, Any]] = self.to_dataframe().to_dict("records")
        checkpoints = [{"step": step, "files": list(files)} for step, files in self.checkpoints.items()]
        return {"clock": "step", "checkpoints": checkpoints, "left_out": dict(self.left_out), "layers": rows}


def measure_checkpoint_drift(
    sources: str | Path | Iterable[str | Path],
    steps: Sequence[float] | None = None,
    layers: Sequence[str] = (),
    progress: Callable[[float], None] | None = None,
) -> CheckpointDrift:
    """Measure the Wasserstein drift of the weights of every layer, from the first and from the previous checkpoint.

    Layers are the tensors of floating-point numbers, by their names. Nothing is ever unpickled.

    Args:
        sources: safetensors or npz files, one a step or several that hold a part each, or folders of them.
        steps: Of the checkpoints, in the order in which they are named; told by the names if None.
        layers: Names or patterns such as `*.attn.*`; all if there are none.
        progress: Called with the share of the weights that has been read.

    Raises:
        InputError: They cannot be read, are fewer than two, do not tell their steps, or have no such layer.
        UsageError: There are not as many steps as checkpoints.

    Example:
        >>> drift = measure_checkpoint_drift("run/checkpoints", layers=["*.weight"])
        >>> drift.layers.distances.magnitude_from_first.sel(order=1)
    """
    checkpoints = open_checkpoints([sources] if isinstance(sources, (str, Path)) else sources, steps)
    left_out = {
        name: f"{tensor.kind}: {reason}"
        for checkpoint in checkpoints
        for name, tensor in checkpoint.tensors.items()
        if (reason := tensor.flaw or ("" if 0 not in tensor.shape else "no values"))
    }
    chosen = _chosen(checkpoints, layers, left_out)
    total = sum(_size(one) for snapshots in chosen.values() for one in snapshots)
    done = 0

    def count(weights: int) -> None:
        nonlocal done
        done += weights
        if progress is not None:
            progress(done / total)

    return CheckpointDrift(
        {one.step: tuple(map(str, one.files)) for one in checkpoints}, measure_layer_drift(chosen, count), left_out
    )


def _chosen(
    checkpoints: Sequence[Checkpoint], patterns: Sequence[str], left_out: Mapping[str, str]
) -> dict[str, list[LayerSnapshot]]:
    """The checkpoints of each layer that is wanted.

    Raises:
        InputError: A pattern fits none, or there is none.
    """
    found: dict[str, list[LayerSnapshot]] = {}
    for checkpoint in checkpoints:
        for name, tensor in checkpoint.tensors.items():
            if not tensor.flaw and 0 not in tensor.shape:
                found.setdefault(name, []).append(LayerSnapshot(checkpoint.step, tensor.shape, tensor.parts))
    names = sorted(found, key=natural_order)
    for pattern in patterns:
        if not any(_fits(name, pattern) for name in names):
            reason = next(
                (f" (`{shown(name, 200)}` is {why})" for name, why in left_out.items() if _fits(name, pattern)), ""
            )
            raise InputError(f"no layer fits `{shown(pattern, 200)}`{reason}; {_listed(names)}")
    if not names:
        reason = next((f", as `{shown(name, 200)}`, which is {why}" for name, why in left_out.items()), "")
        raise InputError(f"the checkpoints hold no weights{reason}; expected tensors of floating-point numbers")
    wanted = [name for name in names if not patterns or any(_fits(name, pattern) for pattern in patterns)]
    return {name: found[name] for name in wanted}


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or any(fnmatchcase(one, pattern) for one in (name, printable(name)))


def _listed(names: Sequence[str], most: int = 6) -> str:
    return f"there are {listed([f'`{shown(name, 200)}`' for name in names[:most]], len(names))}"


def _size(snapshot: LayerSnapshot) -> int:
    return math.prod(snapshot.shape)
