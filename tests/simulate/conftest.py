"""Strict JAX where the numbers are made: an array's type changes where the code says so and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import optax
import pytest


@pytest.fixture(autouse=True)
def strict_promotion(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No type is promoted in silence, but in Optax: its Adam itself raises a float to the power of an integer."""
    support = optax.with_extra_args_support

    def by_its_own_rules(rule: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
        rule = support(rule)

        def update(*args: Any, **extra: Any) -> Any:
            with jax.numpy_dtype_promotion("standard"):
                return rule.update(*args, **extra)

        return optax.GradientTransformationExtraArgs(rule.init, update)

    monkeypatch.setattr(optax, "with_extra_args_support", by_its_own_rules)
    with jax.numpy_dtype_promotion("strict"):
        yield
