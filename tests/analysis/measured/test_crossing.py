"""Crossings and values between records: exact on the scale on which a quantity moves evenly."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.analysis.measured.crossing import crossing, value_at


def test_a_crossing_lies_between_two_records() -> None:
    clock = np.array([0.0, 1.0, 3.0, 4.0])
    assert crossing(clock, np.array([0.0, 1.0, 5.0, 2.0]), 2.0) == pytest.approx(1.5)
    assert crossing(clock, np.array([3.0, 1.0, 5.0, 2.0]), 2.0) == 0.0  # above from the first record on
    assert crossing(clock, np.array([-np.inf, 4.0, 5.0, 2.0]), 2.0) == 1.0  # nothing to draw a line from
    assert crossing(clock, np.array([0.0, 1.0, 2.0, 2.0]), 2.0) is None  # reached and not passed
    assert crossing(np.empty(0), np.empty(0), 2.0) is None


@pytest.mark.parametrize("records", [5, 50, 5000])
def test_what_grows_exponentially_is_exact_for_any_records(records: int) -> None:
    clock = np.linspace(0, 20, records)
    grown = 1e-6 * np.exp(0.7 * clock)
    assert crossing(clock, np.log(grown), np.log(0.01)) == pytest.approx(np.log(1e4) / 0.7)
    assert value_at(clock, grown, 12.34) == pytest.approx(1e-6 * np.exp(0.7 * 12.34))


def test_values_next_to_zero_and_outside() -> None:
    clock, values = np.array([0.0, 2.0, 4.0]), np.array([0.0, 3.0, np.nan])
    assert value_at(clock, values, 0.0) == 0.0
    assert value_at(clock, values, 1.0) == pytest.approx(1.5)
    assert value_at(clock, values, 2.0) == pytest.approx(3.0)
    assert value_at(clock, values, 3.0) is None
    assert value_at(clock, values, 5.0) is None
