"""Which network is trained: one dataclass a model, which lists its own parameters.

A new model is a file here and a line in `MODELS`: a frozen dataclass with `shapes`, `init` and `outputs`. Its
parameters are then options of `mstage train`, keys of a sweep file, axes, coordinates and columns. Its methods may ask
the arrays that they are given for their module, by `array.__array_namespace__()`; there is no need to import one. A
model with an `activation` is handed what that computes, by `outputs_through` in place of `outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from mstage.spec.models.diagonal import Diagonal
from mstage.spec.models.linear import Linear
from mstage.spec.models.mlp import MLP
from mstage.spec.models.two_layer import TwoLayer
from mstage.spec.parameters import Number, declared


@runtime_checkable
class Model(Protocol):
    """A family of networks with their parameters; those of its fields that may vary hold tuples."""

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:
        """Its weights by name, each with the sizes of its axes, at the first values of its static parameters.

        Args:
            inputs: How many numbers an input has.
        """

    def check_dtype(self, dtype: str) -> None:
        """Refuse values that make no sense in a `dtype`.

        Raises:
            UsageError: They make none.
        """


@runtime_checkable
class HasStart(Model, Protocol):
    """A model that says itself how its weights start."""

    def init(self, normals: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """The weights at the start of a run.

        Args:
            normals: Standard normals by the names of the weights and of their shapes.
            values: The run's values of the parameters that are not static, by name.
        """


@runtime_checkable
class HasOutputs(HasStart, Protocol):
    """A model that says itself what its network computes; a two-layer network has a fast form of its own instead."""

    def outputs(self, weights: Mapping[str, Any], inputs: Any) -> Any:
        """f(x_i), shape (n,), of inputs of shape (n, dim)."""


@runtime_checkable
class HasActivation(HasStart, Protocol):
    """A model that says what its network computes but for its activation, of which it holds the name.

    Attributes:
        activation: One of `layers.ACTIVATIONS`.
    """

    @property
    def activation(self) -> str: ...

    def outputs_through(self, sigma: Callable[[Any], Any], weights: Mapping[str, Any], inputs: Any) -> Any:
        """f(x_i), shape (n,), of inputs of shape (n, dim); sigma takes an array element by element."""


MODELS: dict[str, type[Model]] = {  # the first is the default
    "two-layer": TwoLayer,
    "mlp": MLP,
    "linear": Linear,
    "diagonal": Diagonal,
}

_Some = TypeVar("_Some", bound=Model)


def at_program(model: _Some, program: Mapping[str, float]) -> _Some:
    """The model of one program: each static parameter at one value, the others at their defaults, as runs have them.

    Args:
        model: A model, whose static parameters may hold several values.
        program: A value of each.
    """
    values = {
        known.name: program.get(key, known.default) if known.is_static else known.default
        for key, known in declared(model).items()
        if isinstance(known, Number) and known.is_axis
    }
    return replace(model, **values)  # type: ignore[type-var]  # models are dataclasses
