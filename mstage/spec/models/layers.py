"""What do networks of several layers share? Their width and depth, what a neuron computes, how weights start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mstage.errors import UsageError, shown, unknown_name
from mstage.spec.parameters import Choice, Flag, Number
from mstage.spec.text import name_and_options, one_number

ACTIVATIONS = ("tanh", "jax-tanh", "shifted-tanh", "relu", "leaky-relu", "gelu", "sin", "square", "identity")
LEAKY, LEAK = "leaky-relu", 0.5  # its slope below 0 where none is given


def activation_parts(text: str) -> tuple[str, float]:
    """The name of an activation, and its slope below 0 where it is the leaky one.

    Raises:
        UsageError: There is none of that name, or what stands behind it makes no sense.
    """
    name, options = name_and_options("activation", text, f"{LEAKY}:slope=0.1")
    if name not in ACTIVATIONS:
        raise UsageError(unknown_name("activation", name, ACTIVATIONS))
    own = ["slope"] if name == LEAKY else []
    for key in options:
        if key not in own:
            has = f"{name} has {'the option slope alone' if own else 'no options'}"
            raise UsageError(f"activation {name}: unknown option `{shown(key)}`; {has}")
    slope = one_number("slope", options.get("slope", LEAK), float)
    if not -1 <= slope <= 1:
        raise UsageError(f"activation {name}: slope {slope:g}: has to be from -1 to 1")
    return name, slope


@dataclass(frozen=True, kw_only=True)
class _Activation(Choice):
    """The name of an activation, of the leaky one with its slope behind it."""

    def checked(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or "," in value.partition(":")[0]:
            raise UsageError(unknown_name(name, str(value), self.known))
        found, slope = activation_parts(value)
        return f"{found}:slope={slope!r}" if found == LEAKY and slope != LEAK else found


ACTIVATION = _Activation(
    help=f"{', '.join(ACTIVATIONS)}. Below 0 leaky-relu has slope 1/2, or another as in leaky-relu:slope=0.1.",
    metavar="NAME", known=ACTIVATIONS, default="tanh",
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
SUBTRACT_START = Flag(
    help="Subtract what the network computes at step 0, so that f = 0 there; the start is kept as weights start_*.",
    only_if_set=True, default=False,
)  # fmt: skip
START = "start_"  # before the names of the weights that the subtracted network has


def layer_shapes(depth: int, width: int, inputs: int) -> dict[str, dict[str, int]]:
    """The weight matrices of a network of equally wide hidden layers, each with the sizes of its axes.

    Those between hidden layers are one array, so that names do not depend on the depth; there are none at depth 1.
    """
    neuron = {"neuron": width}
    hidden = {"hidden_weight": {"hidden_layer": depth - 1, **neuron, "previous_neuron": width}} if depth > 1 else {}
    return {"first_weight": neuron | {"dim": inputs}, **hidden, "last_weight": neuron}


def with_start(shapes: dict[str, dict[str, int]], is_subtracted: bool) -> dict[str, dict[str, int]]:
    """The shapes of weights, and of their start where that is kept beside them."""
    return shapes | {START + name: axes for name, axes in shapes.items()} if is_subtracted else shapes


def with_gain(normals: Any, gain: Any) -> Any:
    """Weights of standard deviation gain / sqrt(fan-in), from normals whose last axis is the fan-in."""
    return gain / math.sqrt(normals.shape[-1]) * normals
