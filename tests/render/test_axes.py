"""Laws of axes, on many axes."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.render.axes import Axis

RNG = np.random.default_rng(0)
AXES = [
    Axis(0.0, 1.0, False),
    Axis(-3.5, 12.0, False),
    Axis(0.29, 0.29 + 1e-9, False),
    Axis(0.29, 0.2900001, True),
    Axis(0.107, 0.29, True),
    Axis(0.1, 800.0, True),
    Axis(1e-300, 1e300, True),
    Axis(1e-12, 1.7e308, True),
    *(Axis(a, a + b, False) for a, b in zip(RNG.normal(size=100).tolist(), 10 ** RNG.uniform(-6, 9, 100), strict=True)),
    *(
        Axis(a, a * b, True)
        for a, b in zip(10 ** RNG.uniform(-9, 9, 100), 10 ** RNG.uniform(0.01, 15, 100), strict=True)
    ),
]


@pytest.mark.parametrize("most", [2, 4, 10])
def test_ticks_lie_on_the_axis_and_are_few_and_round(most):
    for axis in AXES:
        ticks = axis.ticks(most)
        assert 1 <= len(ticks) <= most
        assert ticks == sorted(set(ticks))
        assert axis.low <= ticks[0]
        assert ticks[-1] <= axis.high
        if axis.high - axis.low > 1e-2 * max(abs(axis.low), abs(axis.high)):
            assert all(len(f"{tick:.10g}".lstrip("-0.").partition("e")[0].rstrip("0")) <= 4 for tick in ticks)


def test_a_wide_axis_has_several_ticks():
    for axis in AXES:
        assert len(axis.ticks(10)) >= 3, axis


def test_places_go_from_0_to_1_and_keep_the_order():
    for axis in AXES:
        if axis.log:
            values = np.exp(np.linspace(np.log(axis.low), np.log(axis.high), 50))
        else:
            values = np.linspace(axis.low, axis.high, 50)
        places = axis.place(np.array([axis.low, *values[1:-1], axis.high]))
        assert places[0] == 0
        assert places[-1] == 1
        assert (np.diff(places) >= 0).all()
        np.testing.assert_allclose(places, np.linspace(0, 1, 50), atol=1e-6)


def test_what_lies_outside_is_moved_to_the_ends():
    for axis in (Axis(1.0, 100.0, True), Axis(1.0, 100.0, False)):
        np.testing.assert_array_equal(axis.place(np.array([-1.0, 0.0, 1e9])), [0, 0, 1])


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("value", [2.0, 0.29, 1e-300, 1e300])
def test_an_axis_without_extent_has_its_value_in_the_middle(value, log):
    for high in (value, float(np.nextafter(value, np.inf))):  # a loss that no longer moves, but for rounding
        axis = Axis(value, high, log)
        assert axis.place_of(value) == axis.place_of(high) == 0.5
        assert axis.ticks(9) == [value]


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ([0.0, 0.1, 0.2, 800.0], Axis(0.1, 800.0, True)),  # the clock's start is left out
        ([0.1, 1.0, 800.0], Axis(0.1, 800.0, True)),
        ([1.0, 2.0, 10.0], Axis(1.0, 10.0, False)),
        ([-5.0, 0.0, 0.1, 800.0], Axis(-5.0, 800.0, False)),
        ([0.0, 10.0], Axis(0.0, 10.0, False)),
        ([0.0], Axis(0.0, 0.0, False)),
    ],
)
def test_a_clock_is_logarithmic_where_it_spans_decades(clock, expected):
    assert Axis.of_clock(np.array(clock)) == expected


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ([0.29, 0.1, 0.001], Axis(0.001, 0.29, True)),
        ([11.0, 3.3], Axis(3.3, 11.0, True)),
        ([1.0, 0.0], Axis(0.0, 1.0, False)),
        ([1.0, -2.0], Axis(-2.0, 1.0, False)),
    ],
)
def test_a_loss_is_logarithmic_where_it_stays_above_0(loss, expected):
    axis = Axis.of_loss(np.array(loss))
    assert axis == expected
    assert axis.scale == ("log" if expected.log else "linear")
