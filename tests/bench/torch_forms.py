"""The same descent in PyTorch, as people write it: one network after the other, and all at once by torch.func."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

IS_INSTALLED = find_spec("torch") is not None


def forms(arrays: tuple[np.ndarray, ...], rate: float, steps: int) -> dict[str, Callable[[], None]]:
    """Each takes all runs `steps` updates further.

    Args:
        arrays: Inputs (n, dim), targets (n,), output weights (runs, width), input weights (runs, width, dim).
        rate: Learning rate.
        steps: Updates.
    """
    import torch

    x, y, output, inputs = (torch.from_numpy(array) for array in arrays)

    def loss(output, inputs):
        return ((output @ torch.tanh(inputs @ x.T) - y) ** 2).mean() / 2

    def eager() -> None:
        for one in zip(output, inputs, strict=True):
            weights = [part.clone().requires_grad_() for part in one]
            descent = torch.optim.SGD(weights, lr=rate)
            for _ in range(steps):
                descent.zero_grad()
                loss(*weights).backward()
                descent.step()

    slopes = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)))

    def mapped() -> None:
        weights = output.clone(), inputs.clone()
        for _ in range(steps):
            weights = tuple(w - rate * g for w, g in zip(weights, slopes(*weights), strict=True))

    found = {"PyTorch eager, run by run": eager, "torch.func vmap": mapped}
    for form in found.values():
        form()
    return found
