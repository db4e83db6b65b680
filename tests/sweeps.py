"""Sweeps that differ from another in some of their parameters, whichever part of it holds them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from mstage.spec import Sweep


def changed(sweep: Sweep, **values: Any) -> Sweep:
    """The sweep with other parameters: of its model, of its dynamics or its own."""
    for part in ("model", "dynamics"):
        held = getattr(sweep, part)
        own = {one.name for one in fields(held)} & values.keys()
        values[part] = replace(values.get(part, held), **{name: values.pop(name) for name in own})
    return replace(sweep, **values)
