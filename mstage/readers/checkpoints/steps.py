"""At which step of the training was each of some checkpoints saved?

Names are written in many ways: `step_100`, `checkpoint-500`, `epoch=3-step=1200`, `model.10k`. If every name has a
number after the same word for steps, that is the step; otherwise it is the only number in which the names differ. If
neither is so, the steps are unknown and the user is asked: a wrong clock would be worse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = ("steps?", "iter(?:ation)?s?", "updates?", "tokens?", "epochs?", "ep", "checkpoint", "ckpt")  # best first
NUMBER = r"(\d+(?:\.\d+)?)([kKmMB]?)(?![A-Za-z0-9])"
MAX_STEP = 10**15  # steps: more digits are a hash or a date with its time
UNITS = {"": 1, "k": 10**3, "K": 10**3, "m": 10**6, "M": 10**6, "B": 10**9}


def steps_of_names(names: Sequence[str]) -> tuple[float, ...] | None:
    """The steps of checkpoints, in the order of their names; None where the names do not tell.

    Args:
        names: Of the files or folders, without their suffixes.

    Example:
        >>> steps_of_names(["lr0.1-epoch=1-step=100", "lr0.1-epoch=2-step=200"])
        (100, 200)
    """
    if not names:
        return None
    for word in WORDS:
        found = [re.findall(rf"(?<![A-Za-z]){word}[-_=. ]*{NUMBER}", name, re.IGNORECASE) for name in names]
        if all(found) and (steps := _different([matches[-1] for matches in found])):
            return steps
    numbers = [re.findall(r"(\d+)([kKmMB]?)(?![A-Za-z0-9])", name) for name in names]
    around = {re.sub(r"\d+[kKmMB]?(?![A-Za-z0-9])", "#", name) for name in names}
    if len(around) > 1:  # as `init-0`, `later-100`: the only number of each
        return _different([one[0] for one in numbers]) if all(len(one) == 1 for one in numbers) else None
    columns = [list(column) for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    return _different(columns[0]) if len(columns) == 1 else None


def natural_order(name: str) -> list[str | int]:
    """A key that sorts names by the value of the numbers in them: `layer.2` before `layer.10`."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _different(numbers: Sequence[tuple[str, str]]) -> tuple[float, ...] | None:
    """The values of numbers with their units, as int where possible; None where two are equal or one is too large."""
    values = [float(digits) * UNITS[unit] if "." in digits else int(digits) * UNITS[unit] for digits, unit in numbers]
    clear = len(set(values)) == len(values) and all(value < MAX_STEP for value in values)
    return tuple(values) if clear else None
