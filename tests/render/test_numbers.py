from __future__ import annotations

import math

import numpy as np
import pytest

from mstage.analysis.samples import Spread
from mstage.render.numbers import (
    band,
    counted,
    duration,
    fit_interval,
    given,
    interval,
    middle,
    number,
    size,
    spread_range,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5.0, "5"),
        (123456.0, "123456"),
        (1_000_000.0, "1.000e6"),
        (1.23456, "1.235"),
        (-1.23456, "-1.235"),
        (0.0123456, "0.01235"),
        (0.02, "0.02000"),
        (99.996, "100.0"),
        (12345.6, "12346"),
        (999_999.7, "1.000e6"),
        (0.000123456, "0.0001235"),
        (0.0000123456, "1.235e-5"),
        (1.5e-300, "1.500e-300"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, ""),
        (None, ""),
        (np.float32(0.5), "0.5000"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_a_number_is_read_back_to_its_digits(digits):
    rng = np.random.default_rng(0)
    for value in (10.0 ** rng.uniform(-12, 12, 2000) * rng.choice([-1, 1], 2000)).tolist():
        assert float(number(value, digits)) == pytest.approx(value, rel=0.5 * 10.0 ** (1 - digits))
        assert len(number(value, digits)) <= digits + 6


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1.0, "1"), (0.30000000000000004, "0.3"), (1e-5, "1e-5"), (1234567.0, "1.234567e6"), (1e9, "1e9"),
     (1_000_000, "1000000"), ("tanh", "tanh"), (True, "yes"), (False, "no"), (math.inf, "inf"), (0.0, "0")],
)  # fmt: skip
def test_given(value, text):
    assert given(value) == text


def test_intervals_and_spreads():
    assert interval((0.5, 1.25)) == "[0.5000, 1.250]"
    assert interval((0.5, 1.25), 2) == "[0.50, 1.2]"
    assert fit_interval((0.5, 1.25), 2) == "(0.50, 1.2)"
    assert band(0.5, 1.25) == "0.5000 .. 1.250"
    assert interval(None) == fit_interval(None) == band(None, None) == band(0.5, 0.5) == ""
    assert middle(Spread(2.0, 1.0, 3.0)) == "2"
    assert middle(None) == spread_range(None) == ""
    assert spread_range(Spread(2.0, 1.5, 3.5)) == "1.500 to 3.500"
    assert spread_range(Spread(0.29152, 0.29151, 0.29153)) == ""


def test_what_is_counted():
    assert [counted(n, "run") for n in (0, 1, 2, 1500)] == ["0 runs", "1 run", "2 runs", "1,500 runs"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (200 * 2**20, "200 MiB"),
        (2**31, "2.0 GiB"),
        (2**52, "4096 TiB"),
    ],
)
def test_size(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"),
     (3599.7, "1 h 00 min"), (7800, "2 h 10 min"), (3 * 86400 + 4 * 3600, "3 d 4 h")],
)  # fmt: skip
def test_duration(seconds, text):
    assert duration(seconds) == text
