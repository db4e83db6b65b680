"""A few of many."""

from __future__ import annotations

from mstage.analysis.samples import evenly


def test_evenly_keeps_first_and_last() -> None:
    assert evenly((1, 2), 5) == (1, 2)
    assert evenly(tuple(range(10)), 4) == (0, 3, 6, 9)
