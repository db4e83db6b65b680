"""`mstage models`: what it lists is what `mstage train` takes, in every format."""

from __future__ import annotations

import csv
import io
import json

import pytest

from mstage.spec.models import MODELS
from mstage.spec.parameters import declared
from mstage.spec.sweep import Sweep
from tests.cli.run import assert_refused, mstage

DIAGONAL = """\
diagonal: A diagonal linear network: f(x) = sum_i (u_i^D - v_i^D) x_i of `degree` D.

option              default  axis  meaning
────────────────────────────────────────────────────────────
--initial-weight W  0.1      yes   All weights at the start.
--degree D          2        yes   Degree D in the weights.
Its weights all start at u_i = v_i = initial_weight, so that f = 0 there, whatever the seed.
Papers: B. Woodworth et al., 2020, arXiv 2002.09277: from small weights of degree 2 gradient flow finds the \
interpolation of least l1 norm, from large ones that of least l2 norm; u_i v_i does not move.
"""


def test_a_model_is_a_table_of_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "models", "diagonal")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.rstrip() for line in outcome.out.splitlines()] == DIAGONAL.splitlines()


def test_every_model_is_listed_with_all_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "models", "--format", "json")
    found = json.loads(outcome.out)["models"]
    assert [one["name"] for one in found] == list(MODELS)
    for one in found:
        assert "f(x) = " in one["equation"]
        assert one["papers"]
        assert all(f"arXiv {number}" in one["references"] for number in one["papers"])
        assert [parameter["name"] for parameter in one["parameters"]] == list(declared(MODELS[one["name"]]))
        # The defaults as they are listed make the model that a sweep has if it is given none.
        given = {parameter["name"]: parameter["default"] for parameter in one["parameters"]}
        assert Sweep.from_dict({"model": one["name"], "steps": 1, **given}).model == MODELS[one["name"]]()
    table, markdown = (mstage(capsys, "models", *arguments).out for arguments in ((), ("--format", "markdown")))
    for one in found:
        for parameter in one["parameters"]:
            assert f"\n{parameter['option']} " in table
            assert f"\n| {parameter['option']} |" in markdown


def test_csv_has_a_row_a_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(mstage(capsys, "models", "--format", "csv").out)))
    assert [(row["model"], row["name"]) for row in rows] == [
        (one, key) for one in MODELS for key in declared(MODELS[one])
    ]
    gain = next(row for row in rows if row["name"] == "output_gain")
    assert (gain["model"], gain["default"], gain["default_text"]) == ("mlp", "", "that of the others")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["two-layers"], "unknown model `two-layers`.*`two-layer`"), (["--format", "yaml"], "unknown format `yaml`")],
)
def test_refusals(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(mstage(capsys, "models", *arguments), 2, said)
