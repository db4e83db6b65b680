"""What may be set: the parameters of a model, a problem, a dynamics and a sweep, each declared where its value lives.

A parameter is a descriptor on a frozen dataclass: it checks what the field is given and holds it in its plain form.
From its description come the options of the command line, the keys of a sweep file, the plain values in a store and,
of numbers that may hold several values, the axes of every result.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Generic, TypeAlias, TypeVar, cast

from mstage.errors import UsageError, unknown_name
from mstage.spec.text import one_name, one_number, parse_axis, spelled

LEADING_AXES = ("alpha", "width", "seed", "learning_rate")  # in this order before all others
REQUIRED: Any = object()  # a default that is none

_Held = TypeVar("_Held")
_Given = TypeVar("_Given")


@dataclass(frozen=True, kw_only=True)
class Field(Generic[_Held, _Given]):
    """A field of a frozen dataclass that checks what it is given.

    Attributes:
        default: Its value if it is given none.
        name: Its name, known once its dataclass is made.
    """

    default: Any = REQUIRED
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)

    def __get__(self, instance: object | None, owner: type) -> _Held:
        if instance is not None:
            return cast("_Held", instance.__dict__[self.name])
        if self.default is REQUIRED:
            raise AttributeError(self.name)  # from which a dataclass knows that there is no default
        return cast("_Held", self.default)

    def __set__(self, instance: object, value: _Given) -> None:
        instance.__dict__[self.name] = self.checked(spelled(self.name), value)

    def checked(self, name: str, value: Any) -> Any:
        """A value as the field holds it.

        Raises:
            UsageError: It makes no sense.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Parameter(Field[_Held, _Given]):
    """A field that can be set from outside.

    Attributes:
        help: What it is, in a sentence for the help page.
        metavar: What stands for its value there.
        default_text: What its default is called there, where the value alone does not say it.
        key: Its name in sweep files and options, if that is not the field's.
    """

    help: str
    metavar: str | None
    default_text: str = ""
    key: str = ""

    @property
    def may_list(self) -> bool:
        """Whether it may hold several values."""
        return False

    def read(self, name: str, value: Any) -> Any:
        """A value from a command line or a sweep file.

        Raises:
            UsageError: It cannot be read; what it may be is left to `checked`.
        """
        return one_name(name, value)

    def from_text(self, text: str) -> Any:
        """What `read` takes, from text that was typed behind a name, as in `mlp:bias=true`."""
        return text

    def plain(self, value: Any) -> Any:
        """The value as TOML and JSON have it; None if it is left out."""
        return value

    def shown_default(self) -> str:
        """The default in a help page, empty if there is none."""
        return self.default_text or ("" if self.default in (None, REQUIRED) else str(self.default))


@dataclass(frozen=True, kw_only=True)
class Part(Field[Any, Any]):
    """A field that holds a dataclass with parameters of its own.

    Attributes:
        kinds: What it may be.
        expected: The same in words.
    """

    kinds: Collection[type]
    expected: str

    def checked(self, name: str, value: Any) -> Any:
        if not isinstance(value, tuple(self.kinds)):
            raise UsageError(f"{name} {value!r}: has to be {self.expected}")
        return value


Numbers: TypeAlias = Parameter[tuple[float, ...], float | Sequence[float]]  # an axis: one value or several
WholeNumbers: TypeAlias = Parameter[tuple[int, ...], int | Sequence[int]]
MaybeNumbers: TypeAlias = Parameter[tuple[float, ...] | None, float | Sequence[float] | None]
MaybeWholeNumbers: TypeAlias = Parameter[tuple[int, ...] | None, int | Sequence[int] | None]
Maybe: TypeAlias = Parameter[_Held | None, _Held | None]
Plain: TypeAlias = Parameter[_Held, _Held]


@dataclass(frozen=True, kw_only=True)
class Number(Parameter[Any, Any]):
    """A number; or several, which make it an axis of every result.

    Attributes:
        whole: Whether it is a whole number.
        least: Smallest value, taken too unless `above` is set.
        most: Largest value, taken too.
        above: Whether it has to be larger than `least`.
        rule: What is expected, as it follows "has to be".
        meaning: What it is on an axis, as CF's `long_name`.
        is_axis: Whether it may hold several values.
        is_static: Whether each value is compiled on its own, as what gives arrays their shapes.
        only_varied: Whether a single value is a setting and no axis.
        optional: Whether it may be None.
    """

    whole: bool = False
    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    rule: str
    meaning: str = ""
    is_axis: bool = False
    is_static: bool = False
    only_varied: bool = False
    optional: bool = False

    def spans(self, values: tuple[Any, ...]) -> bool:
        """Whether some values are an axis of results."""
        return not self.only_varied or len(values) > 1

    @property
    def kind(self) -> type[int] | type[float]:
        """`int` or `float`."""
        return int if self.whole else float

    @property
    def may_list(self) -> bool:
        return self.is_axis

    def read(self, name: str, value: Any) -> Any:
        return (parse_axis if self.is_axis else one_number)(spelled(name), value, self.kind)

    def checked(self, name: str, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if not self.is_axis:
            return self._checked_one(name, value)
        values = value.tolist() if hasattr(value, "tolist") else value  # a NumPy array or number
        values = (values,) if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) else values
        expected = "whole numbers" if self.whole else "numbers"
        for one in values:
            if isinstance(one, bool) or not isinstance(one, Integral if self.whole else Real):
                raise UsageError(f"{name} {one!r}: expected {expected}")
        numbers = [self.kind(one) for one in values]
        if not numbers:
            raise UsageError(f"{name}: the list is empty; a sweep needs at least one value")
        if len(set(numbers)) < len(numbers):
            twice = next(one for one in numbers if numbers.count(one) > 1)
            raise UsageError(f"{name}: {twice} is given twice; give each value once")
        for one in numbers:
            if not math.isfinite(one):
                raise UsageError(f"{name} {one}: has to be finite")
        return tuple(self._checked_one(name, one) for one in numbers)

    def _checked_one(self, name: str, value: Any) -> float | int:
        is_number = isinstance(value, Integral if self.whole else Real) and not isinstance(value, bool)
        is_near = is_number and math.isfinite(value) and self.least <= value <= self.most
        if not is_near or (self.above and value == self.least):
            raise UsageError(f"{name} {value}: has to be {self.rule}")
        return self.kind(value)

    def plain(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        return value[0] if self.only_varied and len(value) == 1 else list(value)

    def shown_default(self) -> str:
        if self.default_text or self.default is None:
            return self.default_text
        return f"{self.default[0] if self.is_axis else self.default:g}"


@dataclass(frozen=True, kw_only=True)
class Choice(Parameter[Any, Any]):
    """One of some names."""

    known: Sequence[str]

    def checked(self, name: str, value: Any) -> Any:
        if value not in self.known:
            raise UsageError(unknown_name(name, str(value), self.known))
        return value


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter[Any, Any]):
    """Yes or no.

    Attributes:
        only_if_set: Whether files, stores and reports leave it out where it is its default.
    """

    metavar: str | None = None
    only_if_set: bool = False

    def from_text(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text.lower(), text)

    def read(self, name: str, value: Any) -> Any:
        if not isinstance(value, bool):
            raise UsageError(f"{spelled(name)} `{value}`: expected true or false")
        return value

    def checked(self, name: str, value: Any) -> Any:
        if not isinstance(value, bool):
            raise UsageError(f"{name} {value!r}: expected true or false")
        return value

    def plain(self, value: Any) -> Any:
        return None if self.only_if_set and value == self.default else value

    def shown_default(self) -> str:
        return "yes" if self.default else "no"


@dataclass(frozen=True, kw_only=True)
class Text(Parameter[Any, Any]):
    """A name of the user's own, as that of a file or a column."""

    def checked(self, name: str, value: Any) -> Any:
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(value, str) or not value:
            raise UsageError(f"{self.key or name} {value!r}: expected a name")
        return value


def declared(owner: Any) -> dict[str, Parameter[Any, Any]]:
    """The parameters of a dataclass or of one of its objects by their keys, as they stand there."""
    kind = owner if isinstance(owner, type) else type(owner)
    found = [inspect.getattr_static(kind, one.name, None) for one in fields(kind)]
    return {one.key or one.name: one for one in found if isinstance(one, Parameter)}


def plain_values(owner: Any) -> dict[str, Any]:
    """The parameters of an object as TOML and JSON have them, by key; those that are None are left out."""
    held = {key: (known, getattr(owner, known.name)) for key, known in declared(owner).items()}
    plain = {key: known.plain(value) for key, (known, value) in held.items() if value is not None}
    return {key: value for key, value in plain.items() if value is not None}


def numbers_of(*owners: Any) -> dict[str, tuple[Number, tuple[Any, ...]]]:
    """The numbers that may vary in what is held together, each with its values, in the order that all results have."""
    found = {}
    for owner in owners:
        for key, known in declared(owner).items():
            values = getattr(owner, known.name)
            if isinstance(known, Number) and known.is_axis and values is not None:
                found[key] = (known, values)
    return {name: found[name] for name in [*filter(found.__contains__, LEADING_AXES), *found]}


def read_parameters(owner: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a dataclass from keys of a sweep file; keys that are not among its own are left aside.

    Raises:
        UsageError: A value cannot be read.
    """
    return {known.name: known.read(key, values[key]) for key, known in declared(owner).items() if key in values}
