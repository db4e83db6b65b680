"""The labelled data: what a history of losses and weights looks like in xarray.

A loss history is a DataArray with a `step` axis and any of the run axes before it. Its coordinates say which run is
which, where it ended and how; `curves` turns it into plain one-dimensional curves, which is what analyses work on.
Weights, whose shape depends on the width, lie beside it, in a group for each width.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mstage.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

FLOW_STATISTICS = ("end_time", "accepted_steps", "rejected_steps", "factorisations")  # of every run of a flow
OUTCOMES = ("status", "last_step", "final_loss", *FLOW_STATISTICS)  # coordinates that say how a run ended

ALWAYS_SHOWN = ("alpha", "width")  # in tables, even where they have a single value

GLOSSARY: dict[str, dict[str, str]] = {  # beside the axes, which the parameters of a sweep tell
    "step": {"long_name": "optimizer updates", "units": "1"},
    "time": {"long_name": "gradient-flow time, learning rate x step for gradient descent", "units": "1"},
    "snapshot": {"long_name": "step at which the weights were kept", "units": "1"},
    "snapshot_time": {"long_name": "time at which the weights were kept", "units": "1"},
    "neuron": {"long_name": "hidden neuron", "units": "1"},
    "dim": {"long_name": "input dimension, the appended 1 among them", "units": "1"},
    "sample": {"long_name": "training sample", "units": "1"},
    "loss": {"long_name": "training loss, 1/(2n) sum of squared residuals", "units": "1"},
    "output_weight": {"long_name": "a_k, weight of a neuron's output", "units": "1"},
    "input_weight": {"long_name": "w_k, weights of a neuron's inputs", "units": "1"},
    "status": {"long_name": "how the run ended"},
    "final_loss": {"long_name": "training loss measured last", "units": "1"},
    "last_step": {
        "long_name": "step at which the run ended: diverged, reached stop-at or its horizon",
        "units": "1",
    },
    "end_time": {"long_name": "time at which the run of a flow ended", "units": "1"},
    "accepted_steps": {"long_name": "steps that the integrator of a flow took", "units": "1"},
    "rejected_steps": {"long_name": "steps that it tried and found too long", "units": "1"},
    "factorisations": {"long_name": "matrices that it factorised", "units": "1"},
    "input": {"long_name": "inputs x_i as the network sees them", "units": "1"},
    "target": {"long_name": "targets y_i as the network sees them", "units": "1"},
}


LARGEST_WEIGHT = 1e70  # of a run that has not diverged: fourth powers of what is larger are not finite


class RunStatus(IntEnum):
    """How a run ended, that it is still running, or that its data are damaged."""

    RUNNING = 0
    FINISHED = 1
    STOPPED = 2
    DIVERGED = 3
    DAMAGED = 4  # what is stored of it cannot be read

    @classmethod
    def attributes(cls) -> dict[str, Any]:
        """CF attributes that let a reader without mstage name the values."""
        return {
            "flag_values": [int(s) for s in cls],
            "flag_meanings": "running finished reached_stop_at diverged damaged",
        }


@dataclass(frozen=True)
class Curve:
    """One run's losses against its clock.

    Attributes:
        run: Which run it is: its coordinates by name, width among them where it is known.
        clock: Values of the clock, shape (records,), ascending as recorded.
        loss: Losses, shape (records,). Records after the run's end are left out.
        diverged: Whether the run ended because its loss was no longer finite.
    """

    run: Mapping[str, float | int | str]
    clock: np.ndarray
    loss: np.ndarray
    diverged: bool


def clock_name(loss: xr.DataArray) -> str:
    """The clock of a loss history: `time` where it is defined, else the name of its last axis."""
    return "time" if "time" in loss.coords else str(loss.dims[-1])


def snapshot_clock(run: xr.DataArray | xr.Dataset, clock: str) -> np.ndarray:
    """The clock of the snapshots of one run: their time where the clock is time, else their steps."""
    return np.asarray(run.coords["snapshot_time" if clock == "time" else "snapshot"].values, float)


def check_loss_history(loss: xr.DataArray) -> None:
    """Refuse what is not a loss history.

    Raises:
        InputError: There is no axis, no coordinate along the last one, or something else than numbers.
    """
    if loss.ndim == 0:
        raise InputError("the loss history is a single number; expected values over a `step` axis")
    if loss.dims[-1] not in loss.coords:
        raise InputError(
            f"the loss history has no coordinate along its last axis `{loss.dims[-1]}`; "
            f"expected the steps, as in xr.DataArray(loss, coords={{'step': steps}})"
        )
    clock = loss.coords[clock_name(loss)]
    if loss.dims[-1] not in clock.dims or not set(clock.dims) <= set(loss.dims):
        raise InputError(
            f"the coordinate `{clock.name}` of the loss history lies over {clock.dims}; "
            f"expected a clock over its last axis `{loss.dims[-1]}`"
        )
    last = [loss.coords["last_step"]] if "last_step" in loss.coords else []
    for name, one in [("loss history", loss), *((f"coordinate `{one.name}`", one) for one in [clock, *last])]:
        if not _holds_numbers(one):
            raise InputError(f"the {name} holds {one.dtype}; expected real numbers, as a clock in seconds or steps")
    for one in last:
        if loss.dims[-1] in one.dims:
            raise InputError(f"`last_step` lies over {one.dims}; expected one for each run, over its run axes")


def _holds_numbers(values: xr.DataArray) -> bool:
    if values.dtype != object:
        return values.dtype.kind in "biuf"
    try:
        values.values.astype(float)
    except (TypeError, ValueError):
        return False
    return True


def curves(loss: xr.DataArray) -> Iterator[Curve]:
    """The runs of a loss history, one after the other, width by width; those that are damaged are left out.

    Args:
        loss: Losses, last axis the records. Coordinates used where present: `time` (over the last axis, and over
            `learning_rate` where it depends on it), `status` and `last_step` (over the run axes). Without a `status`
            a run has diverged if its last record is not finite.

    Raises:
        InputError: It is not a loss history.
    """
    check_loss_history(loss)
    step_axis = loss.dims[-1]
    clock = loss.coords[clock_name(loss)]
    axes = sorted(loss.dims[:-1], key=lambda axis: axis != "width")
    told = [name for name in dict.fromkeys([*loss.dims, *loss.coords]) if name in loss.coords and name not in OUTCOMES]
    for index in np.ndindex(*(loss.sizes[axis] for axis in axes)):
        place = dict(zip(axes, index, strict=True))
        one = loss.isel(place)
        status = one.coords["status"].item() if "status" in one.coords else None
        if status == RunStatus.DAMAGED:
            continue
        run = {str(name): one.coords[name].item() for name in told if one.coords[name].ndim == 0}
        ticks = clock.isel({axis: place[axis] for axis in clock.dims if axis in place}).values
        keep = np.ones(one.shape, bool)
        if "last_step" in one.coords:
            keep = one.coords[step_axis].values <= one.coords["last_step"].item()
        if status == RunStatus.RUNNING:  # others have come further, and it has no losses there
            keep = keep & ~np.isnan(one.values)
        ticks, values = np.asarray(ticks, float)[keep], np.asarray(one.values, float)[keep]
        diverged = ends_without_a_number(ticks, values) if status is None else status == RunStatus.DIVERGED
        yield Curve(run, ticks, values, diverged)


def shown_axes(runs: Collection[Mapping[str, Any]]) -> list[str]:
    """The axes that a table of runs shows: those of two-layer networks in any case, others where they vary."""
    values: dict[str, set[Any]] = {}
    for run in runs:
        for name, value in run.items():
            values.setdefault(name, set()).add(value)
    always = [name for name in ALWAYS_SHOWN if name in values]
    return always + [name for name, found in values.items() if name not in (*always, "seed") and len(found) > 1]


def kept_weights(tree: xr.DataTree, required_of: object = None) -> list[tuple[xr.DataArray, xr.DataArray]]:
    """Output and input weights of each width, with the coordinates of its runs.

    Args:
        tree: A sweep. Widths of which no run has two snapshots, or that are damaged, are left out.
        required_of: Where it comes from, a path or the tree itself, if it has to have some; None if it need not.

    Raises:
        InputError: It has to have some and has none.
    """
    root, found = tree.dataset, []
    has_neurons = any("input_weight" in group.data_vars for group in tree.children.values())
    for width in root["width"].values.tolist() if has_neurons else []:
        runs = root.sel(width=width)
        reached = runs["last_step"].where(runs["status"] == RunStatus.RUNNING, runs["snapshot"].values.max(initial=0))
        reached = reached.where(runs["status"] != RunStatus.DAMAGED, -1)
        if np.count_nonzero(runs["snapshot"].values <= reached.values.max()) < 2:
            continue
        told = ("width", "final_loss", "last_step", "status", "snapshot_time")
        coordinates = {name: runs[name].variable for name in told if name in runs.coords}
        group = tree.children[f"width_{width}"].dataset
        output, inputs = (group[name].assign_coords(coordinates) for name in ("output_weight", "input_weight"))
        found.append((output, inputs))
    if not found and required_of is not None:
        name = (tree.name or "the tree") if required_of is tree else required_of
        if not has_neurons:
            raise InputError(f"{name}: holds no two-layer networks, whose neurons are compared")
        raise InputError(f"{name}: has no snapshots of weights to compare; train with --snapshots N, N at least 2")
    return found


def ends_without_a_number(clock: np.ndarray, loss: np.ndarray) -> bool:
    """Whether a run ended in a loss that is not finite, where nothing else says how it ended.

    One before the end does not count: a step may have been skipped, and the run have gone on.

    Args:
        clock: In any order, shape (records,). What has no place on it is left aside.
        loss: Shape (records,). Of several at the last place the one that was recorded last counts.
    """
    placed = np.isfinite(clock)
    clock, loss = clock[placed], loss[placed]
    return bool(clock.size) and not np.isfinite(loss[clock.size - 1 - np.argmax(clock[::-1])])


def sound_snapshots(*weights: np.ndarray) -> np.ndarray:
    """At which snapshots, the first axis of every array, the weights of a run are there and can be computed with."""
    sound = []
    for values in weights:
        largest = min(LARGEST_WEIGHT, float(np.finfo(values.dtype).max))  # beyond what float32 can be compared with
        sound.append((np.abs(values) <= largest).all(axis=tuple(range(1, values.ndim))))
    return np.logical_and.reduce(sound)
