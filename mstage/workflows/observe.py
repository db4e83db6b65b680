"""Measure observables of every run of a sweep at its snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mstage.analysis.observed import Observed
from mstage.errors import InputError, UsageError, unknown_name
from mstage.history import snapshot_clock, sound_snapshots
from mstage.simulate.devices import use_all_cores
from mstage.simulate.models.built_in import network_of
from mstage.simulate.observables.catalogue import OBSERVABLES
from mstage.simulate.observables.kernel import MAX_PROBES
from mstage.simulate.observables.run import observe_run
from mstage.spec import Sweep
from mstage.store.layout import group_name
from mstage.store.reader import open_sweep
from mstage.training_set import TrainingSet
from mstage.workflows.detect_stages import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mstage.simulate.models.network import Network

ONE_SNAPSHOT = "it compares snapshots, and there is one; train with --snapshots N, N at least 2"
NO_SNAPSHOTS = "has no snapshots of weights; train with --snapshots N, N at least 2"
NOT_FOUND = "sharpness: not found to its tolerance in {:,} of the networks, and left out there"
PROBED = f"kernel: on {MAX_PROBES} of {{:,}} training inputs, evenly chosen"


def observe(
    source: str | Path | xr.DataTree,
    names: str | Sequence[str],
    progress: Callable[[float], None] | None = None,
) -> Observed:
    """Measure observables of every run of a sweep at its snapshots, one run after the other.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it; of any model.
        names: Of the observables; `mstage observe --list` says which there are.
        progress: Called before each run with the share of the runs that are done.

    Raises:
        InputError: There is no sweep there, or it kept no weights.
        UsageError: There is no observable of such a name, or networks like these have none of those asked for.

    Example:
        >>> observed = observe("runs/demo", ["sharpness", "norm"])
        >>> observed.quantities["sharpness"].sel(width=400, alpha=1).median("seed")
        >>> observed.to_dataframe()["norm.input_weight"]
    """
    chosen = checked_names([names] if isinstance(names, str) else names)
    use_all_cores()  # before JAX looks: whoever trains next in this process wants them
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    called = (tree.name or "the tree") if source is tree else str(source)
    found = _Measurement(tree, _sweep_of(tree, called), called)
    found.measure(chosen, progress)
    remarks, damage = tuple(found.remarks()), tuple(tree.attrs.get("damage", ()))
    return Observed(found.dataset(chosen), remarks, unfinished(tree), damage)


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of observables, each once; `_` and `-` are the same.

    Raises:
        UsageError: There are none, or one is not known.
    """
    chosen = dict.fromkeys(name.strip().replace("_", "-") for name in names)
    for name in chosen:
        if name not in OBSERVABLES:
            raise UsageError(unknown_name("observable", name, OBSERVABLES))
    if not chosen:
        raise UsageError(f"no observable is named; known: {', '.join(sorted(OBSERVABLES))}")
    return tuple(chosen)


def known_observables() -> list[tuple[str, str, str]]:
    """The observables that there are: the name, what it is, and its unit."""
    return [(one.name, one.meaning_of(), one.unit) for one in OBSERVABLES.values()]


def _sweep_of(tree: xr.DataTree, called: str) -> Sweep:
    """The spec of a sweep, with what it learns.

    Raises:
        InputError: The tree is none of a sweep.
    """
    if not {"sweep", "problem"} <= tree.attrs.keys():
        raise InputError(f"{called}: has no `sweep` and `problem` among its attributes; expected what `train` returns")
    samples = (tree.dataset[name].values for name in ("input", "target"))
    return Sweep.from_dict(tree.attrs["sweep"], arrays=TrainingSet.of(tree.attrs["problem"], *samples))


class _Measurement:
    """Observables of a sweep, filled in run by run."""

    def __init__(self, tree: xr.DataTree, sweep: Sweep, called: str) -> None:
        self._tree, self._sweep, self._called = tree, sweep, called
        self._root = tree.dataset
        self._axes = [str(axis) for axis in self._root["loss"].dims[:-1]]
        self._sizes = [self._root.sizes[axis] for axis in [*self._axes, "snapshot"]] if "snapshot" in self._root else []
        if not self._sizes or not self._sizes[-1]:
            raise InputError(f"{called}: {NO_SNAPSHOTS}")
        inputs, targets = (self._root[name].values.astype(sweep.dtype) for name in ("input", "target"))
        self._samples = inputs, targets
        self._values: dict[str, np.ndarray] = {}
        self._reasons: dict[str, list[str]] = {}
        self._not_found = 0

    def measure(self, names: tuple[str, ...], progress: Callable[[float], None] | None) -> None:
        """Measure all runs.

        Raises:
            InputError: There are no weights.
            UsageError: None of the observables is there.
        """
        groups = list(self._groups())
        if not groups:
            raise InputError(f"{self._called}: holds no weights of its networks; expected what `train` returns")
        able = [self._able(names, shape, group) for _, shape, group in groups]
        if not any(able):
            lines = [f"{name}: none, because {why[0]}" for name, why in self._reasons.items()]
            raise UsageError(f"{self._called}: {'; '.join(lines)}")
        done, runs = 0, int(np.prod(self._sizes[:-1], dtype=int))
        for (place, shape, group), of_group in zip(groups, able, strict=True):
            network = self._network(shape)
            rest = [axis for axis in self._axes if axis not in place]
            for index in product(*(range(self._root.sizes[axis]) for axis in rest)):
                if progress is not None:
                    progress(done / runs)
                inside = dict(zip(rest, index, strict=True))
                weights = {str(name): one.isel(inside).values for name, one in group.data_vars.items()}
                self._measure_run(network, of_group, {**place, **inside}, weights)
                done += 1

    def dataset(self, names: tuple[str, ...]) -> xr.Dataset:
        """What was measured, over the run axes and `snapshot`."""
        dims = [*self._axes, "snapshot"]
        variables = {}
        for column, values in sorted(self._values.items(), key=lambda pair: names.index(pair[0].partition(".")[0])):
            name, _, block = column.partition(".")
            one = OBSERVABLES[name]
            told = {"long_name": one.meaning_of(block), "units": one.unit}
            told["comment"] = f"{name}: {one.meaning_of()} [{one.unit}]"
            variables[column] = dims, values, told
        coordinates = {name: one for name, one in self._root.coords.items() if set(one.dims) <= set(dims)}
        return xr.Dataset(variables, coords=coordinates)

    def remarks(self) -> Iterator[str]:
        """What is to be known of the numbers."""
        for name, reasons in self._reasons.items():
            yield from (f"{name}: none, because {why}" for why in dict.fromkeys(reasons))
        samples = self._root.sizes["sample"]
        if samples > MAX_PROBES and any(name.startswith("kernel") for name in self._values):
            yield PROBED.format(samples)
        if self._not_found:
            yield NOT_FOUND.format(self._not_found)

    def _measure_run(
        self, network: Network, names: tuple[str, ...], place: dict[str, int], weights: dict[str, np.ndarray]
    ) -> None:
        coordinates = self._root.coords.to_dataset().isel(place)
        clock = snapshot_clock(coordinates, "time" if "snapshot_time" in coordinates.coords else "step")
        found = observe_run(network, names, self._samples, weights, clock, self._sweep.runs_of_a_program[0])
        where = tuple(place[axis] for axis in self._axes)
        for name, values in found.items():
            self._values.setdefault(name, np.full(self._sizes, np.nan))[where] = values
        if "sharpness" in found:
            self._not_found += int((np.isnan(found["sharpness"]) & sound_snapshots(*weights.values())).sum())

    def _groups(self) -> Iterator[tuple[dict[str, int], dict[str, float], xr.Dataset]]:
        """Where the networks of each shape are among all, their shape, and their weights."""
        for shape in self._sweep.shapes:
            known = {axis: np.atleast_1d(self._root[axis].values).tolist() for axis in shape}
            if group_name(shape) in self._tree.children and all(shape[axis] in known[axis] for axis in shape):
                place = {axis: known[axis].index(shape[axis]) for axis in shape if axis in self._axes}
                yield place, shape, self._tree.children[group_name(shape)].dataset

    def _network(self, shape: dict[str, float]) -> Network:
        program, dim = {**self._sweep.programs[0], **shape}, self._samples[0].shape[1]
        return network_of(self._sweep.model, program, dim, self._sweep.dtype)

    def _able(self, names: tuple[str, ...], shape: dict[str, float], group: xr.Dataset) -> tuple[str, ...]:
        """The observables that networks of a shape have; of the others the reason is kept."""
        network, weights = self._network(shape), 0
        for one in group.data_vars.values():
            own = one.dims[one.dims.index("snapshot") + 1 :]
            weights += int(np.prod([one.sizes[axis] for axis in own], dtype=int))
        able = []
        for name in names:
            known = OBSERVABLES[name]
            why = ONE_SNAPSHOT if known.compares and self._sizes[-1] < 2 else known.why_not(network, weights)
            if why:
                self._reasons.setdefault(name, []).append(why)
            else:
                able.append(name)
        return tuple(able)
