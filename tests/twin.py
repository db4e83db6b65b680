"""The trainer's naive twin: gradient descent of one network in plain NumPy, each line a formula."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

SIGMA = {
    "tanh": (np.tanh, lambda s: 1 / np.cosh(s) ** 2),
    "jax-tanh": (np.tanh, lambda s: 1 / np.cosh(s) ** 2),
    "shifted-tanh": (
        lambda s: (np.tanh(s + 0.5) - np.tanh(0.5)) * np.cosh(0.5) ** 2,
        lambda s: np.cosh(0.5) ** 2 / np.cosh(s + 0.5) ** 2,
    ),
    "relu": (lambda s: np.where(s > 0, s, 0.0), lambda s: np.where(s > 0, 1.0, 0.0)),
    "leaky-relu": (lambda s: np.where(s > 0, s, s / 2), lambda s: np.where(s > 0, 1.0, 0.5)),
    "gelu": (lambda s: s * norm.cdf(s), lambda s: norm.cdf(s) + s * norm.pdf(s)),
    "sin": (np.sin, np.cos),
    "square": (np.square, lambda s: 2 * s),
    "identity": (lambda s: s, np.ones_like),
}


def loss(activation: str, a: np.ndarray, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    sigma, _ = SIGMA[activation]
    f = np.array([a @ sigma(w @ x_i) for x_i in x])
    return float(np.sum((f - y) ** 2) / (2 * y.size))


def gradient(
    activation: str, a: np.ndarray, w: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """da_k = (1/n) sum_i e_i sigma(w_k.x_i), dw_k = (1/n) sum_i e_i a_k sigma'(w_k.x_i) x_i."""
    sigma, slope = SIGMA[activation]
    pre = w @ x.T
    e = a @ sigma(pre) - y
    da = (sigma(pre) * e).sum(axis=1) / y.size
    dw = np.einsum("i,k,ki,ij->kj", e, a, slope(pre), x) / y.size
    return da, dw


def descend(
    activation: str, a: np.ndarray, w: np.ndarray, x: np.ndarray, y: np.ndarray, rate: float, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses of steps 0 to `steps`, and the weights at the end."""
    a, w = a.copy(), w.copy()
    losses = []
    for _ in range(steps):
        losses.append(loss(activation, a, w, x, y))
        da, dw = gradient(activation, a, w, x, y)
        a, w = a - rate * da, w - rate * dw
    return np.array([*losses, loss(activation, a, w, x, y)]), a, w
