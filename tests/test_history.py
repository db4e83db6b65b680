"""Curves of a loss history: where they end, and how."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mstage.analysis.stages.detection import detect_stages
from mstage.errors import InputError
from mstage.history import RunStatus, curves

NAN, INF = np.nan, np.inf
STEPS = np.arange(1, 301)


@pytest.mark.parametrize(
    ("spoilt", "diverged"),
    [({}, False), ({150: INF}, False), ({150: NAN}, False), ({299: NAN}, True), ({299: INF}, True), ({0: INF}, False)],
)
def test_a_run_without_a_status_diverged_if_its_last_record_is_not_finite(
    spoilt: dict[int, float], diverged: bool
) -> None:
    """One loss that overflowed in the middle was once a divergence, and an end in NaN was none."""
    loss = np.linspace(2, 1, 300)
    loss[list(spoilt)] = list(spoilt.values())
    history = xr.DataArray(loss, dims="step", coords={"step": STEPS})
    (curve,) = curves(history)
    assert curve.diverged is diverged
    (run,) = detect_stages(history).runs
    assert run.status == ("diverged" if diverged else "ok")
    (backwards,) = curves(history[::-1])
    assert backwards.diverged is diverged


def test_what_lies_beyond_the_last_step_does_not_count() -> None:
    loss = np.where(STEPS <= 200, 1.0, NAN)
    history = xr.DataArray(loss, dims="step", coords={"step": STEPS, "last_step": 200})
    (curve,) = curves(history)
    assert not curve.diverged
    assert curve.loss.size == 200
    (curve,) = curves(history.assign_coords(last_step=201))
    assert curve.diverged


def test_a_status_is_decisive() -> None:
    loss = np.where(STEPS <= 200, 1.0, NAN)
    history = xr.DataArray(loss, dims="step", coords={"step": STEPS})
    for status in set(RunStatus) - {RunStatus.DAMAGED}:
        (curve,) = curves(history.assign_coords(status=int(status)))
        assert curve.diverged is (status is RunStatus.DIVERGED)
    assert list(curves(history.assign_coords(status=int(RunStatus.DAMAGED)))) == []


@pytest.mark.parametrize(
    ("loss", "coords", "message"),
    [
        (np.ones(9) * 1j, {"step": np.arange(9)}, "loss history holds complex128"),
        (np.array(["a"] * 9), {"step": np.arange(9)}, "loss history holds"),
        (np.array([None, *[1.0] * 7, "x"], object), {"step": np.arange(9)}, "loss history holds object"),
        (np.ones(9), {"step": np.arange(9).astype("M8[ns]")}, "coordinate `step` holds datetime64"),
        (np.ones(9), {"step": np.arange(9), "time": 3.0}, "`time` of the loss history lies over"),
        (np.ones(9), {"step": np.arange(9), "last_step": "x"}, "`last_step` holds"),
        (np.ones(9), {"step": np.arange(9), "last_step": ("step", np.arange(9))}, "one for each run"),
    ],
)
def test_what_is_no_history_of_numbers_is_refused(loss: np.ndarray, coords: dict, message: str) -> None:
    """Each was an error of NumPy, a warning or, worse, a clock of nanoseconds since 1970."""
    with pytest.raises(InputError, match=message):
        detect_stages(xr.DataArray(loss, dims="step", coords=coords))


@pytest.mark.parametrize("kind", ["f4", "f2", "i8", "?", ">f8", "O"])
def test_numbers_of_any_type_are_a_history(kind: str) -> None:
    (run,) = detect_stages(xr.DataArray(np.ones(9).astype(kind), dims="step", coords={"step": np.arange(9)})).runs
    assert run.status == "ok"
