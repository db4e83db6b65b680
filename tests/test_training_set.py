"""A training set of two arrays: what is taken as it is, and one clear line for what cannot be learnt."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from mstage.errors import UsageError
from mstage.training_set import TrainingSet, training_set

X = np.array([[1.0, 2.0], [3.0, 5.0], [-1.0, 1e-3]])
Y = np.array([1.0, -2.0, 0.5])


def test_arrays_are_taken_as_they_are() -> None:
    data = training_set(X, Y)
    np.testing.assert_array_equal(data.input, X)
    np.testing.assert_array_equal(data.target, Y)
    assert data.input.dtype == data.target.dtype == np.float64
    assert (data.name, data.input_names, data.target_name, data.preparation) == ("arrays", ("x0", "x1"), "y", "")


@pytest.mark.parametrize(
    ("inputs", "target"),
    [
        (X.tolist(), Y.tolist()),
        (np.asfortranarray(X), Y[::-1][::-1]),
        (X.astype(">f8"), Y.astype(np.longdouble)),
        (jnp.asarray(X), jnp.asarray(Y)),
    ],
)
def test_whatever_holds_the_numbers(inputs: object, target: object) -> None:
    data = training_set(inputs, target)  # type: ignore[arg-type]
    np.testing.assert_allclose(data.input, X, rtol=1e-7)  # JAX may hold single precision
    np.testing.assert_allclose(data.target, Y, rtol=1e-7)
    assert data.input.flags.c_contiguous
    assert data.input.dtype == np.dtype("float64")


def test_booleans_and_whole_numbers() -> None:
    data = training_set(np.array([[True], [False]]), np.array([2**53, -(2**53)]))
    assert data.input.tolist() == [[1.0], [0.0]]
    assert data.target.tolist() == [2.0**53, -(2.0**53)]


def test_a_later_change_of_the_arrays_changes_nothing() -> None:
    inputs, target = X.copy(), Y.copy()
    data = training_set(inputs, target)
    inputs[0, 0] = target[0] = 99
    assert data.input[0, 0] == data.target[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.input[0, 0] = 99


def test_equal_is_what_holds_the_same() -> None:
    data = training_set(X, Y, "one")
    assert data == training_set(X.tolist(), Y.tolist(), "one")
    assert hash(data) == hash(training_set(X, Y, "one"))
    others = [training_set(X, Y), training_set(X[:, ::-1], Y, "one"), training_set(X, Y + 1, "one")]
    others += [dataclasses.replace(data, preparation="rows left out")]
    assert data not in others
    assert data != "one"


@pytest.mark.parametrize(
    ("inputs", "target", "line"),
    [
        (X[:, 0], Y, "the inputs have the shape (3,); expected (samples, dimensions); make a column"),
        (X[None], Y, "the inputs have the shape (1, 3, 2); expected (samples, dimensions)"),
        (np.empty((3, 0)), Y, "the inputs have the shape (3, 0); expected (samples, dimensions)"),
        (X, Y[:, None], "the target has the shape (3, 1); expected (samples,); take a column of it with target[:, 0]"),
        (X, 1.0, "the target has the shape (); expected (samples,)"),
        (X, Y[:2], "the inputs are 3 samples, the target is 2; expected equally many"),
        (X[:1], Y[:1], "holds 1 samples; expected at least two"),
        (X, [2, 2, 2], "the target is 2 in every sample, so there is nothing to learn"),
        ([[1, 2], [3], [4, 5]], Y, "the inputs: no array can be made of them"),
        (X + 1j, Y, "the inputs: of type complex128; expected real numbers"),
        (X, ["a", "b", "c"], "the target: of type <U1; expected real numbers"),
        (X, [1, None, 2], "the target: of type object; expected real numbers"),
        (np.full((3, 2), 2**53 + 1), Y, "the inputs: hold whole numbers beyond 2^53"),
        (X, np.array([2**64 - 1, 1, 2], np.uint64), "the target: hold whole numbers beyond 2^53"),
        ([[1, 2], [3, np.nan], [np.inf, 4]], Y, "the inputs: 2 values are not finite, the first at [1, 1]"),
        (X, [1, -np.inf, 2], "the target: 1 values are not finite, the first at [1]"),
        (X, np.array([1, 2, "1e4000"], np.longdouble), "the target: 1 values are not finite, the first at [2]"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt(inputs: object, target: object, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        training_set(inputs, target, "mine")  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"mine: {line}")
    assert str(caught.value).isprintable()


def test_is_frozen() -> None:
    data = TrainingSet("one", X, Y, ("a", "b"), "y")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]
