"""Observables of stored sweeps of any model: what is recorded and what is measured agree, whatever varies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mstage
from mstage.errors import InputError, UsageError
from mstage.history import RunStatus
from mstage.spec.models import MODELS
from mstage.spec.parameters import Number, Numbers, WholeNumbers

FEW = mstage.Recording("every:10", 4)


@dataclass(frozen=True)
class Product:
    """f(x) = x_0 sum_k u_k v_k, a product of two weights for each of `terms` terms."""

    alpha: Numbers = Number(help="", metavar="A", rule="finite", meaning="scale", is_axis=True, default=(1.0,))
    terms: WholeNumbers = Number(help="", metavar="N", rule="from 1", least=1, whole=True, meaning="terms",
                                 is_axis=True, is_static=True, default=(1,))  # fmt: skip

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:  # noqa: ARG002
        return {"u": {"term": self.terms[0]}, "v": {"term": self.terms[0]}}

    def check_dtype(self, dtype: str) -> None:
        """All go."""

    def init(self, normals: Any, values: Any) -> dict[str, Any]:
        scale = normals["u"].__array_namespace__().exp(-values["alpha"])
        return {name: scale * one for name, one in normals.items()}

    def outputs(self, weights: Any, inputs: Any) -> Any:
        return (weights["u"] @ weights["v"]) * inputs[:, 0]


@pytest.fixture(scope="module")
def two_layer() -> xr.DataTree:
    model = mstage.TwoLayer(alpha=(0.5, 1.0), width=(3, 8))
    dynamics = mstage.Descent(learning_rate=(0.05, 0.1))
    return mstage.train(mstage.Sweep(model, "cub1d", dynamics, seed=(0, 1), until=20.0, recording=FEW))


def recorded_loss(tree: xr.DataTree) -> xr.DataArray:
    """The losses that were recorded at the snapshots."""
    return tree.loss.sel(step=tree.snapshot.values).rename(step="snapshot").drop_vars("time", errors="ignore")


def test_the_loss_is_the_recorded_one_in_every_run(two_layer: xr.DataTree) -> None:
    found = mstage.observe(two_layer, "train_loss").quantities["train-loss"]
    assert found.dims == recorded_loss(two_layer).dims
    np.testing.assert_allclose(found, recorded_loss(two_layer), rtol=1e-12)


def test_each_run_has_its_own_weights_and_clock(two_layer: xr.DataTree) -> None:
    found = mstage.observe(two_layer, ["norm", "kernel-velocity", "kernel-distance"]).quantities
    for width in (3, 8):
        block = two_layer[f"width_{width}"].input_weight
        expected = np.sqrt(np.square(block).sum(["neuron", "dim"], skipna=False))  # NaN after the end
        np.testing.assert_allclose(found["norm.input_weight"].sel(width=width), expected, rtol=1e-12)
    assert (found["kernel-distance"].isel(snapshot=0) == 0).all()
    assert np.isnan(found["kernel-velocity"].isel(snapshot=0)).all()
    assert found["norm.input_weight"].attrs["long_name"] == "norm |W| of input_weight"
    assert found.snapshot_time.dims == ("learning_rate", "snapshot")


def test_a_result_shows_itself_and_is_a_table(two_layer: xr.DataTree) -> None:
    found = mstage.observe(two_layer, ["norm", "inactive-share"])
    assert repr(found).splitlines()[0] == "Observables over alpha 2, width 2, seed 2, learning_rate 2, snapshot 4"
    rows = found.to_dataframe()
    assert len(rows) == found.runs * 4 == 64
    assert list(rows)[:8] == [
        "alpha", "width", "seed", "learning_rate", "snapshot", "snapshot_time", "norm.input_weight",
        "norm.output_weight",
    ]  # fmt: skip
    one = rows[rows.learning_rate == 0.05].iloc[-1]
    place = {name: one[name] for name in ("alpha", "width", "seed", "learning_rate", "snapshot")}
    assert one["inactive-share"] == found.quantities["inactive-share"].sel(place)
    assert "norm<br>output_weight" in found._repr_html_()


@pytest.mark.slow
def test_any_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of f = x sum u v with s = sum u v: K = x x' (|u|^2 + |v|^2), and one Hessian by hand for a single term."""
    monkeypatch.setitem(MODELS, "product", Product)
    sweep = mstage.Sweep(Product(alpha=(0.5, 1.0), terms=(1, 3)), "cub1d", until=5.0, dtype="float32", recording=FEW)
    tree = mstage.train(sweep)
    found = mstage.observe(tree, ["train-loss", "kernel-top", "sharpness", "norm", "inactive-share"])
    assert found.remarks == ("inactive-share: none, because it is of the neurons of two-layer networks alone",)
    np.testing.assert_allclose(found.quantities["train-loss"], recorded_loss(tree), rtol=1e-5)
    x, y = (tree[name].values.astype("float32").astype(float) for name in ("input", "target"))
    x = x[:, 0]
    for terms in (1, 3):
        group = tree[f"terms_{terms}"].to_dataset().astype(float)
        squares = np.square(group.u).sum("term") + np.square(group.v).sum("term")
        here = found.quantities.sel(terms=terms)
        np.testing.assert_allclose(here["kernel-top"], squares * (x @ x), rtol=1e-10)
        np.testing.assert_allclose(here["norm.u"], np.sqrt(np.square(group.u).sum("term")), rtol=1e-12)
    u, v = (tree["terms_1"][name].values[..., 0].astype(float) for name in "uv")
    power, cross = x @ x / x.size, (u * v * (x @ x) - x @ y) / x.size + u * v * (x @ x) / x.size
    hessian = np.stack([np.stack([v * v * power, cross], -1), np.stack([cross, u * u * power], -1)], -1)
    np.testing.assert_allclose(
        found.quantities["sharpness"].sel(terms=1), np.linalg.eigvalsh(hessian)[..., -1], rtol=1e-9
    )
    with pytest.raises(UsageError, match="inactive-share: none, because it is of the neurons of two-layer networks"):
        mstage.observe(tree, "inactive-share")


@pytest.mark.slow
def test_runs_that_diverge_and_runs_of_a_flow() -> None:
    wild = mstage.Sweep(
        mstage.TwoLayer(alpha=0.0, width=30, activation="relu"), "cub1d", mstage.Descent((0.001, 3.0)), steps=200,
        recording=FEW,
    )  # fmt: skip
    tree = mstage.train(wild)
    found = mstage.observe(tree, ["sharpness", "relative-distance"])
    assert found.diverged == 1
    last = found.quantities.isel(snapshot=-1).squeeze()
    assert np.isnan(last["sharpness"]).values.tolist() == [False, True]
    assert (last["status"] == RunStatus.DIVERGED).values.tolist() == [False, True]
    flow = mstage.train(mstage.Sweep(mstage.TwoLayer(width=4), dynamics=mstage.Flow(), until=5.0, recording=FEW))
    loss = mstage.observe(flow, "train-loss").quantities["train-loss"]
    np.testing.assert_allclose(loss.squeeze(), flow.loss.sel(step=flow.snapshot.values).squeeze(), rtol=1e-10)


@pytest.mark.slow
def test_what_cannot_be_measured_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = mstage.Sweep(mstage.TwoLayer(width=(3, 5)), steps=5, recording=mstage.Recording("auto", 1))
    tree = mstage.train(sweep, tmp_path / "one")
    with pytest.raises(UsageError, match="kernel-distance: none, because it compares snapshots, and there is one"):
        mstage.observe(tmp_path / "one", "kernel-distance")
    monkeypatch.setattr("mstage.simulate.observables.loss_surface.MAX_TRACED", 9)
    found = mstage.observe(tree, "hessian-trace")
    assert np.isnan(found.quantities["hessian-trace"]).squeeze().values.tolist() == [False, True]
    assert "a network has 15; it is measured up to 9" in found.remarks[0]
    none = mstage.train(mstage.Sweep(mstage.TwoLayer(width=3), steps=5, recording=mstage.Recording("auto", 0)))
    with pytest.raises(InputError, match="has no snapshots of weights; train with --snapshots N"):
        mstage.observe(none, "norm")
    for names, line in (([], "no observable is named; known: "), ("sharpnes", "Did you mean `sharpness`?"),
                        (["ntk"], "Did you mean `kernel-top`?")):  # fmt: skip
        with pytest.raises(UsageError) as told:
            mstage.observe(tree, names)
        assert line in str(told.value)
    with pytest.raises(InputError, match="has no `sweep` and `problem` among its attributes"):
        mstage.observe(xr.DataTree(), "norm")


def test_a_part_of_a_sweep(two_layer: xr.DataTree) -> None:
    part = mstage.observe(two_layer.sel(width=8, alpha=[1.0]), "norm").quantities["norm.input_weight"]
    whole = mstage.observe(two_layer, "norm").quantities["norm.input_weight"]
    np.testing.assert_array_equal(part, whole.sel(width=8, alpha=[1.0]))
