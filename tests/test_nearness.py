"""Which names are offered in place of an unknown one: those that are really near, and no others."""

from __future__ import annotations

import pytest

from mstage.errors import unknown_name
from mstage.nearness import nearest
from mstage.spec.models.layers import ACTIVATIONS
from mstage.spec.problems import PROBLEMS
from mstage.spec.sweep import sweep_keys

KEYS = tuple(f"--{key.replace('_', '-')}" for key in sweep_keys())
OPTIONS = (*KEYS, "--output", "--resume", "--overwrite", "--dry-run")
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamw", "lamb", "lbfgs", "lion", "nadam", "radam", "rmsprop", "sgd")
COLUMNS = ("price", "age", "sex", "bmi", "bp", "progression")


@pytest.mark.parametrize(
    ("found", "known", "meant"),
    [
        ("--widht", OPTIONS, "--width"),
        ("--wdith", OPTIONS, "--width"),
        ("--aplha", OPTIONS, "--alpha"),
        ("--learningrate", OPTIONS, "--learning-rate"),
        ("--lr", OPTIONS, "--learning-rate"),
        ("--learning_rate", OPTIONS, "--learning-rate"),
        ("--batch", OPTIONS, "--batch-size"),
        ("--step", OPTIONS, "--steps"),
        ("--epochs", OPTIONS, "--steps"),
        ("--untill", OPTIONS, "--until"),
        ("--optim", OPTIONS, "--optimizer"),
        ("--standardize", OPTIONS, "--standardise"),
        ("--targets", OPTIONS, "--target"),
        ("Adam", OPTIMIZERS, "adam"),
        ("adm", OPTIMIZERS, "adam"),
        ("sgdd", OPTIMIZERS, "sgd"),
        ("rms", OPTIMIZERS, "rmsprop"),
        ("tahn", ACTIVATIONS, "tanh"),
        ("ReLU", ACTIVATIONS, "relu"),
        ("cub2d", PROBLEMS, "cub1d"),
        ("gauss", PROBLEMS, "gauss5"),
        ("prise", COLUMNS, "price"),
        ("Age", COLUMNS, "age"),
        ("progresion", COLUMNS, "progression"),
    ],
)
def test_what_is_near_is_offered(found: str, known: tuple[str, ...], meant: str) -> None:
    assert nearest(found, known) == meant


@pytest.mark.parametrize(
    ("found", "known"),
    [
        *((option, OPTIONS) for option in (
            "--noise", "--gamma", "--beta", "--sigma", "--layers", "--device", "--loss", "--log", "--name", "--dropout",
            "--momentum", "--verbose", "--quiet", "--debug", "--lambda", "--force", "--q", "--",
        )),
        *((name, OPTIMIZERS) for name in ("shampoo", "momentum", "newton", "foo", "")),
        *((name, ACTIVATIONS) for name in ("softplus", "sigmoid", "cos", "swish")),
        *((name, PROBLEMS) for name in ("mnist", "cifar10", "xor", "cube")),
        *((name, COLUMNS) for name in ("zz", "y", "height", "x" * 5000)),
    ],
)  # fmt: skip
def test_what_is_far_is_not(found: str, known: tuple[str, ...]) -> None:
    assert nearest(found, known) is None


def test_a_line_has_the_hint_or_none() -> None:
    assert unknown_name("key", "widht", sweep_keys()).endswith(" Did you mean `width`?")
    assert "Did you mean" not in unknown_name("key", "noise", sweep_keys())
    assert "one activation is expected" in unknown_name("activation", "tanh,relu", ACTIVATIONS)
