"""The fit of the true family: it finds its way back to the curve it was drawn from."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from tests.bench.staircases import FAMILIES, Case, cases
from tests.bench.true_family import fitted, names_stages


@pytest.fixture(scope="module", params=FAMILIES)
def case(request: pytest.FixtureRequest) -> Case:
    """One of each family, with the least noise."""
    return next(islice((case for case in cases(7) if case.properties["family"] == request.param), 1))


def test_a_curve_without_noise_is_found_again(case: Case) -> None:
    found = fitted(replace(case, loss=case.clean))
    np.testing.assert_allclose(found(case.clock), case.clean, rtol=5e-3)
    assert names_stages(replace(case, loss=case.clean))


def test_noise_moves_it_by_little(case: Case) -> None:
    """By no more than a record is off."""
    off = np.log(fitted(case)(case.clock) / case.clean)
    assert np.sqrt(np.mean(off**2)) < case.sigma
