"""A gradient flow in the store: what it holds, and that a kill costs nothing of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mstage.history import RunStatus
from mstage.spec import FLOW_TICKS, Flow, Recording, Sweep, TwoLayer
from mstage.store.layout import FLOW_STATISTICS
from mstage.store.reader import open_sweep, stored_sweep
from mstage.workflows.train import train
from tests.store.test_store import StopHereError, assert_same, stop_after

FLOW = Sweep(TwoLayer(width=(30,)), dynamics=Flow(), seed=(0, 4), until=40.0, recording=Recording("log:300", 9))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow that was not interrupted."""
    path = tmp_path_factory.mktemp("whole") / "flow"
    train(FLOW, path)
    return path


@pytest.mark.slow
def test_what_the_store_of_a_flow_holds(whole: Path) -> None:
    assert stored_sweep(whole) == FLOW
    tree = xr.open_datatree(whole, engine="zarr")
    group = tree.to_dataset()
    assert group.loss.dims == ("alpha", "width", "seed", "step")
    assert tree["width_30"].input_weight.dims == ("alpha", "seed", "snapshot", "neuron", "dim")
    np.testing.assert_allclose(group.time, np.array(FLOW.loss_steps) * 40.0 / FLOW_TICKS)
    assert group.time.dims == ("step",)
    assert group.snapshot_time.dims == ("snapshot",)
    assert group.loss.notnull().all()
    assert (group.status == RunStatus.FINISHED).all()
    assert (group.end_time == 40.0).all()
    assert set(FLOW_STATISTICS) <= set(group.coords)
    assert (group.factorisations == group.accepted_steps + group.rejected_steps).all()
    assert 10 < group.accepted_steps.min() <= group.accepted_steps.max() < 60


@pytest.mark.slow
def test_snapshots_are_the_weights_that_the_losses_speak_of(whole: Path) -> None:
    tree = open_sweep(whole)
    group = tree["width_30"].to_dataset().isel(alpha=0, seed=1)
    losses = tree.loss.isel(alpha=0, width=0, seed=1)
    for snapshot in group.snapshot.values:
        one = group.sel(snapshot=snapshot)
        output = np.tanh(tree.input.values @ one.input_weight.values.T) @ one.output_weight.values
        loss = np.mean((output - tree.target.values) ** 2) / 2
        np.testing.assert_allclose(float(losses.sel(step=snapshot)), loss, rtol=1e-3)  # both are interpolated


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 3, 6, 9])
def test_resumed_flow_equals_one_never_interrupted(calls: int, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "flow"
    with pytest.raises(StopHereError):
        train(FLOW, path, progress=stop_after(calls), commit_seconds=0)
    open_sweep(path)
    assert_same(train(FLOW, path, resume=True), open_sweep(whole))


@pytest.mark.slow
def test_a_run_that_stops_keeps_no_later_weights(tmp_path: Path) -> None:
    tree = train(replace(FLOW, stop_at=0.2), tmp_path / "flow")
    group = tree.to_dataset().sel(width=30).assign(output_weight=tree["width_30"].output_weight)
    assert (group.status == RunStatus.STOPPED).all()
    assert (group.end_time < 10).all()
    for seed in range(2):
        one = group.isel(alpha=0, seed=seed)
        assert (one.output_weight.notnull().all("neuron") == (one.snapshot_time <= one.end_time)).all()
        assert (one.loss.notnull() == (one.time <= one.end_time)).all()
