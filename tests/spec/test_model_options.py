"""Options behind the name of a model are the keys that they stand for, on the command line and in a file."""

from __future__ import annotations

from typing import Any

import pytest

from mstage.cli.sweep_arguments import merged
from mstage.errors import UsageError
from mstage.spec import MLP, Sweep, TwoLayer


def model_of(**values: Any) -> Any:
    return Sweep.from_dict({"steps": 1, **values}).model


def test_options_behind_a_name_are_its_keys() -> None:
    assert model_of(model="mlp:depth=3,width=64, output-gain=0.5,bias=true,activation=relu") == MLP(
        depth=3, width=64, output_gain=0.5, bias=True, activation="relu"
    )
    assert model_of(model="mlp:depth=3", width=[2, 4]) == MLP(depth=3, width=(2, 4))
    assert model_of(model="mlp:depth=2:4:3") == MLP(depth=(2, 3, 4))
    assert model_of(model="two-layer:") == TwoLayer()
    assert Sweep.from_dict({"steps": 1, "model": "mlp:depth=3"}).to_dict()["model"] == "mlp"


def test_options_behind_a_name_win_over_a_file() -> None:
    over = merged({"model": "mlp:depth=2,width=8", "steps": 1}, {"model": "mlp:depth=3"})
    assert Sweep.from_dict(over).model == MLP(depth=3, width=8)
    other = merged({"model": "mlp:depth=2,width=8", "steps": 1}, {"model": "two-layer:alpha=2"})
    assert Sweep.from_dict(other).model == TwoLayer(alpha=2, width=8)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": "mlp:depth=2", "depth": 2}, "`depth` is given twice"),
        ({"model": "mlp:output-gain=2", "output-gain": 2}, "`output-gain` is given twice"),
        ({"model": "mlp:output-gain=1,output_gain=1"}, "`output-gain` is given twice"),
        ({"model": "mlp:depth=2,depth=2"}, "model option `depth` is given twice"),
        ({"model": "mlp:dept=2"}, "model mlp: unknown option `dept`.*Did you mean `depth`?"),
        ({"model": "mlp:alpha=2"}, "model mlp: unknown option `alpha`"),
        ({"model": "mlp:depth=2,3"}, "`3` is not of the form option=value.*--depth 2,3"),
        ({"model": "mlp:=3"}, "`=3` is not of the form"),
        ({"model": "mlp:bias=2"}, "bias `2`: expected true or false"),
        ({"model": "mlp:depth=0"}, "depth 0: has to be from 1 to 100"),
        ({"model": "mlpp:depth=2"}, "unknown model `mlpp`"),
        ({"model": "mlp:alpha=2\x1b"}, "unknown option `alpha`"),
    ],
)
def test_refusals(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        model_of(**values)
    assert "\x1b" not in str(caught.value)
