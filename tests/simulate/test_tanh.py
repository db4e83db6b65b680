"""tanh against mpmath, beside JAX's own, and its coefficients found again."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from mstage.simulate.tanh import DENOMINATOR, NUMERATOR, SATURATED, tanh

RANDOM = np.random.default_rng(9)
POINTS = np.concatenate([
    RANDOM.uniform(0, 1, 6000), RANDOM.uniform(0, 6, 6000), RANDOM.uniform(6, 25, 3000),
    10 ** RANDOM.uniform(-300, 300, 2000), np.nextafter(SATURATED, [0, 30]), [SATURATED, 1e-307, 1.7e308],
])  # fmt: skip


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def units_off(found: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from tanh in units of its last place."""
    with mpmath.workdps(60):
        expected = [mpmath.tanh(mpmath.mpf(float(s))) for s in points]
        return np.array(
            [float(abs(f - e)) / np.spacing(float(e)) for f, e in zip(found.tolist(), expected, strict=True)]
        )


def test_within_four_units_in_the_last_place_and_nearer_than_that_of_jax() -> None:
    own = units_off(np.asarray(jax.jit(tanh)(jnp.asarray(POINTS))), POINTS)
    jaxs = units_off(np.asarray(jax.jit(jnp.tanh)(jnp.asarray(POINTS))), POINTS)
    assert own.max() < 4
    assert own.max() < jaxs.max()
    assert np.sqrt(np.mean(own**2)) < np.sqrt(np.mean(jaxs**2))


def test_odd_and_exact_where_it_is_known() -> None:
    value = np.asarray(tanh(jnp.asarray(POINTS)))
    np.testing.assert_array_equal(np.asarray(tanh(jnp.asarray(-POINTS))), -value)
    assert value.max() <= np.nextafter(1, 2)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-200])
    found = np.asarray(tanh(jnp.asarray(special)))
    np.testing.assert_array_equal(found, [0, 0, 1, -1, np.nan, 1e-200])
    assert np.signbit(found[1])


def test_derivative_is_that_of_tanh() -> None:
    points = jnp.asarray(RANDOM.uniform(-25, 25, 200))
    value, slope = jax.jvp(tanh, (points,), (jnp.ones_like(points),))
    np.testing.assert_array_equal(value, tanh(points))
    np.testing.assert_allclose(slope, 1 / np.cosh(np.asarray(points)) ** 2, rtol=1e-12, atol=1e-15)


def test_single_precision_is_that_of_jax() -> None:
    points = jnp.asarray(RANDOM.uniform(-9, 9, 200), "float32")
    assert tanh(points).dtype == np.float32
    np.testing.assert_array_equal(tanh(points), jnp.tanh(points))


def lawson(nodes: int, rounds: int) -> tuple[list[mpmath.mpf], list[mpmath.mpf]]:
    """Minimax coefficients by reweighted least squares (Lawson), the error taken where it is after the doubling."""
    half, square_end = mpmath.mpf(SATURATED) / 2, mpmath.mpf(SATURATED) ** 2 / 4
    y = [half * (1 - mpmath.cos(mpmath.pi * (k + mpmath.mpf(1) / 2) / nodes)) / 2 for k in range(nodes)]
    ratio = [mpmath.tanh(v) / v for v in y]
    passed_on = [(1 - mpmath.tanh(v) ** 2) / (1 + mpmath.tanh(v) ** 2) for v in y]
    u = [v * v / square_end for v in y]
    weights, below, degree = [mpmath.mpf(1)] * nodes, [mpmath.mpf(1)] * nodes, len(NUMERATOR)
    for _ in range(rounds):
        matrix, right = mpmath.matrix(nodes, 2 * degree), mpmath.matrix(nodes, 1)
        for k in range(nodes):
            scale = mpmath.sqrt(weights[k]) * passed_on[k] / (below[k] * ratio[k])
            for j in range(degree):
                matrix[k, j] = scale * u[k] ** (j + 1)
                matrix[k, degree + j] = -scale * ratio[k] * u[k] ** (j + 1)
            right[k] = scale * (ratio[k] - 1)
        found, _ = mpmath.qr_solve(matrix, right)
        above = [1 + sum(found[j] * u[k] ** (j + 1) for j in range(degree)) for k in range(nodes)]
        below = [1 + sum(found[degree + j] * u[k] ** (j + 1) for j in range(degree)) for k in range(nodes)]
        off = [abs(above[k] / below[k] / ratio[k] - 1) * passed_on[k] for k in range(nodes)]
        weights = [w * (o / max(off) + mpmath.mpf("1e-6")) for w, o in zip(weights, off, strict=True)]
    scales = [(4 * square_end) ** -(j + 1) for j in range(degree)]
    return [found[j] * scales[j] for j in range(degree)], [found[degree + j] * scales[j] for j in range(degree)]


def test_coefficients_are_found_again() -> None:
    with mpmath.workdps(60):
        above, below = lawson(nodes=60, rounds=20)
        np.testing.assert_allclose(NUMERATOR, [float(c) for c in above], rtol=5e-3)
        np.testing.assert_allclose(DENOMINATOR, [float(c) for c in below], rtol=5e-3)
        for s in (0.01, 0.5, 2.0, 9.0, 19.0):  # what they define, in exact arithmetic
            s = mpmath.mpf(s)
            p = s * (1 + sum(mpmath.mpf(c) * s ** (2 * j + 2) for j, c in enumerate(NUMERATOR)))
            q = 1 + sum(mpmath.mpf(c) * s ** (2 * j + 2) for j, c in enumerate(DENOMINATOR))
            assert abs(p * q / (q * q + p * p / 4) / mpmath.tanh(s) - 1) < 2e-17
