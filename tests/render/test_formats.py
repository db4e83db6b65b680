from __future__ import annotations

import io
import json
import math

import numpy as np
import pandas as pd
import pytest

from mstage.analysis.stages.groups import StageGroups
from mstage.errors import UsageError
from mstage.render.formats import Format, csv_text, json_text
from tests.render.synthetic import small_sweep


def test_json_knows_no_numbers_that_are_not_finite():
    text = json_text("a.csv", {"x": [1.5, math.nan, math.inf, (-math.inf, None)], "y": {"z": np.float64("nan")}})
    assert json.loads(text) == {"format": 1, "source": "a.csv", "x": [1.5, None, None, [None, None]], "y": {"z": None}}
    assert text.endswith("}\n")


def test_json_takes_what_numpy_has():
    values = {"n": np.int64(3), "x": np.float32(0.5), "b": np.bool_(True), "a": np.array([[1.0, np.nan]]), 400: "key"}
    assert json.loads(json_text("s", values)) == {
        "format": 1, "source": "s", "n": 3, "x": 0.5, "b": True, "a": [[1.0, None]], "400": "key"
    }  # fmt: skip


def test_csv_is_read_back_to_the_bit():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": 10 ** rng.uniform(-300, 300, 200), "name": 'a,"b"', "k": np.arange(200)})
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(csv_text(table))), table)


def test_csv_writes_out_control_characters_and_json_is_exact():
    names = ["a\n\x1b[2J\x00", "\u202eb\x9b", "é²界"]
    assert csv_text(pd.DataFrame({"n\r": names, "x": 1.5})).splitlines() == [
        r"n\r,x", r"a\n\x1b[2J\x00,1.5", r"\u202eb\x9b,1.5", "é²界,1.5",
    ]  # fmt: skip
    text = json_text("s\udcff", {name: name for name in [*names, "\ud800\x7f"]})
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == {"format": 1, "source": "s\udcff"} | {name: name for name in [*names, "\ud800\x7f"]}


def test_csv_of_stages_is_read_back():
    table = StageGroups.of(small_sweep()).to_dataframe()
    back = pd.read_csv(io.StringIO(csv_text(table)))
    pd.testing.assert_frame_equal(back, table, check_dtype=False)


def test_csv_is_empty_where_a_value_is_not_finite():
    table = pd.DataFrame({"x": [1.5, math.inf, -math.inf, math.nan], "n": pd.array([1, None, 3, 4], "Int64")})
    assert csv_text(table) == "x,n\n1.5,1\n,\n,3\n,4\n"


@pytest.mark.parametrize("text", ["json", " JSON ", "Json"])
def test_a_format_is_read_as_it_is_typed(text):
    assert Format.parse(text) is Format.JSON


def test_an_unknown_format_is_refused_with_the_nearest():
    with pytest.raises(
        UsageError, match=r"--format: unknown format `jsn`; known: csv, json, markdown, table. Did you mean `json`\?"
    ):
        Format.parse("jsn")
