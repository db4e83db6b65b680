"""A sweep's problem is a name, a table or a training set, and each becomes a training set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mstage.readers.tables.table import read_table
from mstage.simulate.problems import load_problem
from mstage.spec import BuiltIn, Table
from mstage.training_set import training_set
from mstage.workflows.problems import training_set_of


def test_each_kind_of_problem(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,2\n2,4\n4,5\n")
    table = Table(str(tmp_path / "t.csv"), "y")
    ready = training_set(np.eye(3), np.arange(3))
    assert training_set_of(BuiltIn("sin1d")) == load_problem("sin1d")
    assert training_set_of(table) == read_table(table)
    assert training_set_of(ready) is ready
