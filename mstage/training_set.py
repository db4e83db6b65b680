"""What does a network learn from, whether it is a built-in problem, a user's table or a user's arrays?

All of them become one `TrainingSet`, so that the trainer, the store and the theory need not know where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.errors import UsageError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float
    from numpy.typing import ArrayLike

MAX_EXACT = 2**53  # float64 holds every whole number up to here


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Samples to learn. Two are equal if all that they hold is.

    Attributes:
        name: The problem, or the file that it was read from.
        input: x_i as the network sees them, float64; ends in a column of ones where there is an
            intercept.
        target: y_i, float64.
        input_names: What the columns of `input` are called; a column of ones is called `1`.
        target_name: What the target is called.
        preparation: What was made of a table, in words: rows left out, columns standardised, a column of ones; empty
            where nothing was.
    """

    name: str
    input: Float[np.ndarray, "samples dim"]
    target: Float[np.ndarray, " samples"]
    input_names: tuple[str, ...]
    target_name: str
    preparation: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrainingSet) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    @staticmethod
    def of(
        about: Mapping[str, Any], inputs: Float[np.ndarray, "samples dim"], target: Float[np.ndarray, " samples"]
    ) -> TrainingSet:
        """The training set that `about` tells of."""
        return TrainingSet(
            about["name"], inputs, target, tuple(about["input_names"]), about["target_name"],
            about.get("preparation", ""),
        )  # fmt: skip

    @property
    def about(self) -> dict[str, str | list[str]]:
        """All but the samples, as plain values."""
        about: dict[str, str | list[str]] = {
            "name": self.name, "input_names": list(self.input_names), "target_name": self.target_name,
        }  # fmt: skip
        return about | ({"preparation": self.preparation} if self.preparation else {})

    @property
    def digest(self) -> str:
        """What tells it from any other: the SHA-256 of all that it holds."""
        return sha256(repr(self._content()).encode()).hexdigest()

    def _content(self) -> tuple[object, ...]:
        names = (self.name, self.input_names, self.target_name, self.preparation)
        return *names, self.input.shape, self.input.tobytes(), self.target.tobytes()


def training_set(inputs: ArrayLike, target: ArrayLike, name: str = "arrays") -> TrainingSet:
    """A training set of two arrays, which are checked and copied.

    No intercept is added and nothing is standardised: the network sees the inputs as they are.

    Args:
        inputs: x_i, shape (n, dim).
        target: y_i, shape (n,).
        name: What the problem is called.

    Raises:
        UsageError: They are not finite real numbers of such shapes, are fewer than two samples, or the target is the
            same in all of them.

    Example:
        >>> x = np.linspace(-1, 1, 40)
        >>> training_set(np.stack([x, np.ones(40)], axis=1), np.sin(3 * x)).input_names
        ('x0', 'x1')
    """
    x, y = _real(f"{name}: the inputs", inputs), _real(f"{name}: the target", target)
    if x.ndim != 2 or x.shape[1] == 0:
        way_out = "; make a column of them with inputs[:, None]" if x.ndim == 1 else ""
        raise UsageError(f"{name}: the inputs have the shape {x.shape}; expected (samples, dimensions){way_out}")
    if y.ndim != 1:
        way_out = "; take a column of it with target[:, 0]" if y.ndim == 2 else ""
        raise UsageError(f"{name}: the target has the shape {y.shape}; expected (samples,){way_out}")
    if len(x) != len(y):
        raise UsageError(f"{name}: the inputs are {len(x)} samples, the target is {len(y)}; expected equally many")
    if len(y) < 2:
        raise UsageError(f"{name}: holds {len(y)} samples; expected at least two")
    if y.min() == y.max():
        raise UsageError(f"{name}: the target is {y[0]:g} in every sample, so there is nothing to learn")
    return TrainingSet(name, x, y, tuple(f"x{column}" for column in range(x.shape[1])), "y")


def _real(what: str, values: ArrayLike) -> np.ndarray:
    """Finite numbers as a float64 array that nobody else holds.

    Raises:
        UsageError: They are something else, or float64 cannot hold them.
    """
    try:
        found = np.asarray(values)
    except ValueError as error:  # lists of unequal length
        raise UsageError(f"{what}: no array can be made of them ({shown(error)})") from None
    if found.dtype.kind not in "biuf" and found.dtype.name != "bfloat16":
        raise UsageError(f"{what}: of type {found.dtype}; expected real numbers")
    if found.dtype.kind in "iu" and found.size and max(-int(found.min()), int(found.max())) > MAX_EXACT:
        raise UsageError(f"{what}: hold whole numbers beyond 2^53, which are not exact in float64; take an offset off")
    with np.errstate(over="ignore"):  # a long double can be larger
        real = np.array(found, np.float64, order="C")
    infinite = np.argwhere(~np.isfinite(real))
    if infinite.size:
        place = ", ".join(map(str, infinite[0]))
        raise UsageError(f"{what}: {len(infinite)} values are not finite, the first at [{place}]; expected finite ones")
    real.flags.writeable = False
    return real
