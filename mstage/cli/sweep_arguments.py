"""Which sweep a command line means: a sweep file or a store, the options that win over it, a store to go on with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mstage.errors import UsageError
from mstage.spec import Flow, Sweep, Table
from mstage.spec.keys import foreign_keys, with_model_spelled_out
from mstage.spec.parameters import declared
from mstage.spec.sweep import ARRAYS
from mstage.spec.text import read_sweep_file, spelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mstage.training_set import TrainingSet

# Keys that replace one another: giving one of them drops the others.
_RIVALS = (
    ({"seed"}, {"seeds"}),
    ({"until"}, {"steps"}),
    ({"problem"}, set(declared(Table))),
    ({ARRAYS}, {"problem", *declared(Table)}),
)


@dataclass(frozen=True)
class Base:
    """The keys that options override.

    Attributes:
        name: A sweep file or a store, empty where options stand alone.
        values: Its keys.
        arrays: What a store learns, where that is arrays.
    """

    name: str
    values: Mapping[str, Any]
    arrays: TrainingSet | None = None

    def with_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Both sets of keys; options override."""
        return merged(self.values, given)

    def described(self, given: Mapping[str, Any]) -> str:
        """Where the keys come from, for errors."""
        return f"{self.name} with the options" if self.name and given else self.name or "options"


def base_of(file: str | None, like: str | None = None) -> Base:
    """The keys that the options of a command line override.

    Args:
        file: A sweep file, or None.
        like: A store, or None.

    Raises:
        UsageError: Both are given, or the file is a number that strayed from its list.
        InputError: It cannot be read.
    """
    if like is not None:
        if file is not None:
            raise UsageError(f"both {file} and --like {like} are given; a sweep begins with one of them")
        from mstage.store.reader import stored_sweep

        stored = stored_sweep(like)
        return Base(like, stored.to_dict(), stored.arrays)
    if file is None:
        return Base("", {})
    if _is_number(file):
        raise UsageError(f"`{file}` stands alone; write a list with commas and no spaces, as in --alpha 1,1.5")
    return Base(file, {key.replace("-", "_"): value for key, value in read_sweep_file(file).items()})


def sweep_of(base: Base, given: Mapping[str, Any]) -> Sweep:
    """The sweep of a sweep file or a store, overridden by options.

    Args:
        base: The keys that options override.
        given: Options by the keys of a sweep file.

    Raises:
        UsageError: It makes no sense, or says not how long to train.
    """
    values = base.with_options(given)
    horizon = {"until", "steps"} & values.keys()
    sweep = Sweep.from_dict(values if horizon else values | any_horizon(values), base.described(given), base.arrays)
    if not horizon:
        raise UsageError(_way_to_a_horizon(sweep))
    return sweep


def any_horizon(values: Mapping[str, Any]) -> dict[str, Any]:
    """A horizon that goes with some keys, for a sweep of which it does not matter."""
    return {"until": 1.0} if values.get("dynamics") == "flow" else {"steps": 1}


def resumed_sweep(path: Path, base: Base, given: Mapping[str, Any]) -> Sweep:
    """The sweep in a store, if what is asked for besides does not contradict it.

    Args:
        path: The store.
        base: The keys that options override.
        given: Options by the keys of a sweep file.

    Raises:
        UsageError: Something contradicts it, or makes no sense.
        InputError: The store cannot be read.
    """
    from mstage.store.reader import stored_sweep

    stored = stored_sweep(path)
    held = stored.to_dict()
    asked = Sweep.from_dict(merged(held, base.with_options(given)), base.described(given), stored.arrays).to_dict()
    differing = [key for key in {**held, **asked} if held.get(key) != asked.get(key)]
    if differing:
        found, wanted = _shown(differing, held), _shown(differing, asked)
        raise UsageError(
            f"{path}: holds a sweep {f'with {found}, not with' if found else 'without'} {wanted}. "
            f"Go on with it by --resume --output {path} alone, or choose another --output."
        )
    return stored


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of keys; `over` overrides, also where it sets the same thing by another key.

    Another model or other dynamics drop the keys that only the previous one has.

    Raises:
        UsageError: An option behind the name of a model is none of its own, or is given twice.
    """
    base, over = with_model_spelled_out(base), with_model_spelled_out(over)
    dropped = set(foreign_keys(over)) if {"model", "dynamics"} & over.keys() else set()
    for one, other in _RIVALS:
        dropped |= other if one & over.keys() else set()
        dropped |= one if other & over.keys() else set()
    return {key: value for key, value in base.items() if key not in dropped} | dict(over)


def default_output(sweep: Sweep) -> Path:
    """A path in `runs/` that is free: the problem's name with a new number."""
    problem = sweep.problem
    name = Path(problem.path).stem if isinstance(problem, Table) else problem.name
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "table"
    paths = (Path("runs") / f"{name}-{number}" for number in count(1))
    return next(path for path in paths if not path.exists())


def _way_to_a_horizon(sweep: Sweep) -> str:
    longest = 2 * int(max(sweep.axes.get("width", (400,))))  # plateaus grow with the width
    if isinstance(sweep.dynamics, Flow):
        return f"say how long to train, with --until TIME; --until {longest} shows the first stages of most problems."
    if sweep.has_time:
        hint = f"--until {longest} shows the first stages of most problems at this width"
    else:
        hint = f"{sweep.dynamics.optimizer} has no time; try --steps 10000"
    return f"say how long to train, with --until TIME (learning rate x step) or --steps N; {hint}."


def _shown(keys: Sequence[str], values: Mapping[str, Any]) -> str:
    """`until 20 and width 20,40`: those of the keys that have a value."""
    named = {key: values[key] if isinstance(values[key], list) else [values[key]] for key in keys if key in values}
    texts = [
        f"{spelled(key)} {','.join(f'{one:.10g}' if isinstance(one, float) else str(one) for one in value)}"
        for key, value in named.items()
    ]
    return " and ".join(texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
