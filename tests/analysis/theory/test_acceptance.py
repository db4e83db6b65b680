"""The statements of theory against training, at sizes that take seconds (`make bench` has the larger ones)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mstage
from tests import acceptance


def assert_all_hold(checks: list[acceptance.Check]) -> None:
    assert checks
    assert [str(one) for one in checks if not one.holds] == []


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["cub1d", "sin1d"])
def test_exit_and_level(problem: str) -> None:
    assert_all_hold(acceptance.exit_and_level(problem))


@pytest.mark.slow
def test_exit_on_a_problem_that_is_not_built_in(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    x = random.standard_normal((60, 3))
    y = np.tanh(2 * x[:, 0] - x[:, 1]) + 0.4 * x[:, 2]
    rows = np.column_stack([x, y]).tolist()
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["a,b,c,y", *(",".join(map(repr, row)) for row in rows)]))
    checks = acceptance.exit_and_level(mstage.Table(str(path), target="y"), (400, 800))
    assert_all_hold([one for one in checks if one.statement.startswith("T1")])


@pytest.mark.slow
def test_scaling() -> None:
    checks = acceptance.scaling((200, 400, 800), 4)
    escapes = [one for one in checks if "exponent of T2" in one.statement]
    assert_all_hold([one for one in checks if one not in escapes])
    assert len(checks) == 4 * len(escapes) == 8
    assert all(0.5 < one.measured < 0.95 for one in escapes)  # nearer than that at greater widths


@pytest.mark.slow
def test_early_flow() -> None:
    assert_all_hold(acceptance.early_flow())


@pytest.mark.slow
def test_logistic_rise() -> None:
    assert_all_hold(acceptance.logistic_rise(800))


@pytest.mark.slow
def test_participation() -> None:
    assert_all_hold(acceptance.participation())


@pytest.mark.slow
def test_escape_is_decided_by_the_sign() -> None:
    assert_all_hold(acceptance.escape_is_decided_by_the_sign(4000.0))


@pytest.mark.slow
def test_escape_does_not_depend_on_alpha() -> None:
    assert_all_hold(acceptance.escape_does_not_depend_on_alpha(800))


@pytest.mark.slow
def test_linear_network() -> None:
    assert_all_hold(acceptance.linear_network())


def test_a_check_can_fail() -> None:
    assert not acceptance.relative("T1", 1.04, 1.0, 0.03).holds
    assert not acceptance.Check("level", float("nan"), 0.0, 1.0).holds
    assert "MISSED" in str(acceptance.Check("level", 2.0, 0.0, 1.0))
