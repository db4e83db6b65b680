"""Sweep files: every form of every key, what is refused, and the way there and back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from mstage.errors import InputError, UsageError
from mstage.spec import Descent, Flow, Optimizer, Recording, Sweep, Table, TwoLayer
from mstage.spec.sweep import sweep_keys
from mstage.spec.text import parse_axis, read_sweep_file

FULL = """
problem = "sin1d"
activation = "shifted-tanh"
alpha = [0.75, 1, 1.5]
width = "400,1600"
seeds = 3
learning-rate = "0.01:1:3:log"
optimizer = "adam:b1=0.8"
batch_size = 10
steps = 5000
stop-at = 1e-4
record = "log:500"
snapshots = 20
dtype = "float32"
"""


def sweep(**values: Any) -> Sweep:
    return Sweep.from_dict({"until": 10.0, **values})


def refusal(values: dict[str, Any]) -> str:
    """The line that the keys are refused with."""
    with pytest.raises(UsageError) as caught:
        Sweep.from_dict(values, "sweep.toml")
    message = str(caught.value)
    assert message.startswith("sweep.toml: ")
    assert message.isprintable()
    return message


def test_a_file_of_every_key(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(FULL)
    assert Sweep.from_dict(read_sweep_file(path)) == Sweep(
        TwoLayer(activation="shifted-tanh", alpha=(0.75, 1.0, 1.5), width=(400, 1600)),
        problem="sin1d",
        dynamics=Descent(learning_rate=(0.01, 0.1, 1.0), optimizer=Optimizer("adam", {"b1": 0.8}), batch_size=10),
        seed=(0, 1, 2),
        steps=5000,
        stop_at=1e-4,
        recording=Recording("log:500", 20),
        dtype="float32",
    )


def test_what_is_not_said_is_as_in_a_sweep() -> None:
    assert Sweep.from_dict({"until": 5, "alpha": None}) == Sweep(until=5.0)


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        'data = "tables/t.csv"\ntarget = "y"\nfeatures = "a, b c"\nsteps = 5\nstandardise = false\ndrop-missing = true'
    )
    problem = Sweep.from_dict(read_sweep_file(path)).problem
    assert problem == Table(
        str(tmp_path / "tables" / "t.csv"), "y", ("a", "b c"), standardise=False, drop_missing=True
    )  # fmt: skip
    path.write_text('\ufeffdata = "/tables/t.csv"\ntarget = "y"\nfeatures = ["a"]\nsteps = 5\n', encoding="utf-8")
    assert Sweep.from_dict(read_sweep_file(path)).problem == Table("/tables/t.csv", "y", ("a",))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"alpha = ", "is not a TOML file"),
        (b"alpha = 1\nalpha = 2", "is not a TOML file"),
        (b"not toml at all\n\n", "is not a TOML file"),
        (b"\xff\xfe\x00", "is not a TOML file"),
        (b"alpha = " + b"9" * 5000, "is not a TOML file"),
        (b"alpha = " + b"[" * 5000, "is not a TOML file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "sweep.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_sweep_file(path)
    assert str(caught.value).startswith(f"{path}: {found}")
    assert str(caught.value).isprintable()


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(InputError, match="cannot be read"):
            read_sweep_file(path)


def test_an_empty_file_lacks_its_horizon(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("")
    assert "neither is given of --until TIME and --steps N" in refusal(read_sweep_file(path))


# Axes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, (2.0,)),
        (0.5, (0.5,)),
        ([1, 2.5], (1.0, 2.5)),
        ([1, "2"], (1.0, 2.0)),
        ((3,), (3.0,)),
        ("2", (2.0,)),
        (" 1 , 2e-1 ", (1.0, 0.2)),
        ("0.1:0.3:3", (0.1, 0.2, 0.3)),
        ("1:0:5", (1.0, 0.75, 0.5, 0.25, 0.0)),
        ("2:9:1", (2.0,)),
        ("0.001:1:4:log", (0.001, 0.01, 0.1, 1.0)),
        ("-1:1:2", (-1.0, 1.0)),
    ],
)
def test_axes_of_numbers(value: object, expected: tuple[float, ...]) -> None:
    found = parse_axis("alpha", value, float)
    assert found == expected
    assert all(type(number) is float for number in found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (400, (400,)),
        (400.0, (400,)),
        ([100, 200], (100, 200)),
        ("100,200", (100, 200)),
        ("100:400:4", (100, 200, 300, 400)),
        ("100:1600:5:log", (100, 200, 400, 800, 1600)),
        ("0:9:10", tuple(range(10))),
    ],
)
def test_axes_of_whole_numbers(value: object, expected: tuple[int, ...]) -> None:
    found = parse_axis("width", value, int)
    assert found == expected
    assert all(type(number) is int for number in found)


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize(
    "value",
    ["", "x", "1,", ",", "1,,2", "1:2", "1:2:x", "1:2:3:4", "1:2:3:lin", "1:2:2.5", "1:2:0", "1:2:-3", "a:2:3", "::",
     "0:1:3:log", "-1:1:3:log", "nan:1:3", "1:inf:3", "1:2:1000000000000", "1;2", True, None, [None], [[1]], [True],
     {"a": 1}, ["x"]],
)  # fmt: skip
def test_axes_that_make_no_sense(value: object, kind: type[int] | type[float]) -> None:
    with pytest.raises(UsageError, match=r"^alpha `") as caught:
        parse_axis("alpha", value, kind)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [1.5, "1.5", "1e-2", "1.25e1", math.nan, math.inf, [2, 2.5], "nan"])
def test_axes_that_are_not_whole(value: object) -> None:
    with pytest.raises(UsageError, match="expected a whole number"):
        parse_axis("width", value, int)


# Refusals


@pytest.mark.parametrize(
    ("key", "near"),
    [("widht", "width"), ("learning_rates", "learning_rate"), ("standardize", "standardise"), ("stop-et", "stop_at")],
)
def test_an_unknown_key_is_refused_with_the_nearest(key: str, near: str) -> None:
    message = refusal({key: 1, "until": 5})
    assert f"unknown key `{key.replace('-', '_')}`" in message
    assert message.endswith(f"Did you mean `{near}`?")


NONSENSE: list[tuple[str, Any, str]] = [
    ("problem", "cub2d", "unknown problem `cub2d`"),
    ("problem", 5, "problem `5`"),
    ("problem", "", "problem ``"),
    ("model", "two-layers", "unknown model `two-layers`"),
    ("model", 2, "model `2`"),
    ("activation", "tahn", "unknown activation `tahn`"),
    ("activation", 5, "activation `5`"),
    ("activation", ["tanh"], "activation `['tanh']`"),
    ("alpha", "x", "alpha `x`"),
    ("alpha", [], "alpha: the list is empty"),
    ("alpha", math.nan, "alpha nan"),
    ("alpha", [1, 1.0], "alpha: 1.0 is given twice"),
    ("alpha", 99, "alpha 99.0"),
    ("width", 2.5, "width `2.5`"),
    ("width", "4O0", "width `4O0`"),
    ("width", 0, "width 0"),
    ("width", "1:3:100", "width: 1 is given twice"),
    ("width", math.inf, "width `inf`"),
    ("seed", -1, "seed -1"),
    ("seed", "a", "seed `a`"),
    ("seeds", 0, "seeds 0"),
    ("seeds", "two", "seeds `two`"),
    ("seeds", [1, 2], "seeds `[1, 2]`"),
    ("seeds", 10**9, "seeds 1000000000"),
    ("learning_rate", 0, "learning-rate 0.0"),
    ("learning_rate", "fast", "learning-rate `fast`"),
    ("dynamics", "flaw", "unknown dynamics `flaw`"),
    ("dynamics", 3, "dynamics `3`"),
    ("tolerance", "small", "tolerance `small`"),
    ("tolerance", 1e-4, "tolerance `0.0001`: belongs to --dynamics flow"),
    ("optimizer", "", "optimizer ``"),
    ("optimizer", 3, "optimizer `3`"),
    ("optimizer", "adam:b1", "optimizer option `b1`"),
    ("batch_size", 0, "batch-size 0"),
    ("batch_size", "all", "batch-size `all`"),
    ("batch_size", 2.5, "batch-size `2.5`"),
    ("batch_size", True, "batch-size `True`"),
    ("until", "long", "until `long`"),
    ("until", 0, "until 0.0"),
    ("until", -5, "until -5.0"),
    ("until", math.inf, "until inf"),
    ("until", [5], "until `[5]`"),
    ("steps", 0, "steps 0"),
    ("steps", 2.5, "steps `2.5`"),
    ("steps", "9" * 400, "steps `9999"),
    ("stop_at", "low", "stop-at `low`"),
    ("stop_at", -1, "stop-at -1.0"),
    ("stop_at", math.nan, "stop-at nan"),
    ("record", "often", "record `often`"),
    ("record", 5, "record `5`"),
    ("record", "every:--5", "record `every:--5`"),
    ("record", ["auto"], "record `['auto']`"),
    ("snapshots", -1, "snapshots -1"),
    ("snapshots", "many", "snapshots `many`"),
    ("snapshots", 1.5, "snapshots `1.5`"),
    ("dtype", "float16", "unknown dtype `float16`"),
    ("dtype", 64, "dtype `64`"),
    ("dtype", "float64\nfloat32", r"unknown dtype `float64\nfloat32`"),
]
TABLE_NONSENSE: list[tuple[str, Any, str]] = [
    ("data", "", "data ``"),
    ("data", 5, "data `5`"),
    ("target", "", "target ``"),
    ("target", ["y"], "target `['y']`"),
    ("features", "", "features ``"),
    ("features", "a,,b", "features ``"),
    ("features", 5, "features `5`"),
    ("features", True, "features `True`"),
    ("features", [1], "features `1`"),
    ("features", [], "the list of features is empty"),
    ("features", "a,y", "the target `y` is among the features"),
    ("features", "a,b,a", "feature `a` is given twice"),
    ("standardise", "no", "standardise `no`"),
    ("intercept", 0, "intercept `0`"),
    ("drop_missing", "true", "drop-missing `true`"),
]
MODEL_NONSENSE: list[tuple[str, str, Any, str]] = [
    ("two-layer", "alpha_output", 99, "alpha-output 99.0"),
    ("two-layer", "alpha_output", [], "alpha-output: the list is empty"),
    ("two-layer", "output_exponent", 11, "output-exponent 11.0: has to be from -10 to 10"),
    ("two-layer", "subtract_start", 1, "subtract-start `1`"),
    ("two-layer", "antisymmetric", 1, "antisymmetric `1`"),
    ("two-layer", "gain", 1.0, "gain `1.0`: belongs to --model mlp or --model linear; leave it out"),
    ("mlp", "alpha", 1.0, "alpha `1.0`: belongs to --model two-layer; leave it out"),
    ("mlp", "gain", 0, "gain 0.0"),
    ("mlp", "gain", "He", "gain `He`"),
    ("mlp", "output_gain", -1, "output-gain -1.0"),
    ("mlp", "output_gain", [1, 1], "output-gain: 1.0 is given twice"),
    ("mlp", "depth", 0, "depth 0: has to be from 1 to 100"),
    ("mlp", "depth", 2.5, "depth `2.5`"),
    ("mlp", "bias", "yes", "bias `yes`"),
    ("mlp", "activation", "tahn", "unknown activation `tahn`"),
    ("linear", "activation", "tanh", "activation `tanh`: belongs to --model two-layer or --model mlp"),
    ("linear", "balanced", 1, "balanced `1`"),
    ("diagonal", "initial_weight", 0, "initial-weight 0.0"),
    ("diagonal", "degree", 0, "degree 0"),
    ("diagonal", "degree", "1:2", "degree `1:2`"),
]


@pytest.mark.parametrize(("key", "value", "found"), NONSENSE)
def test_nonsense(key: str, value: Any, found: str) -> None:
    horizon = {} if key in ("until", "steps") else {"until": 5.0}
    assert refusal({key: value, **horizon}).startswith(f"sweep.toml: {found}")


@pytest.mark.parametrize(("key", "value", "found"), TABLE_NONSENSE)
def test_nonsense_of_a_table(key: str, value: Any, found: str) -> None:
    assert found in refusal({"data": "t.csv", "target": "y", "until": 5.0, key: value})


@pytest.mark.parametrize(("model", "key", "value", "found"), MODEL_NONSENSE)
def test_nonsense_of_a_model(model: str, key: str, value: Any, found: str) -> None:
    assert refusal({"model": model, "until": 5.0, key: value}).startswith(f"sweep.toml: {found}")


def test_nonsense_was_tried_of_every_key() -> None:
    tried = {key for key, _, _ in NONSENSE + TABLE_NONSENSE} | {key for _, key, _, _ in MODEL_NONSENSE}
    assert tried == set(sweep_keys())


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"problem": "cub1d", "data": "t.csv", "target": "y"}, "both `problem` and `data` are given"),
        ({"data": "t.csv"}, "data t.csv: say which column to predict with --target COLUMN"),
        ({"target": "y"}, "`target` belongs to a table; name it with --data FILE"),
        ({"drop_missing": True}, "`drop-missing` belongs to a table"),
        ({"seed": 1, "seeds": 2}, "both `seed` and `seeds` are given"),
        ({"steps": 5}, "both are given of --until TIME and --steps N"),
        ({"until": None}, "neither is given of --until TIME and --steps N"),
        ({"optimizer": "adam"}, "adam has steps only, no time"),
        ({"dynamics": "flow", "tolerance": "small"}, "tolerance `small`: expected a number"),
        ({"dynamics": "flow", "tolerance": 1e-13}, "tolerance 1e-13: has to be from 1e-12"),
        ({"dynamics": "flow", "tolerance": 1e-7, "dtype": "float32"}, "has to be from 1e-06 to 0.1 in float32"),
        ({"dynamics": "flow", "learning_rate": 1}, "learning-rate `1`: belongs to --dynamics descent; leave it out"),
        ({"stop-at": 1, "stop_at": 2}, "`stop-at` and `stop_at` are the same key"),
    ],
)
def test_keys_that_contradict_each_other(values: dict[str, Any], found: str) -> None:
    assert found in refusal({"until": 5.0, **values})


# There and back


@pytest.mark.parametrize(
    "original",
    [
        Sweep(until=5.0),
        Sweep(
            dynamics=Descent(
                optimizer=Optimizer("adam", {"b1": 0.8, "nesterov": True, "mu_dtype": None}), batch_size=3
            ),
            steps=7,
        ),
        Sweep(
            TwoLayer((0.1, 1 / 3), (5, 6), "relu"),
            "gauss5",
            Descent((1e-17, 0.1)),
            (3, 2**32 - 1),
            until=1e-9,
            stop_at=0.0,
        ),
        Sweep(dynamics=Flow(1e-5), until=3.0),
        Sweep(problem=Table("t.csv", "y"), until=1.0, recording=Recording("every:3", 0), dtype="float32"),
        Sweep(
            problem=Table("d/t.npz", "y", ("a", "b, c"), standardise=False, intercept=False, drop_missing=True),
            until=1.0,
        ),
    ],
)
def test_a_sweep_comes_back_from_its_plain_values(original: Sweep) -> None:
    plain = original.to_dict()
    assert set(plain) <= set(sweep_keys())
    assert Sweep.from_dict(plain) == original
    assert Sweep.from_dict(json.loads(json.dumps(plain))) == original
    assert Sweep.from_dict(plain).to_dict() == plain


def test_keys_with_a_dash_are_those_with_an_underscore() -> None:
    assert sweep(**{"learning-rate": 0.2, "batch-size": 3}) == sweep(learning_rate=0.2, batch_size=3)


@pytest.mark.parametrize("value", ["1e2", "100.0", 1e2, "+100", [1e2]])
def test_whole_numbers_however_they_are_written(value: object) -> None:
    assert parse_axis("width", value, int) == (100,)
    assert parse_axis("width", "1e2:1e2:1e0", int) == (100,)
