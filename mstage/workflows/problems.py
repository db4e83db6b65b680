"""The training set of a sweep: built in, read from a user's table, or ready."""

from __future__ import annotations

from mstage.simulate.problems import load_problem
from mstage.spec import Problem, Table
from mstage.training_set import TrainingSet


def training_set_of(problem: Problem) -> TrainingSet:
    """What the runs of a sweep learn.

    Args:
        problem: A built-in problem, a table, which is read now, or a training set.

    Raises:
        InputError: The table cannot be read or does not hold numbers to learn from.
        UsageError: The table has no such column.
    """
    if isinstance(problem, TrainingSet):
        return problem
    if isinstance(problem, Table):
        from mstage.readers.tables.table import read_table  # takes pandas, which built-in problems do without

        return read_table(problem)
    return load_problem(problem.name)
