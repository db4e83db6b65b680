"""What is learnt: a built-in problem by its name, a table of the user's own, or arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mstage.errors import UsageError, shown, unknown_name
from mstage.spec.parameters import Flag, Parameter, Part, Plain, Text
from mstage.spec.text import one_name

if TYPE_CHECKING:
    from mstage.training_set import TrainingSet

PROBLEMS = ("cub1d", "sin1d", "gauss5", "condense5")


@dataclass(frozen=True, kw_only=True)
class _ProblemName(Parameter[Any, Any]):
    """The name of a built-in problem."""

    def checked(self, name: str, value: Any) -> Any:
        if value not in PROBLEMS:
            raise UsageError(f"{unknown_name(self.key or name, str(value), PROBLEMS)} For a table, give --data FILE.")
        return value


@dataclass(frozen=True, kw_only=True)
class _Features(Parameter[Any, Any]):
    """Names of columns; None for all that are not the target."""

    @property
    def may_list(self) -> bool:
        return True

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if not isinstance(value, (list, tuple)):
            raise UsageError(f"{name} `{value}`: expected names, as A,B or a list")
        return tuple(one_name(name, part) for part in value)

    def checked(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        names = (value,) if isinstance(value, str) else tuple(value)
        for one in names:
            if not isinstance(one, str) or not one:
                raise UsageError(f"{name} {one!r}: expected a name")
        return names

    def plain(self, value: Any) -> list[str]:
        return list(value)


@dataclass(frozen=True)
class BuiltIn:
    """A built-in problem.

    Raises:
        UsageError: There is none of that name.
    """

    name: Plain[str] = _ProblemName(
        help=f"{', '.join(PROBLEMS)}.", metavar="NAME", key="problem", default="cub1d",
    )  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A user's own table as the problem.

    Attributes:
        path: CSV, TSV, Parquet or npz file.
        target: Column to predict.
        features: Columns to predict it from; every other column when None.
        standardise: Whether each column is shifted to mean 0 and scaled to standard deviation 1.
        intercept: Whether a column of ones is appended to the features.
        drop_missing: Whether rows with missing values are left out instead of refused.

    Raises:
        UsageError: The target is among the features, or a feature is named twice.
    """

    path: Parameter[str, str | os.PathLike[str]] = Text(
        help="Your own table: CSV, TSV, Parquet or npz.", metavar="FILE", key="data",
    )  # fmt: skip
    target: Plain[str] = Text(help="Column of the table to predict.", metavar="COLUMN")
    features: Parameter[tuple[str, ...] | None, Sequence[str] | None] = _Features(
        help="Columns to predict it from.", metavar="A,B", default_text="all others", default=None,
    )  # fmt: skip
    standardise: Plain[bool] = Flag(
        help="Shift and scale columns to mean 0 and deviation 1.", default=True,
    )  # fmt: skip
    intercept: Plain[bool] = Flag(
        help="Append a column of ones.", default=True,
    )  # fmt: skip
    drop_missing: Plain[bool] = Flag(
        help="Leave rows with missing values out instead of refusing them.", default=False,
    )  # fmt: skip

    def __post_init__(self) -> None:
        features = self.features or ()
        if self.features == ():
            raise UsageError(f"{self.path}: the list of features is empty; leave it out to take every other column")
        if self.target in features:
            raise UsageError(
                f"{self.path}: the target `{self.target}` is among the features, which would tell the answer; "
                f"leave it out of --features"
            )
        if len(set(features)) < len(features):
            twice = next(name for name in features if features.count(name) > 1)
            raise UsageError(f"{self.path}: feature `{twice}` is given twice; give each column once in --features")


Problem: TypeAlias = "BuiltIn | Table | TrainingSet"


def problem_of(value: Any) -> Problem | None:
    """The problem that a value stands for: itself, a built-in one by its name, or arrays `(inputs, target)`.

    Raises:
        UsageError: There is no built-in problem of that name, or nothing can be learnt from the arrays.
    """
    if isinstance(value, str):
        return BuiltIn(value)
    if isinstance(value, BuiltIn | Table):
        return value
    from mstage.training_set import TrainingSet, training_set  # takes NumPy, which a help page does without

    if isinstance(value, tuple | list) and len(value) == 2:
        return training_set(*value)
    return value if isinstance(value, TrainingSet) else None


@dataclass(frozen=True, kw_only=True)
class ProblemPart(Part):
    """The problem, which may be given by its name or as arrays."""

    def checked(self, name: str, value: Any) -> Any:
        problem = problem_of(value)
        if problem is None:
            raise UsageError(f"{name} {shown(value)}: has to be {self.expected}")
        return problem
