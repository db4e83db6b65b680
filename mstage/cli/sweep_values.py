"""Which sweep a command line means: a sweep file, the options that win over it, a store to go on with."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mstage.errors import UsageError
from mstage.spec import Sweep, Table
from mstage.sweepfile import read_sweep_file, sweep_from_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Keys that take the place of one another: whoever gives one of them takes back the others.
_RIVALS = (
    ({"seed"}, {"seeds"}),
    ({"until"}, {"steps"}),
    ({"problem"}, {"data", "target", "features", "standardise", "intercept", "drop_missing"}),
)


def sweep_of(file: str | None, given: Mapping[str, Any]) -> Sweep:
    """The sweep of a sweep file and of options, which win over it.

    Args:
        file: A sweep file, or None.
        given: Options by the keys of a sweep file.

    Raises:
        UsageError: It makes no sense, or says not how long to train.
        InputError: The file cannot be read.
    """
    values, source = sweep_values(file, given)
    horizon = {"until", "steps"} & values.keys()
    sweep = sweep_from_dict(values if horizon else values | any_horizon(values), source)
    if not horizon:
        raise UsageError(_way_to_a_horizon(sweep))
    return sweep


def any_horizon(values: Mapping[str, Any]) -> dict[str, Any]:
    """A horizon that goes with some keys, for a sweep of which it does not matter."""
    return {"until": 1.0} if values.get("dynamics") == "flow" else {"steps": 1}


def resumed_sweep(path: Path, file: str | None, given: Mapping[str, Any]) -> Sweep:
    """The sweep in a store, if what is asked for besides does not contradict it.

    Args:
        path: The store.
        file: A sweep file, or None.
        given: Options by the keys of a sweep file.

    Raises:
        UsageError: Something contradicts it, or makes no sense.
        InputError: The store or the file cannot be read.
    """
    from mstage.store.reader import stored_sweep

    stored = stored_sweep(path)
    values, source = sweep_values(file, given)
    held = stored.to_dict()
    asked = sweep_from_dict(merged(held, values), source).to_dict()
    differing = [key for key in {**held, **asked} if held.get(key) != asked.get(key)]
    if differing:
        found, wanted = _shown(differing, held), _shown(differing, asked)
        raise UsageError(
            f"{path}: holds a sweep {f'with {found}, not with' if found else 'without'} {wanted}. "
            f"Go on with it by --resume --output {path} alone, or choose another --output."
        )
    return stored


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of keys, `over` winning, also where it names the same thing by another key."""
    taken_back: set[str] = set()
    for one, other in _RIVALS:
        taken_back |= other if one & over.keys() else set()
        taken_back |= one if other & over.keys() else set()
    return {key: value for key, value in base.items() if key not in taken_back} | dict(over)


def default_output(sweep: Sweep) -> Path:
    """A path in `runs/` that is free: the problem's name with a new number."""
    problem = sweep.problem
    name = Path(problem.path).stem if isinstance(problem, Table) else problem
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "table"
    paths = (Path("runs") / f"{name}-{number}" for number in count(1))
    return next(path for path in paths if not path.exists())


def sweep_values(file: str | None, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The keys of the file and the options, and what to call where they come from."""
    if file is None:
        return dict(given), "options"
    if _is_number(file):
        raise UsageError(f"`{file}` stands alone; write a list with commas and no spaces, as in --alpha 1,1.5")
    values = {key.replace("-", "_"): value for key, value in read_sweep_file(file).items()}
    return merged(values, given), f"{file} with the options" if given else file


def _way_to_a_horizon(sweep: Sweep) -> str:
    longest = 2 * max(sweep.width)  # plateaus grow with the width
    if sweep.dynamics == "flow":
        return f"say how long to train, with --until TIME; --until {longest} shows the first stages of most problems."
    if sweep.optimizer.is_gradient_descent:
        hint = f"--until {longest} shows the first stages of most problems at this width"
    else:
        hint = f"{sweep.optimizer} has no time; try --steps 10000"
    return f"say how long to train, with --until TIME (learning rate x step) or --steps N; {hint}."


def _shown(keys: Sequence[str], values: Mapping[str, Any]) -> str:
    """`until 20 and width 20,40`: those of the keys that have a value."""
    named = {key: values[key] if isinstance(values[key], list) else [values[key]] for key in keys if key in values}
    texts = [
        f"{key.replace('_', '-')} {','.join(f'{one:.10g}' if isinstance(one, float) else str(one) for one in value)}"
        for key, value in named.items()
    ]
    return " and ".join(texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
