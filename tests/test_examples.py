"""The examples: what they export is what they say, and each script answers its question."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from mstage.readers.tables.table import read_table
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "printed"),
    [
        (
            "01_stages_of_a_network.py",
            r"secondary plateau .*\n(.*\n)*alpha 1.5: exit time predicted 6\.\d+, measured 6\.",
        ),
        ("02_length_of_the_first_plateau.py", r"alpha 1: slope 0\.[89]\d* \(.*\), predicted at these widths 0\.91"),
        ("03_which_targets_are_escaped.py", r"R_lin at t = 2000, by seed: 0\.0.*\n.*no escape.*\n.*by seed: 1\.0"),
        ("04_early_warning.py", r"3 of 3 runs escape, at t = \d+; the distance had doubled [1-9]\d* before"),
        ("05_who_escapes.py", r"(seed \d: the largest neuron has \d+% .* was number 1\n){4}"),
        ("07_a_log_of_your_own.py", r"initial plateau .*\ninitial descent .*\nsecondary plateau .* to +1\d\d\d "),
        ("08_gradient_flow.py", r"\n  100 +\d+\.\d +\d+\.\d +\d\d +\d{4}\n"),
        (
            "09_edge_of_stability.py",
            r"\n +0\.05 .* 0\.05\d .*\n +1 +2\.000 .* 0\.9\d\d .*\n +1\.2 .* (0\.9|1\.0)\d\d .*\n",
        ),
        ("06_phase_diagram.py", r" 0\.30 .*-0\.\d+  linear\n(.*\n)* 1\.00 .*\+0\.4\d  condensed"),
    ],
)
def test_numbered_scripts_answer_their_questions(
    script: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (EXAMPLES / script).read_text("utf-8")
    assert len(source.splitlines()) < 80
    assert source.splitlines()[0].endswith("?")
    monkeypatch.setattr("sys.argv", [script, "--quick"])
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    assert re.search(printed, capsys.readouterr().out)


def test_every_numbered_script_is_tested() -> None:
    listed = test_numbered_scripts_answer_their_questions.pytestmark[0].args[1]
    assert sorted(path.name for path in EXAMPLES.glob("[0-9]*.py")) == sorted(script for script, _ in listed)


@pytest.mark.slow
def test_the_log_is_the_one_that_the_script_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["07_a_log_of_your_own.py", str(tmp_path / "metrics.csv")])
    runpy.run_path(str(EXAMPLES / "07_a_log_of_your_own.py"), run_name="__main__")
    made, kept = (pd.read_csv(path) for path in (tmp_path / "metrics.csv", EXAMPLES / "metrics.csv"))
    pd.testing.assert_frame_equal(made, kept, rtol=1e-4)


@pytest.mark.slow
def test_a_figure_of_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "plateaus.png"
    monkeypatch.setattr("sys.argv", ["02_length_of_the_first_plateau.py", "--quick", str(made)])
    runpy.run_path(str(EXAMPLES / "02_length_of_the_first_plateau.py"), run_name="__main__")
    assert made.read_bytes().startswith(b"\x89PNG")
