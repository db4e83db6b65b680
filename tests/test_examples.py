"""The examples: what they export is what they say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from mstage.simulate.tables import read_table
from mstage.spec import Table

EXAMPLES = Path(__file__).parent.parent / "examples"
DIABETES = EXAMPLES / "diabetes.csv"


def test_the_diabetes_table_is_that_of_scikit_learn() -> None:
    lines = DIABETES.read_text(encoding="ascii").splitlines()
    assert lines[0] == "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,progression"
    values = np.array([[float(part) for part in line.split(",")] for line in lines[1:]])
    bunch = load_diabetes(scaled=False)
    np.testing.assert_array_equal(values, np.column_stack([bunch.data, bunch.target]))


def test_the_script_writes_the_table_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made.csv"
    monkeypatch.setattr("sys.argv", ["export_diabetes.py", str(made)])
    runpy.run_path(str(EXAMPLES / "export_diabetes.py"), run_name="__main__")
    assert made.read_bytes() == DIABETES.read_bytes()


def test_the_diabetes_table_can_be_learnt() -> None:
    data = read_table(Table(str(DIABETES), target="progression"))
    assert data.input_names == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "1")
    assert data.input.shape == (442, 11)
    np.testing.assert_allclose(data.input.mean(axis=0), [0.0] * 10 + [1.0], atol=1e-13)
    np.testing.assert_allclose(data.input.std(axis=0), [1.0] * 10 + [0.0], atol=1e-13)
    np.testing.assert_allclose([data.target.mean(), data.target.std()], [0, 1], atol=1e-13)
    # scikit-learn's own scaling is ours divided by sqrt(442).
    np.testing.assert_allclose(data.input[:, :10], load_diabetes().data * np.sqrt(442), rtol=1e-10, atol=1e-12)
