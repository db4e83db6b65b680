"""Stages and sweeps with known answers, made without the trainer and without the detection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from mstage.analysis.stages.results import RunStages, Stage, StageMethod, Stages
from mstage.history import Curve, curves

NAMES = ("initial plateau", "initial descent", "secondary plateau", "secondary descent", "third plateau")


def stage(name, start, end, level=1.0, rate=None, model="exponential", low=None, high=None):
    """A stage whose kind is the last word of its name; the 90 % interval of its end is 1 % to either side."""
    fitted = rate is not None
    return Stage(
        name=name, kind=name.split()[-1], start=start, end=end, end_low=0.99 * end, end_high=1.01 * end,
        loss_start=level, loss_end=level, level=level, probability=0.97,
        rate=rate, rate_low=low if low or not fitted else 0.9 * rate,
        rate_high=high if high or not fitted else 1.1 * rate, model=model if fitted else None,
    )  # fmt: skip


def stages_with_ends(*ends, scale=1.0):
    """Plateaus and descents in turn that end there, levels falling by 2 from one to the next."""
    starts = (0.0, *ends[:-1])
    return tuple(
        stage(name, a, b, level=scale * 0.5**k, rate=0.5 * scale if name.endswith("descent") else None)
        for k, (name, a, b) in enumerate(zip(NAMES, starts, ends, strict=False))
    )


def run(alpha, width, seed, *stages, status="ok", **others):
    """A run without losses; `with_losses` gives it some."""
    coordinates = {"alpha": alpha, "width": width, "seed": seed} | others
    return RunStages(Curve(coordinates, np.empty(0), np.empty(0), status == "diverged"), status, tuple(stages))


def with_losses(stages, clock, loss_of):
    """Stages whose runs have losses, `loss_of` their coordinates, on a clock."""
    losses = [replace(one.curve, clock=clock, loss=loss_of(one.run)) for one in stages.runs]
    return collected(*(replace(one, curve=curve) for one, curve in zip(stages.runs, losses, strict=True)))


def with_losses_of(tree, stages):
    """Stages whose runs have the losses that a sweep, as `tree` makes one, has of them."""
    known = [curve for node in tree.subtree if "loss" in node.data_vars for curve in curves(node["loss"])]
    runs = (next(replace(one, curve=c) for c in known if one.run.items() <= c.run.items()) for one in stages.runs)
    return collected(*runs)


def collected(*runs, clock="time"):
    return Stages(clock, StageMethod(), tuple(runs))


def small_sweep():
    """Two widths of three seeds: one group agrees, one holds a shorter sequence and a run that diverged."""
    return collected(
        run(1.0, 400, 0, *stages_with_ends(3.0, 7.0, 120.0, scale=1.0)),
        run(1.0, 400, 1, *stages_with_ends(3.1, 7.2, 125.0, scale=1.01)),
        run(1.0, 400, 2, *stages_with_ends(2.9, 7.1, 130.0, scale=0.99)),
        run(1.0, 1600, 0, *stages_with_ends(4.0, 8.0, 400.0)),
        run(1.0, 1600, 1, *stages_with_ends(4.2, 8.5)),
        run(1.0, 1600, 2, status="diverged"),
    )


def tree(losses, *, status=1, last_step=None, rates=(0.1,), settings=None):
    """A sweep as the store reads it: `losses` by width, each (alpha, seed, learning_rate, step)."""
    about = {"sweep": settings or {"problem": "cub1d"}, "versions": {"mstage": "0.1.0"}}
    widths = []
    for width, values in losses.items():
        values = np.asarray(values, float)
        steps = np.arange(values.shape[-1]) * 10
        axes = ("alpha", "seed", "learning_rate")
        ended = np.broadcast_to(steps[-1] if last_step is None else last_step[width], values.shape[:-1])
        coordinates = {
            "alpha": np.array([1.0, 1.5, 2.0])[: values.shape[0]],
            "seed": np.arange(values.shape[1]),
            "learning_rate": np.array(rates),
            "step": steps,
            "width": width,
            "time": (("learning_rate", "step"), np.array(rates)[:, None] * steps),
            "status": (axes, np.broadcast_to(status if np.isscalar(status) else status[width], values.shape[:-1])),
            "last_step": (axes, ended),
            "final_loss": (axes, values[..., -1]),
        }
        widths.append(xr.Dataset({"loss": ((*axes, "step"), values)}, coordinates))
    outcomes = ["status", "last_step", "final_loss"]
    sweep = xr.concat(widths, "width", data_vars="all", coords=outcomes, compat="override", join="exact")
    return xr.DataTree(sweep.transpose("alpha", "width", ...).assign_attrs(about))
