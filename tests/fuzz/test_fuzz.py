"""Broken and made-up inputs end in a sound result or one clear line; thousands of them by `python -m tests.fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.check import results


def test_a_few_mutations(tmp_path: Path) -> None:
    found = list(results(range(20_000, 20_018), tmp_path))  # the next two are of stores, which have to be trained
    assert [end for end in found if end.complaint] == []


@pytest.mark.slow
def test_some_more_mutations(tmp_path: Path) -> None:
    found = list(results(range(20_018, 20_150), tmp_path))
    assert [end for end in found if end.complaint] == []
    assert {end.code for end in found} >= {0, 2, 3}
