"""How a network moves in steps: Optax optimizers by name.

The learning rate is traced, so that runs of different learning rates share one program.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mstage.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from jax.tree_util import PyTreeDef
    from jax.typing import ArrayLike

    from mstage.spec import Optimizer


@lru_cache(maxsize=1)
def optimizer_names() -> tuple[str, ...]:
    """Names of the Optax optimizers that can be had: those that take a learning rate and need gradients alone."""
    found = []
    for name, member in vars(optax).items():
        if name.startswith("_") or inspect.isclass(member) or not callable(member):
            continue
        try:
            parameters = inspect.signature(member).parameters
        except (TypeError, ValueError):
            continue
        required = [p for p in parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        if "learning_rate" in parameters and {p.name for p in required} <= {"learning_rate"}:
            found.append(name)
    return tuple(sorted(found))


def transformation(optimizer: Optimizer, learning_rate: ArrayLike) -> optax.GradientTransformationExtraArgs:
    """The Optax optimizer at a learning rate, which may be traced."""
    make = getattr(optax, optimizer.name)
    return optax.with_extra_args_support(make(learning_rate=learning_rate, **optimizer.options))


def check_optimizer(optimizer: Optimizer) -> None:
    """Refuse an optimizer that does not exist or does not take its options.

    The shapes of one update are worked out, nothing is computed; so an option of the wrong kind shows here and not in
    the middle of a sweep.

    Raises:
        UsageError: Its name or an option is unknown, or a value makes no sense to it.
    """
    names = optimizer_names()
    if optimizer.name not in names:
        raise UsageError(unknown_name("optimizer", optimizer.name, names))
    known = set(inspect.signature(getattr(optax, optimizer.name)).parameters) - {"learning_rate"}
    for key in optimizer.options:
        if key == "learning_rate":
            raise UsageError(f"optimizer {optimizer}: the learning rate is an axis of its own; give --learning-rate")
        if key not in known:
            raise UsageError(f"optimizer {optimizer.name}: {unknown_name('option', key, known)}")

    def update(learning_rate: jax.Array, weights: jax.Array) -> tuple[optax.Updates, optax.OptState, optax.OptState]:
        rule = transformation(optimizer, learning_rate)
        state = rule.init(weights)
        extra = {"value": jnp.sum(weights), "grad": weights, "value_fn": jnp.sum}
        updates, after = rule.update(weights, state, weights, **extra)
        return updates, state, after

    try:
        weights = jax.ShapeDtypeStruct((2, 3), np.float32)
        _, before, after = jax.eval_shape(update, jax.ShapeDtypeStruct((), np.float32), weights)
    except Exception as error:  # whatever Optax raises of its options: there is no list of it
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"optimizer {optimizer}: Optax refuses it ({reason[0][:200]})") from error
    structures: list[PyTreeDef] = [jax.tree.structure(state) for state in (before, after)]
    if structures[0] != structures[1]:
        raise UsageError(f"optimizer {optimizer}: its state changes shape from step to step and cannot be compiled")
