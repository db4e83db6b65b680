"""What does the trainer need of a network? Its initial parameters and its outputs; all else follows by JAX.

What follows is the squared loss with its gradient, which descent needs, and the Jacobian of the residuals, which the
gradient flow needs. A model may bring a faster form of either.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax

from mstage.simulate.blocks import largest_block
from mstage.simulate.devices import tree_bytes
from mstage.simulate.models.linearisation import linearise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float, PRNGKeyArray, PyTree, Shaped

    from mstage.simulate.models.linearisation import Linearisation, Params, Shapes

    AnyArray: TypeAlias = Any  # of JAX within a compiled program, of NumPy outside it
    Scales: TypeAlias = Mapping[str, Shaped[jax.Array, ""]]  # the values of a run by the name of their axis

Array: TypeAlias = jax.Array


class Data(NamedTuple):
    """The training set or a batch of it.

    Attributes:
        inputs: x_i; samples of zeros may follow, where an objective asks for them.
        targets: y_i, likewise.
    """

    inputs: Float[AnyArray, "*runs samples dim"]
    targets: Float[AnyArray, "*runs samples"]


@runtime_checkable
class Network(Hashable, Protocol):
    """A family of functions f(params, x) of one static shape; equal networks share one compilation."""

    def init(self, key: PRNGKeyArray, scales: Scales) -> Params:
        """The initial parameters of one run: a named tree (a NamedTuple, a dictionary, ...) of arrays of one dtype.

        Args:
            key: Of the run's seed.
            scales: The run's values by the name of their axis, `alpha` among them; they are traced.
        """

    def outputs(self, params: Params, inputs: Float[Array, "samples dim"]) -> Float[Array, " samples"]:
        """f(x_i)."""


@runtime_checkable
class Objective(Hashable, Protocol):
    """The loss 1/(2n) sum_i (f(x_i) - y_i)^2 of a network over n samples."""

    def data(self, inputs: Float[AnyArray, "*runs samples dim"], targets: Float[AnyArray, "*runs samples"]) -> Data:
        """The samples as this objective takes them; arrays of NumPy stay that."""

    def loss(self, params: Params, data: Data) -> Float[Array, ""]:
        """The loss."""

    def loss_and_gradient(self, params: Params, data: Data) -> tuple[Float[Array, ""], Params]:
        """The loss and its gradient, a tree as the parameters."""

    def largest_block(self, params: Shapes, data: Data) -> int:
        """How many runs of such shapes fit into a core's cache."""

    def working_bytes(self, params: Shapes, data: Data) -> int:
        """Working memory of a gradient at such shapes, in bytes."""


@runtime_checkable
class HasObjective(Protocol):
    """A network that computes its loss and gradient in a way of its own."""

    def objective(self, samples: int, *, has_spare_cores: bool) -> Objective:
        """The loss over so many samples; `has_spare_cores` says that a device has more cores than one."""


@runtime_checkable
class HasLinearisation(Protocol):
    """A network that linearises its residuals in a way of its own."""

    def linearise(self, products: str, params: Params, data: Data) -> Linearisation:
        """The residuals f(x_i) - y_i at some parameters, with their Jacobian in products of the dtype `products`."""


@dataclass(frozen=True)
class SquaredLoss:
    """The objective of any network, by reverse mode; see `Objective`."""

    network: Network

    def data(self, inputs: Float[AnyArray, "*runs samples dim"], targets: Float[AnyArray, "*runs samples"]) -> Data:
        """The samples as they are."""
        return Data(inputs, targets)

    def loss(self, params: Params, data: Data) -> Float[Array, ""]:
        """The loss."""
        residual = self.network.outputs(params, data.inputs) - data.targets
        return residual @ residual / (2 * residual.shape[0])

    def loss_and_gradient(self, params: Params, data: Data) -> tuple[Float[Array, ""], Params]:
        """The loss and its gradient."""
        return jax.value_and_grad(self.loss)(params, data)

    def largest_block(self, params: Shapes, data: Data) -> int:
        """How many runs fit into the cache with their largest array."""
        return largest_block(max(self._array_bytes(params, data)))

    def working_bytes(self, params: Shapes, data: Data) -> int:
        """Bytes of all arrays on the way to a gradient."""
        return sum(self._array_bytes(params, data))

    def _array_bytes(self, params: Shapes, data: Data) -> list[int]:
        equations = jax.make_jaxpr(self.loss_and_gradient)(params, data).eqns
        return [tree_bytes(variable.aval) for equation in equations for variable in equation.outvars]


def blocks_by_name(params: PyTree[AnyArray]) -> dict[str, AnyArray]:
    """The blocks of parameters, or what stands for their shapes, by the names that a store has for them."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def objective_of(network: Network, samples: int, *, has_spare_cores: bool) -> Objective:
    """The loss of a network over so many samples: its own form of it, or that of JAX."""
    if isinstance(network, HasObjective):
        return network.objective(samples, has_spare_cores=has_spare_cores)
    return SquaredLoss(network)


def linearisation_of(network: Network, products: str, params: Params, data: Data) -> Linearisation:
    """The residuals of a network with their Jacobian: its own form of it, or that of JAX."""
    if isinstance(network, HasLinearisation):
        return network.linearise(products, params, data)
    return linearise(lambda at: network.outputs(at, data.inputs) - data.targets, products, params)
