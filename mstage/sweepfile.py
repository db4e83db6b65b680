"""How a sweep is written down: the keys of a sweep file, and the axes as text.

A sweep file is TOML whose keys are the long options of `mstage train`; the same keys describe the sweep in a store.
Standard library only.
"""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mstage.errors import InputError, UsageError, printable, shown, unknown_name
from mstage.outside import read_file
from mstage.recording import Recording, whole_number
from mstage.spec import Optimizer, Sweep, Table
from mstage.spec_checks import no_descent

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 4 * 2**20  # of a sweep file; its parser is slow
AXES = ("alpha", "width", "seed", "learning-rate")
MOST_VALUES = 100_000  # of an axis; more is a slip of the keyboard
SWEEP_KEYS = (
    "problem", "data", "target", "features", "standardise", "intercept", "drop_missing",
    "activation", "alpha", "width", "seed", "seeds", "dynamics", "tolerance", "learning_rate", "optimizer",
    "batch_size", "until", "steps", "stop_at", "record", "snapshots", "dtype",
)  # fmt: skip


def sweep_from_dict(values: Mapping[str, Any], source: str = "sweep") -> Sweep:
    """Make a sweep from the keys of a sweep file.

    Args:
        values: A subset of `SWEEP_KEYS`. An axis is a number, a list of numbers, or text as `parse_axis` reads it.
        source: What to call the origin in errors.

    Raises:
        UsageError: A key is unknown or a value makes no sense.
    """
    given = {key: value for key, value in values.items() if value is not None}
    known = {key.replace("-", "_"): value for key, value in given.items()}
    try:
        for key in known:
            if key not in SWEEP_KEYS:
                raise UsageError(unknown_name("key", key, SWEEP_KEYS))
        if len(known) < len(given):
            twice = next(key for key in given if "-" in key and key.replace("-", "_") in given)
            raise UsageError(f"`{twice}` and `{twice.replace('-', '_')}` are the same key; give one of them")
        return Sweep(**_sweep_arguments(known))
    except UsageError as error:
        raise UsageError(f"{source}: {printable(str(error))}") from None


def read_sweep_file(path: str | Path) -> dict[str, Any]:
    """The keys of a TOML sweep file, unchecked, for `sweep_from_dict`; a relative `data` is taken from its folder.

    Raises:
        InputError: The file cannot be read or is not TOML.
    """
    path = Path(path)
    try:
        values = tomllib.loads(read_file(path, MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Give a sweep file in TOML.") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, a number of 5,000 digits, 1,000 nested lists
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not a TOML file ({reason}). Give lines such as `width = [400, 1600]`.") from None
    if isinstance(values.get("data"), str):
        values["data"] = str(path.parent / values["data"])
    return values


def parse_axis(name: str, value: Any, kind: type[int] | type[float]) -> tuple[Any, ...]:
    """The values of an axis from a number, a list of numbers, or text.

    Args:
        name: Name of the axis, for errors.
        value: `3`, `[1, 2]`, `"1,2"`, `"a:b:n"` (n values from a to b, evenly) or `"a:b:n:log"` (evenly in log).
        kind: `int` or `float`; whole numbers are rounded from a range.

    Raises:
        UsageError: The value is none of these.
    """
    expected = "whole number" if kind is int else "number"
    way_out = f"expected a {expected}, a list as 1,2 or a range as from:to:count"
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    if isinstance(value, str) and ":" in value:
        return _axis_range(name, value, kind, way_out)
    return tuple(_number(f"{name} `{part}`", part, kind, way_out) for part in parts)


def _axis_range(name: str, text: str, kind: type[int] | type[float], way_out: str) -> tuple[Any, ...]:
    parts = text.split(":")
    log = len(parts) == 4 and parts[3] == "log"
    if len(parts) != 3 and not log:
        raise UsageError(f"{name} `{text}`: {way_out} (with :log behind it for even steps in log)")
    start, stop = (_number(f"{name} `{text}`", part, float, way_out) for part in parts[:2])
    count = _number(f"{name} `{text}`", parts[2], int, way_out)
    if not (math.isfinite(start) and math.isfinite(stop)):
        raise UsageError(f"{name} `{text}`: both ends have to be finite")
    if not 1 <= count <= MOST_VALUES:
        raise UsageError(f"{name} `{text}`: the count has to be from 1 to {MOST_VALUES}")
    if log and not (start > 0 and stop > 0):
        raise UsageError(f"{name} `{text}`: even steps in log need both ends above 0")
    shares = [k / max(count - 1, 1) for k in range(count)]
    values = [start * (stop / start) ** s if log else start + (stop - start) * s for s in shares]
    if kind is int:
        return tuple(round(v) for v in values)
    return tuple(float(f"{v:.12g}") for v in values)  # 0.1:0.3:3 gives 0.2 and not 0.30000000000000004 / 1.5


def _number(what: str, value: Any, kind: type[int] | type[float], way_out: str) -> Any:
    try:
        if isinstance(value, bool):
            raise ValueError
        if kind is float:
            return float(value)
        return whole_number(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{what}: {way_out}") from None


def _one_number(key: str, value: Any, kind: type[int] | type[float]) -> Any:
    """The value of a key that holds one number."""
    name, what = key.replace("_", "-"), "whole number" if kind is int else "number"
    if isinstance(value, (list, tuple)) or (isinstance(value, str) and re.search("[,:]", value)):
        raise UsageError(f"{name} `{value}`: one {what} is expected; lists and ranges are for {', '.join(AXES)}")
    return _number(f"{name} `{value}`", value, kind, f"expected a {what}")


def _sweep_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `Sweep` from the keys of a sweep file, each turned into its own type."""
    arguments: dict[str, Any] = {}
    for key in ("learning_rate", "optimizer", "batch_size"):
        if key in values and values.get("dynamics") == "flow":
            raise UsageError(no_descent(key.replace("_", "-")))
    for key, kind in (("alpha", float), ("width", int), ("seed", int), ("learning_rate", float)):
        if key in values:
            arguments[key] = parse_axis(key.replace("_", "-"), values[key], kind)
    if "seeds" in values:
        if "seed" in values:
            raise UsageError("both `seed` and `seeds` are given; give the seeds themselves or their number")
        count = _one_number("seeds", values["seeds"], int)
        if not 1 <= count <= MOST_VALUES:
            raise UsageError(f"seeds {count}: has to be from 1 to {MOST_VALUES}")
        arguments["seed"] = tuple(range(count))
    for key, kind in (("batch_size", int), ("until", float), ("steps", int), ("stop_at", float),
                      ("tolerance", float)):  # fmt: skip
        if key in values:
            arguments[key] = _one_number(key, values[key], kind)
    for key in ("activation", "dtype", "dynamics"):
        if key in values:
            arguments[key] = _string(key, values[key])
    if "optimizer" in values:
        arguments["optimizer"] = Optimizer.parse(_string("optimizer", values["optimizer"]))
    arguments["problem"] = _problem(values)
    arguments["recording"] = _recording(values)
    return arguments


def _recording(values: dict[str, Any]) -> Recording:
    return Recording(
        losses=str(values.get("record", Recording.losses)),  # anything but text is none of its forms
        snapshots=_one_number("snapshots", values.get("snapshots", Recording.snapshots), int),
    )


def _problem(values: dict[str, Any]) -> str | Table:
    table_keys = [key for key in ("target", "features", "standardise", "intercept", "drop_missing") if key in values]
    if "data" not in values:
        if table_keys:
            raise UsageError(f"`{table_keys[0].replace('_', '-')}` belongs to a table; name it with --data FILE")
        return _string("problem", values.get("problem", "cub1d"))
    if "problem" in values:
        raise UsageError("both `problem` and `data` are given; a sweep learns one of them")
    if "target" not in values:
        raise UsageError(f"data {values['data']}: say which column to predict with --target COLUMN")
    features = values.get("features")
    if isinstance(features, str):
        features = [part.strip() for part in features.split(",")]
    if features is not None and not isinstance(features, (list, tuple)):
        raise UsageError(f"features `{features}`: expected names, as A,B or a list")
    for key in ("standardise", "intercept", "drop_missing"):
        if key in values and not isinstance(values[key], bool):
            raise UsageError(f"{key.replace('_', '-')} `{values[key]}`: expected true or false")
    return Table(
        path=_string("data", values["data"]),
        target=_string("target", values["target"]),
        features=None if features is None else tuple(_string("features", part) for part in features),
        **{key: values[key] for key in ("standardise", "intercept", "drop_missing") if key in values},
    )


def _string(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        raise UsageError(f"{name} `{shown(value)}`: one name is expected, a list is not taken")
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} `{value}`: expected a name")
    return value
