"""tanh against mpmath, beside JAX's own, and its coefficients found again."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from mstage.simulate.models.tanh import FITS, Fit, tanh

RANDOM = np.random.default_rng(9)
EVERYWHERE = np.concatenate([
    RANDOM.uniform(0, 1, 6000), RANDOM.uniform(0, 6, 6000), RANDOM.uniform(6, 25, 3000),
    10 ** RANDOM.uniform(-35, 35, 2000),
])  # fmt: skip


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def points(dtype: str) -> np.ndarray:
    edge = np.dtype(dtype).type(FITS[dtype].saturated)
    return np.concatenate([EVERYWHERE, [edge, np.nextafter(edge, 0), np.nextafter(edge, 30)]]).astype(dtype)


def units_off(found: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Distance from tanh in units of its last place."""
    with mpmath.workdps(60):
        expected = [mpmath.tanh(mpmath.mpf(float(s))) for s in at]
        off = [float(abs(f - e)) for f, e in zip(found.tolist(), expected, strict=True)]
        return np.array(off) / np.spacing(np.array([float(e) for e in expected]).astype(at.dtype))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", FITS)
def test_within_four_units_in_the_last_place_and_nearer_than_that_of_jax(dtype: str) -> None:
    at = points(dtype)
    own = units_off(np.asarray(jax.jit(tanh)(jnp.asarray(at))), at)
    jaxs = units_off(np.asarray(jax.jit(jnp.tanh)(jnp.asarray(at))), at)
    assert own.max() < 4
    assert own.max() < jaxs.max()
    assert np.sqrt(np.mean(own**2)) < np.sqrt(np.mean(jaxs**2))


@pytest.mark.parametrize("dtype", FITS)
def test_odd_and_exact_where_it_is_known(dtype: str) -> None:
    value = np.asarray(tanh(jnp.asarray(points(dtype))))
    assert value.dtype == dtype
    np.testing.assert_array_equal(np.asarray(tanh(jnp.asarray(-points(dtype)))), -value)
    assert value.max() <= np.nextafter(np.ones((), dtype), 2)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30], dtype)
    found = np.asarray(tanh(jnp.asarray(special)))
    np.testing.assert_allclose(found, [0, 0, 1, -1, np.nan, special[-1]], rtol=2**-23 if dtype == "float32" else 2**-52)
    assert np.signbit(found[1])


def test_derivative_is_that_of_tanh() -> None:
    at = jnp.asarray(RANDOM.uniform(-25, 25, 200))
    value, slope = jax.jvp(tanh, (at,), (jnp.ones_like(at),))
    np.testing.assert_array_equal(value, tanh(at))
    np.testing.assert_allclose(slope, 1 / np.cosh(np.asarray(at)) ** 2, rtol=1e-12, atol=1e-15)


def test_half_precision_is_that_of_jax() -> None:
    at = jnp.asarray(RANDOM.uniform(-9, 9, 200), "bfloat16")
    assert tanh(at).dtype == at.dtype
    np.testing.assert_array_equal(tanh(at), jnp.tanh(at))


def lawson(fit: Fit, nodes: int, rounds: int) -> tuple[list[mpmath.mpf], list[mpmath.mpf]]:
    """Minimax coefficients by reweighted least squares (Lawson), the error taken where it is after the doubling."""
    half, degree = mpmath.mpf(fit.saturated) / 2, len(fit.above)
    y = [half * (1 - mpmath.cos(mpmath.pi * (k + mpmath.mpf(1) / 2) / nodes)) / 2 for k in range(nodes)]
    ratio = [mpmath.tanh(v) / v for v in y]
    passed_on = [(1 - mpmath.tanh(v) ** 2) / (1 + mpmath.tanh(v) ** 2) for v in y]
    powers = [[(v / half) ** (2 * j + 2) for j in range(degree)] for v in y]
    weights, below = [mpmath.mpf(1)] * nodes, [mpmath.mpf(1)] * nodes
    for _ in range(rounds):
        matrix, right = mpmath.matrix(nodes, 2 * degree), mpmath.matrix(nodes, 1)
        for k in range(nodes):
            scale = mpmath.sqrt(weights[k]) * passed_on[k] / (below[k] * ratio[k])
            for j in range(degree):
                matrix[k, j] = scale * powers[k][j]
                matrix[k, degree + j] = -scale * ratio[k] * powers[k][j]
            right[k] = scale * (ratio[k] - 1)
        found, _ = mpmath.qr_solve(matrix, right)
        found = list(found)
        above = [1 + mpmath.fdot(found[:degree], powers[k]) for k in range(nodes)]
        below = [1 + mpmath.fdot(found[degree:], powers[k]) for k in range(nodes)]
        off = [abs(above[k] / below[k] / ratio[k] - 1) * passed_on[k] for k in range(nodes)]
        weights = [w * (o / max(off) + mpmath.mpf("1e-6")) for w, o in zip(weights, off, strict=True)]
    scales = [(2 * half) ** -(2 * j + 2) for j in range(degree)]
    return tuple([c * s for c, s in zip(part, scales, strict=True)] for part in (found[:degree], found[degree:]))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", FITS)
def test_coefficients_are_found_again(dtype: str) -> None:
    fit = FITS[dtype]
    with mpmath.workdps(60):
        above, below = lawson(fit, nodes=60, rounds=20)
        np.testing.assert_allclose(fit.above, [float(c) for c in above], rtol=5e-3)
        np.testing.assert_allclose(fit.below, [float(c) for c in below], rtol=5e-3)
        for share in (0.001, 0.05, 0.2, 0.5, 0.99):  # what they define, in exact arithmetic
            s = fit.saturated * mpmath.mpf(share)
            p = s * (1 + sum(mpmath.mpf(c) * s ** (2 * j + 2) for j, c in enumerate(fit.above)))
            q = 1 + sum(mpmath.mpf(c) * s ** (2 * j + 2) for j, c in enumerate(fit.below))
            assert abs(p * q / (q * q + p * p / 4) / mpmath.tanh(s) - 1) < 0.02 * np.finfo(dtype).eps
