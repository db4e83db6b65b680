"""A model that somebody adds is an option, an axis, a coordinate and a column, and trains under both dynamics."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

# What the file of a model holds, and the line that names it.
MODEL = '''
from dataclasses import dataclass
from mstage.spec.models import MODELS
from mstage.spec.parameters import Number, Numbers, WholeNumbers


@dataclass(frozen=True)
class Product:
    """f(x) = x_0 sum_k u_k v_k, a product of two weights for each of `terms` terms."""

    alpha: Numbers = Number(help="Weights are of size e^-alpha.", metavar="A", rule="finite", meaning="scale",
                            is_axis=True, default=(1.0,))
    kappa: Numbers = Number(help="Balance of u and v.", metavar="K", rule="above 0", least=0, above=True,
                            meaning="balance of u and v", is_axis=True, default=(1.0,))
    terms: WholeNumbers = Number(help="Terms.", metavar="N", rule="from 1", least=1, whole=True, meaning="terms",
                                 is_axis=True, is_static=True, default=(1,))

    def shapes(self, inputs):
        return {"u": {"term": self.terms[0]}, "v": {"term": self.terms[0]}}

    def check_dtype(self, dtype):
        pass

    def init(self, normals, values):
        scale = normals["u"].__array_namespace__().exp(-values["alpha"])
        return {"u": scale * values["kappa"] * normals["u"], "v": scale / values["kappa"] * normals["v"]}

    def outputs(self, weights, inputs):
        return (weights["u"] @ weights["v"]) * inputs[:, 0]


MODELS["product"] = Product
'''
RUN = "import sys\nfrom mstage.__main__ import main\nsys.exit(main())"


def mstage(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", MODEL + RUN, *arguments], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["descent", "flow"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over everything that the model has."""
    folder = tmp_path_factory.mktemp("product")
    options = ["--kappa", "0.5,1,2", "--terms", "1,3", "--seeds", "2", "--until", "30", "--dynamics", request.param]
    rate = ["--learning-rate", "0.01"] if request.param == "descent" else ["--tolerance", "1e-6"]
    mstage(folder, "train", "--model", "product", "--problem", "sin1d", *options, *rate, "-o", "product")
    return folder


def test_its_parameters_are_options(tmp_path: Path) -> None:
    page = mstage(tmp_path, "train", "--help")
    assert "--kappa K" in page
    assert "diagonal, product." in " ".join(page.split())


def test_it_is_listed_with_its_equation_and_parameters(tmp_path: Path) -> None:
    page = mstage(tmp_path, "models", "product")
    assert page.startswith("product: f(x) = x_0 sum_k u_k v_k, a product of two weights for each of `terms` terms.\n")
    assert [line.split()[0] for line in page.splitlines()[4:]] == ["--alpha", "--kappa", "--terms"]
    assert page.splitlines()[5].split() == ["--kappa", "K", "1", "yes", "Balance", "of", "u", "and", "v."]


@pytest.mark.slow
def test_its_parameters_are_axes(folder: Path) -> None:
    tree = xr.open_datatree(folder / "product", engine="zarr")
    assert tree.loss.kappa.values.tolist() == [0.5, 1, 2]
    assert tree.loss.terms.values.tolist() == [1, 3]
    assert tree["terms_3"].u.sizes["term"] == 3
    assert tree.kappa.attrs["long_name"] == "balance of u and v"


@pytest.mark.slow
def test_what_it_trains_keeps_its_law(folder: Path) -> None:
    """u^2 - v^2 of each term does not move in gradient flow, and u v tends to the slope of the best fit."""
    tree = xr.open_datatree(folder / "product", engine="zarr").load()
    slack = 0.02 if "learning_rate" in tree.loss.dims else 1e-4
    x, y = tree.input.values[:, 0], tree.target.values
    for group in ("terms_1", "terms_3"):
        weights = tree[group].to_dataset()
        balance = weights.u**2 - weights.v**2
        np.testing.assert_allclose(balance, balance.isel(snapshot=0).broadcast_like(balance), atol=slack)
        reached = (weights.u * weights.v).sum("term").isel(snapshot=-1)
        np.testing.assert_allclose(reached, x @ y / (x @ x), rtol=0.02)


@pytest.mark.slow
def test_its_parameters_are_columns(folder: Path) -> None:
    stages = pd.read_csv(io.StringIO(mstage(folder, "detect-stages", "product", "--format", "csv")))
    assert set(stages.kappa) == {0.5, 1, 2}
    assert set(stages.terms) == {1, 3}
    report = mstage(folder, "report", "product")
    assert "kappa" in report.split("Stages")[1].splitlines()[2]
    assert "Theory: none, because theory is of two-layer networks alone" in report


@pytest.mark.slow
@pytest.mark.parametrize("command", ["drift", "condensation", "predict"])
def test_what_is_of_two_layer_networks_alone_says_so(command: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODEL + RUN, command, "product"], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode in (2, 3)
    assert "two-layer networks" in done.stderr
    assert done.stderr.count("\n") == 1
