"""The built-in problems: their constants, each by its formula, against the published digits; and what they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mstage.simulate.problems import load_problem
from mstage.spec.problems import PROBLEMS

# lambda, R0, R_z, R_lin, |A|, c3, with the digits that were published
CONSTANTS = {
    "sin1d": (".5537", ".50246", ".09096", ".074670", "1.556", ".0586"),
    "cub1d": (".5504", ".29166", ".10834", ".106814", ".6741", ".3315"),
    "gauss5": ("1.4714", ".93481", ".19162", ".098318", "1.2510", ".7454"),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name: str) -> None:
    data = load_problem(name)
    x, y, n = data.input, data.target, data.target.size
    v = sum(y[i] * x[i] for i in range(n)) / n
    growth_rate = math.sqrt(sum(v**2))
    z = v / growth_rate
    covariance = sum(np.outer(x[i], x[i]) for i in range(n)) / n
    start = sum(y**2) / (2 * n)
    along_z = start - growth_rate * (growth_rate / (z @ covariance @ z)) / 2
    best = np.linalg.solve(covariance, v)
    residual = x @ best - y
    linear = sum(residual**2) / (2 * n)
    length = math.sqrt(sum(best**2))
    cubic = sum(residual * (x @ best / length) ** 3) / n
    found = (growth_rate, start, along_z, linear, length, cubic)
    for value, published in zip(found, CONSTANTS[name], strict=True):
        digits = len(published.partition(".")[2])
        assert abs(value - float(published)) <= 0.5001 * 10**-digits


@pytest.mark.parametrize("name", CONSTANTS)
def test_best_line_is_that_of_least_squares(name: str) -> None:
    data = load_problem(name)
    _, squares, _, _ = np.linalg.lstsq(data.input, data.target)
    assert squares[0] / (2 * data.target.size) == pytest.approx(float(CONSTANTS[name][3]), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("sin1d", lambda x: math.sin(2.5 * x + 0.5) + 0.5 * x),
        ("cub1d", lambda x: math.tanh(3 * x - 1) - 0.5 * math.tanh(2 * x + 2) + 0.3),
    ],
)
def test_problems_on_a_line(name: str, target: object) -> None:
    data = load_problem(name)
    reach = {"sin1d": 1.0, "cub1d": 1.5}[name]
    x = [reach * (2 * k / 39 - 1) for k in range(40)]
    np.testing.assert_allclose(data.input, [[x_i, 1.0] for x_i in x], atol=1e-15)
    np.testing.assert_allclose(data.target, [target(x_i) for x_i in x], rtol=1e-13)  # type: ignore[operator]


def test_gauss5_has_the_normals_of_numpy_s_first_generator() -> None:
    data = load_problem("gauss5")
    assert data.input.shape == (40, 5)
    np.testing.assert_allclose(
        data.input[0],
        [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458, 1.8675579901499675],
    )
    for x, y in zip(data.input, data.target, strict=True):
        assert y == pytest.approx(math.tanh(2 * x[0] + x[1]) - math.tanh(x[2] - x[0]), rel=1e-12)


def test_condense5() -> None:
    data = load_problem("condense5")
    assert data.input.shape == (80, 6)
    assert data.target.shape == (80,)
    places = data.input[:, :5]
    assert -4 <= places.min() < -3.9
    assert 1.9 < places.max() <= 2
    assert (data.input[:, 5] == 1).all()
    for x, y in zip(places, data.target, strict=True):
        assert y == pytest.approx(sum(3.5 * math.sin(5 * x_k + 1) for x_k in x), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_says_what_it_consists_of(name: str) -> None:
    data, again = load_problem(name), load_problem(name)
    assert data.name == name
    assert data.target_name == "y"
    assert len(data.input_names) == data.input.shape[1]
    assert len(set(data.input_names)) == len(data.input_names)
    assert (data.input_names[-1] == "1") == bool((data.input[:, -1] == 1).all())
    assert data.input_names[0] in ("x", "x0")
    assert data.input.dtype == data.target.dtype == np.float64
    np.testing.assert_array_equal(data.input, again.input)
    np.testing.assert_array_equal(data.target, again.target)
