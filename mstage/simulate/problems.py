"""What is learnt: the built-in problems, and a user's own table, as plain arrays.

The built-in problems are small on purpose: their constants (the growth rate of the initial plateau, the best linear
fit, the sign of its cubic residual) are known, so that what is measured can be set beside what theory says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.spec import Problem, Table

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Dataset:
    """A training set.

    Attributes:
        name: The problem, or the file it was read from.
        input: x_i as the network sees them, shape (n, dim), float64; ends in a column of ones where the problem has an
            intercept.
        target: y_i, shape (n,), float64.
        input_names: What the columns of `input` are called.
        target_name: What the target is called.
        preparation: What was made of a table before it is learnt, in words; empty of a built-in problem.
    """

    name: str
    input: np.ndarray
    target: np.ndarray
    input_names: tuple[str, ...]
    target_name: str
    preparation: str = ""


def load_problem(problem: Problem) -> Dataset:
    """The training set of a problem.

    Args:
        problem: A built-in problem or a table.

    Raises:
        InputError: The table cannot be read or does not hold numbers to learn from.
        UsageError: The table has no such column.
    """
    if isinstance(problem, Table):
        from mstage.simulate.tables import read_table  # pandas is wanted for tables alone

        table = read_table(problem)
        return Dataset(problem.path, table.input, table.target, table.input_names, problem.target, table.preparation)
    return _BUILT_IN[problem.name](problem.name)


def too_large_batch(size: int, name: str, samples: int) -> str:
    """One line for batches that a training set is too small for."""
    return f"batch-size {size}: {name} has {samples} samples; take at most that"


def _on_a_line(name: str, x: np.ndarray, y: np.ndarray) -> Dataset:
    return Dataset(name, np.stack([x, np.ones_like(x)], axis=1), y, ("x", "1"), "y")


def _cub1d(name: str) -> Dataset:
    """A smooth step on a line, with a strong cubic part: the secondary plateau is long and is left at once."""
    x = 1.5 * np.linspace(-1, 1, 40)
    return _on_a_line(name, x, np.tanh(3 * x - 1) - 0.5 * np.tanh(2 * x + 2) + 0.3)


def _sin1d(name: str) -> Dataset:
    """A sine on a line."""
    x = np.linspace(-1, 1, 40)
    return _on_a_line(name, x, np.sin(2.5 * x + 0.5) + 0.5 * x)


def _gauss5(name: str) -> Dataset:
    """Two neurons in five Gaussian dimensions, no intercept."""
    x = np.random.RandomState(0).randn(40, 5)
    y = np.tanh(2 * x[:, 0] + x[:, 1]) - np.tanh(x[:, 2] - x[:, 0])
    return Dataset(name, x, y, tuple(f"x{k}" for k in range(5)), "y")


def _condense5(name: str) -> Dataset:
    """The five-dimensional problem of initial condensation, f(x) = sum_k 3.5 sin(5 x_k + 1) on [-4, 2]^5.

    References:
        Zhang, Xu et al., dlphenomena/condensation, initial_condense.ipynb (there with width 50, standard deviation
        width^-2 and Adam at 1e-5).
    """
    x = np.random.RandomState(0).uniform(-4, 2, (80, 5))
    inputs = np.concatenate([x, np.ones((80, 1))], axis=1)
    return Dataset(name, inputs, 3.5 * np.sin(5 * x + 1).sum(axis=1), (*(f"x{k}" for k in range(5)), "1"), "y")


_BUILT_IN: dict[str, Callable[[str], Dataset]] = {
    "cub1d": _cub1d,
    "sin1d": _sin1d,
    "gauss5": _gauss5,
    "condense5": _condense5,
}
