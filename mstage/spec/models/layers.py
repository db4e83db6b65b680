"""What do networks of several layers share? Their width and depth, what a neuron computes, how weights start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mstage.spec.parameters import Choice, Number

ACTIVATIONS = ("tanh", "jax-tanh", "shifted-tanh", "relu", "leaky-relu", "gelu", "sin", "identity")

ACTIVATION = Choice(
    help=f"{', '.join(ACTIVATIONS)}. Below 0 leaky-relu has slope 1/2.", metavar="NAME", known=ACTIVATIONS,
    default="tanh",
)  # fmt: skip
WIDTH = Number(
    help="Hidden neurons.", metavar="M", meaning="hidden neurons", is_axis=True, is_static=True, whole=True,
    least=1, most=2**31 - 1, rule="from 1 to 2^31 - 1", default=(400,),
)  # fmt: skip
DEPTH = Number(
    help="Hidden layers, each of `width` neurons.", metavar="L", meaning="hidden layers", is_axis=True, is_static=True,
    whole=True, least=1, most=100, rule="from 1 to 100", default=(2,),
)  # fmt: skip
GAIN_RULE: Mapping[str, Any] = {
    "metavar": "G", "is_axis": True, "least": 1e-30, "most": 1e6, "rule": "from 1e-30 to 1e6",
}  # fmt: skip
# A small start by default: it shows plateaus, and at the default width and learning rate a gain of 1 diverges.
GAIN = Number(
    help="Gain: weights of a layer have standard deviation gain / sqrt(fan-in); sqrt(2) is He's.",
    meaning="gain: weights of a layer have standard deviation gain / sqrt(fan-in)", default=(0.1,), **GAIN_RULE,
)  # fmt: skip
OUTPUT_GAIN = Number(
    help="Gain of the last layer, if it has one of its own.", meaning="gain of the last layer",
    default_text="that of the others", optional=True, default=None, **GAIN_RULE,
)  # fmt: skip


def layer_shapes(depth: int, width: int, inputs: int) -> dict[str, dict[str, int]]:
    """The weight matrices of a network of equally wide hidden layers, each with the sizes of its axes.

    Those between hidden layers are one array, so that names do not depend on the depth; there are none at depth 1.
    """
    neuron = {"neuron": width}
    hidden = {"hidden_weight": {"hidden_layer": depth - 1, **neuron, "previous_neuron": width}} if depth > 1 else {}
    return {"first_weight": neuron | {"dim": inputs}, **hidden, "last_weight": neuron}


def with_gain(normals: Any, gain: Any) -> Any:
    """Weights of standard deviation gain / sqrt(fan-in), from normals whose last axis is the fan-in."""
    return gain / math.sqrt(normals.shape[-1]) * normals
