"""The keys of a sweep file, and the parts of a sweep that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstage.errors import UsageError, shown, unknown_name
from mstage.spec.dynamics import DYNAMICS
from mstage.spec.models import MODELS
from mstage.spec.parameters import Parameter, declared, read_parameters
from mstage.spec.problems import BuiltIn, Problem, Table
from mstage.spec.recording import Recording
from mstage.spec.text import MAX_VALUES, name_and_options, one_name, one_number, spelled

FAMILIES: Mapping[str, Mapping[str, type]] = {"model": MODELS, "dynamics": DYNAMICS}  # the first is the default


def parameters_of_parts() -> dict[str, Parameter[Any, Any]]:
    """The parameters of all parts that a sweep may have, by key."""
    parts = (BuiltIn, Table, *MODELS.values(), *DYNAMICS.values(), Recording)
    return {key: known for part in parts for key, known in declared(part).items()}


def foreign_keys(values: Mapping[str, Any]) -> dict[str, str]:
    """Keys that belong to other models or dynamics than some values name -> the option that has them."""
    found: dict[str, list[str]] = {}
    for family, members in FAMILIES.items():
        chosen = values.get(family, next(iter(members)))
        own = declared(members[chosen]) if chosen in members else parameters_of_parts()
        for name, member in members.items():
            for key in declared(member):
                if key not in own:
                    found.setdefault(key, []).append(f"--{family} {name}")
    return {key: " or ".join(options) for key, options in found.items()}


def with_model_spelled_out(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys in which a model `name:option=value,...` is its name, and each of its options a key.

    The text of a model that is not built in stays as it is.

    Raises:
        UsageError: An option is none of the model's, or is given beside the name and behind it.
    """
    text = values.get("model")
    if not isinstance(text, str) or ":" not in text or text.partition(":")[0].strip() not in MODELS:
        return dict(values)
    name, options = name_and_options("model", text, "mlp:depth=3; several values are given as --depth 2,3")
    own = declared(MODELS[name])
    found = {"model": name}
    for option, value in options.items():
        key = option.replace("-", "_")
        if key not in own:
            raise UsageError(f"model {name}: {unknown_name('option', option, map(spelled, own))}")
        if {key, spelled(key)} & values.keys() or key in found:
            raise UsageError(f"`{spelled(key)}` is given twice, one of them behind the model's name; give it once")
        found[key] = own[key].from_text(value)
    return {**values, **found}


def parts_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a sweep, and its seeds if they are counted, from the keys of a file; other keys are left aside.

    Raises:
        UsageError: A value makes no sense, or belongs to another model or other dynamics.
    """
    parts: dict[str, Any] = {}
    chosen = {family: _member(family, values) for family in FAMILIES}
    for key, option in foreign_keys(values).items():
        if key in values:
            raise UsageError(
                f"{spelled(key)} `{shown(values[key])}`: belongs to {option}; leave it out, or give {option}"
            )
    for family, member in chosen.items():
        parts[family] = member(**read_parameters(member, values))
    parts["problem"] = _problem(values)
    parts["recording"] = Recording(**read_parameters(Recording, values))
    if "seeds" in values:
        if "seed" in values:
            raise UsageError("both `seed` and `seeds` are given; give the seeds themselves or their number")
        count = one_number("seeds", values["seeds"], int)
        if not 1 <= count <= MAX_VALUES:
            raise UsageError(f"seeds {count}: has to be from 1 to {MAX_VALUES}")
        parts["seed"] = tuple(range(count))
    return parts


def _problem(values: Mapping[str, Any]) -> Problem:
    if "data" not in values:
        others = [key for key in declared(Table) if key in values]
        if others:
            raise UsageError(f"`{spelled(others[0])}` belongs to a table; name it with --data FILE")
        return BuiltIn(**read_parameters(BuiltIn, values))
    if "problem" in values:
        raise UsageError("both `problem` and `data` are given; a sweep learns one of them")
    if "target" not in values:
        raise UsageError(f"data {values['data']}: say which column to predict with --target COLUMN")
    return Table(**read_parameters(Table, values))


def _member(family: str, values: Mapping[str, Any]) -> type:
    """The model or the dynamics that some values name, the first of its family if they name none."""
    members = FAMILIES[family]
    name = one_name(family, values.get(family, next(iter(members))))
    if name not in members:
        raise UsageError(unknown_name(family, name.partition(":")[0], members))
    return members[name]


def name_of(family: str, one: object) -> str:
    """The name of a model or of dynamics."""
    return next(name for name, member in FAMILIES[family].items() if member is type(one))
