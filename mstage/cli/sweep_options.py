"""The options that describe a sweep, taken from the parameters that its parts declare.

All of them are text or yes/no: a value is read in one place, by its parameter, whether it was typed or lay in a file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mstage.spec.dynamics import DYNAMICS, Descent
from mstage.spec.models import MODELS
from mstage.spec.parameters import Choice, Flag, Number, Parameter, declared
from mstage.spec.problems import BuiltIn, Table
from mstage.spec.recording import Recording
from mstage.spec.sweep import Sweep, sweep_parameters
from mstage.spec.text import spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBLEM = "What is learnt"
AXES = "Axes: each 1 or 1,2 or 0.5:1.5:5, five even steps (in log with :log behind)"
NETWORK = "What learns, and how"
END = "How long: one of --until and --steps"
RECORD = "What is kept"

Command = TypeVar("Command", bound=Callable[..., int])


def with_sweep_options(command: Command) -> Command:
    """Give a command that takes `**values` an option for every key of a sweep."""
    return _with_options(command, [*_problem(), *_network(tuple(DYNAMICS.values())), *_run()])


def with_theory_options(command: Command) -> Command:
    """Give a command that takes `**values` the options that theory asks for."""
    return _with_options(command, [*_problem(), *_network((Descent,))])


def _with_options(command: Command, options: list[inspect.Parameter]) -> Command:
    signature = inspect.signature(command, eval_str=True)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    arguments = [one for one in own if one.default is one.empty or _is_argument(one)]
    behind = [one for one in own if one not in arguments]
    command.__signature__ = signature.replace(parameters=arguments + options + behind)  # type: ignore[attr-defined]
    return command


def _is_argument(one: inspect.Parameter) -> bool:
    marks = getattr(one.annotation, "__metadata__", ())
    return any(isinstance(mark, typer.models.ArgumentInfo) for mark in marks)


def _problem() -> Iterator[inspect.Parameter]:
    yield from _options(PROBLEM, BuiltIn, Table)


def _network(dynamics: tuple[type, ...]) -> Iterator[inspect.Parameter]:
    yield _option(
        "model", NETWORK, "NAME",
        f"{', '.join(MODELS)}. Options may stand behind, as in mlp:depth=3. [default: {next(iter(MODELS))}]",
    )  # fmt: skip
    yield from _options(NETWORK, *MODELS.values())
    yield _option(
        "dynamics", NETWORK, "NAME",
        f"{' in steps, or gradient '.join(DYNAMICS)} in continuous time. [default: {next(iter(DYNAMICS))}]",
    )  # fmt: skip
    yield from _options(NETWORK, *dynamics)


def _run() -> Iterator[inspect.Parameter]:
    yield _option("seeds", AXES, "N", "Number of seeds: 0 to N - 1.")
    yield from _options(END, Sweep)
    yield from _options(RECORD, Recording)


def _options(panel: str, *owners: type) -> Iterator[inspect.Parameter]:
    """An option for each parameter of some dataclasses; what two of them share is one option."""
    seen: set[str] = set()
    for owner in owners:
        for key, known in declared(owner).items():
            if key not in seen:
                seen.add(key)
                yield _parameter_option(key, known, panel)


def _parameter_option(key: str, known: Parameter[Any, Any], panel: str) -> inspect.Parameter:
    if isinstance(known, Number) and known.is_axis:
        panel = AXES
    elif isinstance(known, Choice):
        panel = NETWORK
    default = known.shown_default()
    text = known.help + (f" [default: {default}]" if default else "")
    return _option(key, panel, known.metavar, text, is_flag=isinstance(known, Flag))


def _option(key: str, panel: str, metavar: str | None, text: str, *, is_flag: bool = False) -> inspect.Parameter:
    name = spelled(key)
    names = (f"--{name}/--no-{name}",) if is_flag else (f"--{name}",)
    mark = typer.Option(*names, rich_help_panel=panel, metavar=metavar, help=text)
    kind: Any = Annotated[(bool if is_flag else str) | None, mark]
    return inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kind)


def list_keys() -> set[str]:
    """Keys whose option takes several values."""
    return {key for key, known in sweep_parameters().items() if known.may_list}
