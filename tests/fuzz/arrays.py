"""Loss histories as a user of the Python package may hand them over."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import xarray as xr

from tests.fuzz import numbers

KINDS = ("f8", "f8", "f8", "f4", "f2", "i8", "u1", "?", "c16", "U5", "O", "M8[s]", "m8[s]", ">f8")
DIMS = ((), ("step",), ("step",), ("step",), ("seed", "step"), ("alpha", "seed", "step"), ("step", "seed"), ("x",))


def made_history(chance: random.Random) -> Any:
    """A DataArray or what is none."""
    dims = chance.choice(DIMS)
    shape = [chance.choice(numbers.SIZES[:-1]) if name in ("step", "x") else chance.choice([0, 1, 2]) for name in dims]
    size = int(np.prod(shape, dtype=int))
    with np.errstate(all="ignore"):
        values = _cast(chance, numbers.losses(chance, size), chance.choice(["f8", "f8", chance.choice(KINDS)])).reshape(
            shape
        )
        coords: dict[str, Any] = {}
        if dims and chance.random() < 0.95:
            kind = chance.choice(["f8", "f8", chance.choice([one for one in KINDS if one != "f2"])])  # no index has it
            coords[dims[-1]] = _cast(chance, numbers.clock(chance, shape[-1]), kind)
        if dims and chance.random() < 0.2:
            coords["time"] = (dims[-1], numbers.clock(chance, shape[-1]))
        for name in ("status", "last_step"):
            if len(dims) == 1 and chance.random() < 0.1:
                coords[name] = chance.choice([0, 3, 7, -1, "x", 2**62, np.nan])
    if chance.random() < 0.03:
        return values if chance.random() < 0.5 else values.tolist()
    return xr.DataArray(values, dims=dims, coords=coords)


def _cast(chance: random.Random, values: np.ndarray, kind: str) -> np.ndarray:
    """The values as another type, as far as they can be."""
    if kind in ("M8[s]", "m8[s]"):
        return np.nan_to_num(values).clip(-1e9, 1e9).astype("i8").astype(kind)
    if kind[0] in "iu":
        return np.nan_to_num(values, posinf=0, neginf=0).clip(0, 1e9).astype(kind)
    if kind == "O":
        return np.array([chance.choice([one, one, None, "x", 3]) for one in values.tolist()], object)
    return values.astype(kind)
