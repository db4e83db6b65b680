"""Networks that bring nothing but their initial parameters and their outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from mstage.simulate.models.two_layer import TwoLayerNetwork


@dataclass(frozen=True)
class Product:
    """f(x) = u v x, two parameters of size e^-alpha."""

    def init(self, key: jax.Array, scales: Any) -> dict[str, jax.Array]:
        normal = jax.random.normal(key, (2,), "float64")
        scale = jnp.exp(-scales["alpha"])
        return {"u": scale * normal[0], "v": scale * normal[1]}

    def outputs(self, params: dict[str, jax.Array], inputs: jax.Array) -> jax.Array:
        return params["u"] * params["v"] * inputs[:, 0]


@dataclass(frozen=True)
class Perceptron:
    """Two hidden layers of tanh, weights of size width^-alpha, biases that start at 0."""

    width: int
    dim: int

    def init(self, key: jax.Array, scales: Any) -> dict[str, Any]:
        keys, scale = jax.random.split(key, 3), jnp.exp(-scales["alpha"] * jnp.log(jnp.float64(self.width)))
        shapes = ((self.width, self.dim), (self.width, self.width))
        layers = [
            {"weight": scale * jax.random.normal(one, shape, "float64"), "bias": jnp.zeros(shape[0], "float64")}
            for one, shape in zip(keys[:2], shapes, strict=True)
        ]
        return {"layers": layers, "readout": scale * jax.random.normal(keys[2], (self.width,), "float64")}

    def outputs(self, params: dict[str, Any], inputs: jax.Array) -> jax.Array:
        hidden = inputs.T
        for layer in params["layers"]:
            hidden = jnp.tanh(layer["weight"] @ hidden + layer["bias"][:, None])
        return params["readout"] @ hidden


@dataclass(frozen=True)
class PlainTwoLayer:
    """A two-layer network without the loss and the linearisation that it has of its own."""

    own: TwoLayerNetwork

    def init(self, key: jax.Array, scales: Any) -> Any:
        return self.own.init(key, scales)

    def outputs(self, params: Any, inputs: jax.Array) -> jax.Array:
        return self.own.outputs(params, inputs)
