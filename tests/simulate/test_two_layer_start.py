"""How two-layer networks start: one scale or two, and in pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mstage.errors import UsageError
from mstage.simulate.models.built_in import network_of
from mstage.simulate.models.two_layer_loss import Weights
from mstage.spec import Sweep, TwoLayer


def started(model: TwoLayer, width: int, **scales: float) -> Weights:
    with jax.enable_x64(True):
        network = network_of(model, {"width": width}, 3, "float64")
        weights = network.init(jax.random.PRNGKey(4), {name: jnp.float64(value) for name, value in scales.items()})
        return Weights(*map(np.asarray, weights))


def test_the_output_weights_may_have_a_scale_of_their_own() -> None:
    one, same = started(TwoLayer(), 30, alpha=0.8), started(TwoLayer(), 30, alpha=0.8, alpha_output=0.8)
    for mine, other in zip(one, same, strict=True):
        np.testing.assert_array_equal(mine, other)
    two = started(TwoLayer(), 30, alpha=0.8, alpha_output=0.3)
    np.testing.assert_array_equal(two.input_weight, one.input_weight)
    np.testing.assert_allclose(two.output_weight, one.output_weight * 30**0.5, rtol=1e-14)


def test_an_antisymmetric_start_is_of_pairs_and_computes_nothing() -> None:
    model = TwoLayer(antisymmetric=True)
    output, inputs = started(model, 30, alpha=0.2)
    plain = started(TwoLayer(), 30, alpha=0.2)
    np.testing.assert_array_equal(output, [*plain.output_weight[:15], *-plain.output_weight[:15]])
    np.testing.assert_array_equal(inputs, [*plain.input_weight[:15], *plain.input_weight[:15]])
    x = np.random.default_rng(0).normal(size=(9, 3))
    with jax.enable_x64(True):
        network = network_of(model, {"width": 30}, 3, "float64")
        values = network.outputs(Weights(jnp.asarray(output), jnp.asarray(inputs)), jnp.asarray(x))
    np.testing.assert_allclose(values, 0, atol=1e-14)


def test_an_odd_width_has_no_pairs() -> None:
    with pytest.raises(UsageError, match=r"width 41: has to be even for an antisymmetric start.*take 42"):
        TwoLayer(width=(40, 41), antisymmetric=True)


def test_scales_that_are_not_given_leave_no_trace() -> None:
    """A store without them holds what it always held."""
    sweep = Sweep(TwoLayer(), steps=1)
    assert not {"alpha_output", "antisymmetric"} & sweep.to_dict().keys()
    assert "alpha_output" not in sweep.axes
    given = Sweep(TwoLayer(alpha_output=(1, 2), antisymmetric=True), steps=1)
    assert given.axes["alpha_output"] == (1.0, 2.0)
    assert Sweep.from_dict(given.to_dict()) == given


def test_output_weights_that_are_0_in_a_dtype_are_refused() -> None:
    with pytest.raises(UsageError, match=r"alpha_output 20 at width 400.* are 0 in float32"):
        Sweep(TwoLayer(alpha_output=20), dtype="float32", steps=1)
