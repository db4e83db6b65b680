"""Every observable against a dense computation: the Hessian and the Jacobian written down, norms by NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from mstage.simulate.models.network import Data, blocks_by_name
from mstage.simulate.models.two_layer import TwoLayerNetwork
from mstage.simulate.observables import kernel
from mstage.simulate.observables.catalogue import OBSERVABLES
from mstage.simulate.observables.moment import Moment
from mstage.simulate.observables.run import observe_run
from mstage.simulate.problems import load_problem
from tests.simulate.networks import Perceptron

DATA = load_problem("gauss5")
X, Y = DATA.input, DATA.target
CLOCK = np.array([0.0, 0.5, 3.0])
TWO_LAYER, CUSTOM = TwoLayerNetwork("tanh", 12, 5, "float64"), Perceptron(7, 5)  # 72 and 98 weights, beyond a basis
SCALARS = tuple(name for name in OBSERVABLES if name not in ("norm", "relative-distance", "inactive-share"))


@cache
def snapshots(network: Any) -> list[Any]:
    """Weights at three snapshots."""
    with jax.enable_x64(True):
        first = network.init(jax.random.key(3), {"alpha": jnp.asarray(0.6)})
        keys = jax.random.split(jax.random.key(4), 2)
        draws = [
            jax.tree.map(lambda leaf, key=key: leaf + 0.1 * jax.random.normal(key, leaf.shape), first) for key in keys
        ]
        return [first, *draws]


def stored(network: Any, dtype: str = "float64") -> dict[str, np.ndarray]:
    """They as a store holds them."""
    blocks = [blocks_by_name(one) for one in snapshots(network)]
    return {name: np.stack([np.asarray(one[name], dtype) for one in blocks]) for name in blocks[0]}


def dense(network: Any, tree: Any, x: np.ndarray = X, y: np.ndarray = Y) -> dict[str, Any]:
    """What is known of a network at some weights, from its outputs alone."""
    with jax.enable_x64(True):
        flat, unravel = ravel_pytree(tree)
        outputs = lambda at: network.outputs(unravel(at), jnp.asarray(x))  # noqa: E731
        loss = lambda at: jnp.mean((outputs(at) - jnp.asarray(y)) ** 2) / 2  # noqa: E731
        jacobian = np.asarray(jax.jit(jax.jacfwd(outputs))(flat))
        hessian = np.asarray(jax.jit(jax.hessian(loss))(flat))
        residual = np.asarray(outputs(flat)) - y
    return {
        "train-loss": np.square(residual).mean() / 2,
        "gradient-norm": np.linalg.norm(jacobian.T @ residual) / y.size,
        "sharpness": np.linalg.eigvalsh(hessian)[-1],
        "hessian-trace": np.trace(hessian),
        "kernel-top": np.linalg.eigvalsh(jacobian @ jacobian.T)[-1],
        "kernel": jacobian @ jacobian.T,
    }


@pytest.mark.slow
@pytest.mark.parametrize("network", [TWO_LAYER, CUSTOM])
def test_all_equal_the_dense_computation(network: Any) -> None:
    found = observe_run(network, SCALARS, (X, Y), stored(network), CLOCK, ["alpha", "seed"])
    expected = [dense(network, one) for one in snapshots(network)]
    for name in ("train-loss", "gradient-norm", "sharpness", "hessian-trace", "kernel-top"):
        np.testing.assert_allclose(found[name], [one[name] for one in expected], rtol=1e-10, err_msg=name)
    kernels = [one["kernel"] for one in expected]
    cosines = [(one * kernels[0]).sum() / np.linalg.norm(one) / np.linalg.norm(kernels[0]) for one in kernels]
    np.testing.assert_allclose(found["kernel-distance"], 1 - np.array(cosines), atol=1e-14)
    speeds = [
        np.linalg.norm(now - before) / np.linalg.norm(before) / since
        for before, now, since in zip(kernels, kernels[1:], np.diff(CLOCK), strict=False)
    ]
    np.testing.assert_allclose(found["kernel-velocity"], [np.nan, *speeds], rtol=1e-10)


@pytest.mark.parametrize("network", [TWO_LAYER, CUSTOM])
def test_blocks_of_weights(network: Any) -> None:
    weights = stored(network)
    found = observe_run(network, ("norm", "relative-distance"), (X, Y), weights, CLOCK, ["alpha", "seed"])
    assert set(found) == {f"{one}.{block}" for one in ("norm", "relative-distance") for block in weights}
    for name, values in weights.items():
        sizes = [np.linalg.norm(one) for one in values]
        moved = [np.linalg.norm(one - values[0]) for one in values]
        np.testing.assert_allclose(found[f"norm.{name}"], sizes, rtol=1e-12)
        apart = np.divide(moved, sizes[0]) if sizes[0] else np.full(3, np.nan)  # biases start at 0
        np.testing.assert_allclose(found[f"relative-distance.{name}"], apart, rtol=1e-12)


def test_inactive_share() -> None:
    weights = stored(TWO_LAYER)
    found = observe_run(TWO_LAYER, ("inactive-share",), (X, Y), weights, CLOCK, ["alpha", "seed"])
    shares = [(X @ one.T <= 0).mean() for one in weights["input_weight"]]
    np.testing.assert_allclose(found["inactive-share"], shares, rtol=1e-12)
    assert OBSERVABLES["inactive-share"].why_not(TWO_LAYER, 72) == ""
    assert "two-layer networks" in OBSERVABLES["inactive-share"].why_not(CUSTOM, 98)


@pytest.mark.slow
def test_weights_of_float32_are_measured_in_float64() -> None:
    weights, samples = stored(TWO_LAYER, "float32"), (X.astype("float32"), Y.astype("float32"))
    found = observe_run(TWO_LAYER, SCALARS, samples, weights, CLOCK, ["alpha", "seed"])
    with jax.enable_x64(True):
        tree = type(snapshots(TWO_LAYER)[0])(
            *(jnp.asarray(weights[name][1], "float64") for name in ("output_weight", "input_weight"))
        )
    expected = dense(TWO_LAYER, tree, *(one.astype(float) for one in samples))
    for name in ("train-loss", "gradient-norm", "sharpness", "hessian-trace", "kernel-top"):
        assert found[name][1] == pytest.approx(expected[name], rel=1e-10), name


@pytest.mark.slow
@pytest.mark.parametrize("network", [TWO_LAYER, CUSTOM])
def test_the_functions_in_float32(network: Any) -> None:
    first, now, _ = ([jnp.asarray(leaf, "float32") for leaf in jax.tree.leaves(one)] for one in snapshots(network))
    tree = jax.tree.structure(snapshots(network)[0])
    first, now = (jax.tree.unflatten(tree, one) for one in (first, now))
    data = Data(jnp.asarray(X, "float32"), jnp.asarray(Y, "float32"))
    moment = Moment(network, data, now, first, first, jnp.ones((), "float32"))
    expected = dense(network, snapshots(network)[1])
    names = ("train-loss", "gradient-norm", "sharpness", "hessian-trace", "kernel-top")
    measure = jax.jit(lambda at: {name: OBSERVABLES[name].measure(moment._replace(weights=at)) for name in names})
    found = measure(now)
    assert {one.dtype.name for one in found.values()} == {"float32"}
    for name in names:
        assert float(found[name]) == pytest.approx(expected[name], rel=1e-4), name


@pytest.mark.slow
def test_a_run_that_ended_or_diverged_has_no_numbers_there() -> None:
    weights = stored(TWO_LAYER)
    whole = observe_run(TWO_LAYER, ("sharpness", "norm"), (X, Y), weights, CLOCK, ["alpha", "seed"])
    weights["output_weight"][2] = np.nan
    weights["input_weight"][1, 0, 0] = 1e200
    found = observe_run(TWO_LAYER, ("sharpness", "norm"), (X, Y), weights, CLOCK, ["alpha", "seed"])
    for name, values in found.items():
        assert np.isnan(values[1:]).all()
        assert values[0] == whole[name][0]
    weights["output_weight"][:] = np.nan
    nothing = observe_run(TWO_LAYER, ("sharpness", "norm"), (X, Y), weights, CLOCK, ["alpha", "seed"])
    assert set(nothing) == set(whole)
    assert all(np.isnan(values).all() for values in nothing.values())


@pytest.mark.slow
def test_the_kernel_of_many_inputs_is_that_of_probes() -> None:
    x = np.random.default_rng(0).normal(size=(kernel.MAX_PROBES + 44, 5))
    y = np.sin(x[:, 0])
    chosen = kernel.probes(y.size)
    assert (chosen[0], chosen[-1], np.unique(chosen).size) == (0, y.size - 1, kernel.MAX_PROBES)
    found = observe_run(TWO_LAYER, ("kernel-top",), (x, y), stored(TWO_LAYER), CLOCK, ["alpha", "seed"])
    expected = dense(TWO_LAYER, snapshots(TWO_LAYER)[2], x[chosen], y[chosen])["kernel-top"]
    assert found["kernel-top"][2] == pytest.approx(expected, rel=1e-10)
