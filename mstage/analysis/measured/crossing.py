"""Where does a recorded quantity pass a level, and what is it at a given time?

Between two records it is interpolated on the scale on which it moves evenly: what grows or shrinks exponentially, in
its logarithm. What is read off then does not depend on how many records there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def crossing(clock: Float[np.ndarray, " records"], values: Float[np.ndarray, " records"], level: float) -> float | None:
    """inf{t : values(t) > level}, linear between the last record below and the first above.

    Args:
        clock: Ascending, shape (records,).
        values: On the scale on which they move evenly, shape (records,); -inf where they have no place on it.
        level: On the same scale.

    Returns:
        The time; the first record's where it lies above, or the record before has no place on the scale; None where
        no record lies above.
    """
    above = np.flatnonzero(values > level)
    if not above.size:
        return None
    at = int(above[0])
    if at == 0 or not np.isfinite(values[at - 1]) or not np.isfinite(values[at]):
        return float(clock[at])
    share = (level - values[at - 1]) / (values[at] - values[at - 1])
    return float(clock[at - 1] + share * (clock[at] - clock[at - 1]))


def value_at(
    clock: Float[np.ndarray, " snapshots"], values: Float[np.ndarray, " snapshots"], when: float
) -> float | None:
    """A quantity that grows or shrinks exponentially, at some time between its snapshots.

    Args:
        clock: Ascending, shape (snapshots,).
        values: Shape (snapshots,). Next to a 0, as before the first step, they are interpolated as they are.
        when: The time.

    Returns:
        The value; None outside the clock or beside a value that is not finite.
    """
    right = int(np.searchsorted(clock, when))
    if right == clock.size or when < clock[0]:
        return None
    left = max(right - 1, 0)
    ends = values[[left, right]]
    if not np.isfinite(ends).all():
        return None
    if (ends > 0).all():
        return float(np.exp(np.interp(when, clock[[left, right]], np.log(ends))))
    return float(np.interp(when, clock[[left, right]], ends))
