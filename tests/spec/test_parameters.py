"""Parameters: what a dataclass of them refuses and holds, and the options, keys and axes that follow from it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from pickle import dumps, loads

import numpy as np
import pytest
import typer

from mstage.cli import sweep_options
from mstage.errors import UsageError
from mstage.spec.dynamics import DYNAMICS
from mstage.spec.keys import FAMILIES
from mstage.spec.models import MODELS
from mstage.spec.parameters import Choice, Number, Numbers, Plain, WholeNumbers, declared, numbers_of
from mstage.spec.sweep import Sweep, sweep_keys


@dataclass(frozen=True)
class Product:
    """A model of two parameters, as somebody might add one."""

    kappa: Numbers = Number(
        help="Balance of the layers.", metavar="K", is_axis=True, least=0, above=True, rule="above 0", default=(1.0,)
    )
    alpha: Numbers = Number(help="Scale.", metavar="A", is_axis=True, rule="finite", default=(0.5,))
    depth: WholeNumbers = Number(
        help="Layers.", metavar="L", is_axis=True, is_static=True, only_varied=True, whole=True, least=1, most=9,
        rule="from 1 to 9", default=(2,),
    )  # fmt: skip
    shape: Plain[str] = Choice(help="Shape.", metavar="NAME", known=("thin", "wide"), default="thin")

    def check_dtype(self, dtype: str) -> None:
        """All are well."""


def test_a_dataclass_of_parameters_is_like_any_other() -> None:
    one = Product(kappa=2, depth=np.int64(3))
    assert (one.kappa, one.alpha, one.depth, one.shape) == ((2.0,), (0.5,), (3,), "thin")
    assert one == Product((2.0,), depth=[3]) != Product(2, depth=4)
    assert hash(one) == hash(loads(dumps(one)))
    assert loads(dumps(one)) == one
    assert repr(one) == "Product(kappa=(2.0,), alpha=(0.5,), depth=(3,), shape='thin')"
    assert replace(one, kappa=range(1, 3)).kappa == (1.0, 2.0)
    with pytest.raises(FrozenInstanceError):
        one.kappa = (1.0,)  # type: ignore[misc]
    for bad in ({"kappa": 0}, {"kappa": "1"}, {"depth": 2.5}, {"depth": (2, 2)}, {"shape": "round"}, {"depth": ()}):
        with pytest.raises(UsageError, match=next(iter(bad))):
            Product(**bad)


def test_axes_stand_in_the_order_of_all_results() -> None:
    found = numbers_of(Product(kappa=(1, 2)))
    assert {name: values for name, (_, values) in found.items()} == {"alpha": (0.5,), "kappa": (1, 2), "depth": (2,)}
    assert list(found) == ["alpha", "kappa", "depth"]
    assert [known.spans(values) for known, values in found.values()] == [True, True, False]
    assert list(Sweep(steps=1).axes) == ["alpha", "width", "seed", "learning_rate"]


def test_a_new_model_is_an_option_a_key_and_an_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "product", Product)
    assert {"kappa", "depth", "shape"} <= set(sweep_keys())
    sweep = Sweep.from_dict({"model": "product", "kappa": "1:2:3", "seeds": 2, "steps": 5})
    assert sweep.axes == {"alpha": (0.5,), "seed": (0, 1), "learning_rate": (0.1,), "kappa": (1.0, 1.5, 2.0)}
    assert Sweep.from_dict(sweep.to_dict()) == sweep
    with pytest.raises(UsageError, match=r"width `5`: belongs to --model two-layer or .*; leave it out"):
        Sweep.from_dict({"model": "product", "width": 5, "steps": 5})
    with pytest.raises(UsageError, match="kappa `5`: belongs to --model product"):
        Sweep.from_dict({"kappa": 5, "steps": 5})

    @sweep_options.with_sweep_options
    def command(context: typer.Context, **values: object) -> int:
        return len(values) + bool(context)

    app = typer.Typer()
    app.command()(command)
    options = {one.name for one in typer.main.get_command(app).params}
    assert set(sweep_keys()) <= options


def test_the_defaults_of_a_sweep_are_the_first_of_their_families() -> None:
    sweep = Sweep(steps=1)
    assert {"model": type(sweep.model), "dynamics": type(sweep.dynamics)} == {
        family: next(iter(members.values())) for family, members in FAMILIES.items()
    }


@pytest.mark.parametrize("owner", [*MODELS.values(), *DYNAMICS.values()])
def test_every_parameter_says_what_it_is(owner: type) -> None:
    for known in declared(owner).values():
        assert known.help.endswith(".")
        assert not isinstance(known, Number) or not known.is_axis or known.meaning
