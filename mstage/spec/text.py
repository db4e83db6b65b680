"""How values are written: numbers, lists and ranges as text, the TOML of a sweep file."""

from __future__ import annotations

import math
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from mstage.errors import InputError, UsageError, shown
from mstage.outside import read_file

MAX_BYTES = 4 * 2**20  # of a sweep file; its parser is slow
MAX_VALUES = 100_000  # of an axis; more is a slip of the keyboard
MAX_WHOLE = 1e20  # beyond any count that is meant


def spelled(name: str) -> str:
    """A parameter's name as it stands in options and errors."""
    return name.replace("_", "-")


def read_sweep_file(path: str | Path) -> dict[str, Any]:
    """The keys of a TOML sweep file, unchecked, for `Sweep.from_dict`; a relative `data` is taken from its folder.

    Raises:
        InputError: The file cannot be read or is not TOML.
    """
    path = Path(path)
    try:
        values = tomllib.loads(read_file(path, MAX_BYTES).decode("utf-8-sig"))
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


def name_and_options(what: str, text: str, example: str) -> tuple[str, dict[str, str]]:
    """The parts of `name` or `name:option=value,option=value`, as text.

    Args:
        what: What is named, for errors.
        text: The whole.
        example: One that is well written, for errors.

    Raises:
        UsageError: It is not of that form, or an option stands there twice.
    """
    name, _, rest = text.partition(":")
    options: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        key, value = (side.strip() for side in part.partition("=")[::2])
        if not key or not value:
            raise UsageError(f"{what} option `{shown(part)}` is not of the form option=value, as in {example}")
        if key in options:
            raise UsageError(f"{what} option `{shown(key)}` is given twice; give it once")
        options[key] = value
    return name.strip(), options


def one_number(name: str, value: Any, kind: type[int] | type[float]) -> Any:
    """The value of a key that holds one number.

    Raises:
        UsageError: It is none.
    """
    what = "whole number" if kind is int else "number"
    if isinstance(value, (list, tuple)) or (isinstance(value, str) and re.search("[,:]", value)):
        raise UsageError(f"{name} `{value}`: one {what} is expected; lists and ranges are for axes")
    return _number(f"{name} `{value}`", value, kind, f"expected a {what}")


def one_name(name: str, value: Any) -> str:
    """The value of a key that holds a name.

    Raises:
        UsageError: It is none.
    """
    if isinstance(value, (list, tuple)):
        raise UsageError(f"{spelled(name)} `{shown(value)}`: one name is expected, a list is not taken")
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{spelled(name)} `{value}`: expected a name")
    return value


def whole_number(value: object) -> int:
    """A whole number, however it is written: 400, 4e2, 400.0.

    Raises:
        ValueError: It is none.
    """
    text = str(value).strip()
    if re.fullmatch(r"[-+]?[0-9_]{1,30}", text):
        return int(text)
    if not math.isfinite(size := float(text)) or abs(size) >= MAX_WHOLE or (number := Decimal(text)) % 1:
        raise ValueError
    return int(number)


def _axis_range(name: str, text: str, kind: type[int] | type[float], way_out: str) -> tuple[Any, ...]:
    parts = text.split(":")
    log = len(parts) == 4 and parts[3] == "log"
    if len(parts) != 3 and not log:
        raise UsageError(f"{name} `{text}`: {way_out} (with :log behind it for even steps in log)")
    start, stop = (_number(f"{name} `{text}`", part, float, way_out) for part in parts[:2])
    count = _number(f"{name} `{text}`", parts[2], int, way_out)
    if not (math.isfinite(start) and math.isfinite(stop)):
        raise UsageError(f"{name} `{text}`: both ends have to be finite")
    if not 1 <= count <= MAX_VALUES:
        raise UsageError(f"{name} `{text}`: the count has to be from 1 to {MAX_VALUES}")
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
