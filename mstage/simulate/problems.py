"""What is learnt: the built-in problems, as plain arrays.

They are small on purpose: their constants (the growth rate of the initial plateau, the best linear fit, the sign of its
cubic residual) are known, so that what is measured can be set beside what theory says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.training_set import TrainingSet

if TYPE_CHECKING:
    from collections.abc import Callable


def load_problem(name: str) -> TrainingSet:
    """The training set of a built-in problem, one of `mstage.spec.PROBLEMS`."""
    return _BUILT_IN[name](name)


def too_large_batch(size: int, name: str, samples: int) -> str:
    """One line for batches that a training set is too small for."""
    return f"batch-size {size}: {name} has {samples} samples; take at most that"


def _on_a_line(name: str, x: np.ndarray, y: np.ndarray) -> TrainingSet:
    return TrainingSet(name, np.stack([x, np.ones_like(x)], axis=1), y, ("x", "1"), "y")


def _cub1d(name: str) -> TrainingSet:
    """A smooth step on a line, with a strong cubic part: the secondary plateau is long and is left at once."""
    x = 1.5 * np.linspace(-1, 1, 40)
    return _on_a_line(name, x, np.tanh(3 * x - 1) - 0.5 * np.tanh(2 * x + 2) + 0.3)


def _sin1d(name: str) -> TrainingSet:
    """A sine on a line."""
    x = np.linspace(-1, 1, 40)
    return _on_a_line(name, x, np.sin(2.5 * x + 0.5) + 0.5 * x)


def _gauss5(name: str) -> TrainingSet:
    """Two neurons in five Gaussian dimensions, no intercept."""
    x = np.random.RandomState(0).randn(40, 5)
    y = np.tanh(2 * x[:, 0] + x[:, 1]) - np.tanh(x[:, 2] - x[:, 0])
    return TrainingSet(name, x, y, tuple(f"x{k}" for k in range(5)), "y")


def _condense5(name: str) -> TrainingSet:
    """The five-dimensional problem of initial condensation, f(x) = sum_k 3.5 sin(5 x_k + 1) on [-4, 2]^5.

    References:
        Zhang, Xu et al., dlphenomena/condensation, initial_condense.ipynb (there with width 50, standard deviation
        width^-2 and Adam at 1e-5).
    """
    x = np.random.RandomState(0).uniform(-4, 2, (80, 5))
    inputs = np.concatenate([x, np.ones((80, 1))], axis=1)
    return TrainingSet(name, inputs, 3.5 * np.sin(5 * x + 1).sum(axis=1), (*(f"x{k}" for k in range(5)), "1"), "y")


_BUILT_IN: dict[str, Callable[[str], TrainingSet]] = {
    "cub1d": _cub1d,
    "sin1d": _sin1d,
    "gauss5": _gauss5,
    "condense5": _condense5,
}
