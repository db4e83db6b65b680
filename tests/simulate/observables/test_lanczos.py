"""The largest eigenvalue against the known spectrum of dense matrices, also where it is hard to find."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mstage.simulate.observables import lanczos
from mstage.simulate.observables.lanczos import largest_eigenvalue

SIZE = 130  # more than a basis: restarts are needed
EVEN = np.linspace(0, 1, SIZE)
SPECTRA = {
    "even": 2 * EVEN - 1,
    "pairs, as of a network of small weights": np.repeat([-1.0, 1.0], SIZE // 2) + 1e-7 * EVEN,
    "below 0": -1e6 * (0.5 + EVEN),
    "all 0": np.zeros(SIZE),
    "one above zeros": np.eye(SIZE)[0],
    "two that are near": np.append(EVEN[1:], 1 + 1e-7),
    "small beside the others": np.append(-EVEN[1:], 1e-3),
    "no gap": 1 - EVEN**4,
}


@jax.jit
def largest(matrix: jax.Array) -> jax.Array:
    return largest_eigenvalue(lambda vector: matrix @ vector, matrix.shape[0], matrix.dtype)


def matrix_of(spectrum: np.ndarray) -> np.ndarray:
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(spectrum.size, spectrum.size)))[0]
    return (basis * spectrum) @ basis.T


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
def test_the_largest_of_a_known_spectrum(dtype: str, tolerance: float) -> None:
    with jax.enable_x64(True):
        for name, spectrum in SPECTRA.items():
            found = float(largest(jnp.asarray(matrix_of(spectrum), dtype)))
            assert found == pytest.approx(spectrum.max(), rel=tolerance, abs=tolerance * np.abs(spectrum).max()), name


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, lanczos.BASIS])
def test_a_matrix_that_the_basis_spans_is_exact(size: int) -> None:
    spectrum = np.linspace(-3, 2, size)
    with jax.enable_x64(True):
        assert float(largest(jnp.asarray(matrix_of(spectrum)))) == pytest.approx(spectrum[-1], rel=1e-13)


@pytest.mark.slow
def test_what_is_not_finite_or_not_found_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with jax.enable_x64(True):
        assert np.isnan(float(largest(jnp.full((70, 70), jnp.nan))))
        monkeypatch.setattr(lanczos, "MAX_CYCLES", 2)
        hard = jnp.asarray(matrix_of(1 - np.geomspace(1e-9, 1, 300)))
        assert np.isnan(float(jax.jit(lambda m: largest_eigenvalue(lambda v: m @ v, 300, m.dtype))(hard)))
