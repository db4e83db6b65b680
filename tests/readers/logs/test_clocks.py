"""Clocks that begin anew, that are none, that are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.errors import InputError
from mstage.readers.logs.clocks import clocks_of, counted_on
from mstage.readers.logs.log import Column, Columns, Log, series_of
from mstage.readers.logs.selection import ChosenSeries, Selection, choose

COUNT = 40


def log_of(source: str = "log", **columns: object) -> Log:
    values = {name: Column.whole(np.asarray(value, float)) for name, value in columns.items()}
    return Log(
        source, "a table", series_of(Columns({"loss": Column.whole(np.linspace(1, 0.1, COUNT)), **values}, COUNT))
    )


def chosen(log: Log, clock: str | None = None) -> ChosenSeries:
    return choose([log], Selection(("loss",), clock))[0].chosen[0]


def test_a_step_that_begins_anew_with_every_epoch_is_counted_on() -> None:
    epoch, batch = np.divmod(np.arange(COUNT), 10)
    curve = chosen(log_of(epoch=epoch, batch=50 * batch))
    np.testing.assert_array_equal(curve.clock.values, 50 * np.arange(COUNT))
    assert curve.clock.counted_on == 3


def test_a_run_that_went_back_to_a_checkpoint_is_not() -> None:
    step = np.r_[0:300:10, 200:300:10]
    steps, times = counted_on(step.astype(float), np.repeat([0, 1], 20).astype(float))
    assert times == 0
    np.testing.assert_array_equal(steps, step)


@pytest.mark.parametrize(
    ("columns", "clock"),
    [
        ({"epoch": np.arange(COUNT), "step": 10 * np.arange(COUNT)}, "step"),
        ({"epoch": np.arange(COUNT), "tokens": 512 * np.arange(COUNT)}, "epoch"),
        ({"epoch": np.arange(COUNT) // 10}, "record"),
        ({"step": np.full(COUNT, 7)}, "record"),
        ({"step": np.full(COUNT, np.nan)}, "record"),
        ({"step": np.full(COUNT, 7), "tokens": 512 * np.arange(COUNT)}, "tokens"),
        ({"total_tokens": np.zeros(COUNT), "wall_time": np.arange(COUNT)}, "seconds"),
        ({"time": np.sin(np.arange(COUNT))}, "record"),
        ({}, "record"),
    ],
)
def test_first_clock_there_is(columns: dict[str, np.ndarray], clock: str) -> None:
    assert chosen(log_of(**columns)).clock.kind == clock


def test_time_of_day_begins_at_zero() -> None:
    curve = chosen(log_of(_timestamp=1.7e9 + 3 * np.arange(COUNT)))
    np.testing.assert_allclose(curve.clock.values, 3.0 * np.arange(COUNT))


def test_clock_that_is_asked_for() -> None:
    log = log_of(step=np.arange(COUNT), epoch=np.arange(COUNT) / 10, temperature=np.arange(COUNT) ** 2.0)
    assert chosen(log, "epoch").clock.values[10] == 1
    assert chosen(log, "record").clock.values[0] == 1
    assert chosen(log, "temperature").history().dims == ("temperature",)
    with pytest.raises(InputError, match=r"log: `loss` has no clock `tokens`; it has `step`, `epoch`, `record`"):
        chosen(log, "tokens")
    with pytest.raises(InputError, match="has no clock `stepp`"):
        chosen(log, "stepp")


def test_logs_share_the_kind_of_their_clocks() -> None:
    first = log_of("a", step=np.arange(COUNT), epoch=np.arange(COUNT))
    second = log_of("b", iteration=np.arange(COUNT))
    third = log_of("c", epoch=np.arange(COUNT))
    assert [one.chosen[0].clock.name for one in choose([first, second], Selection())] == ["step", "iteration"]
    assert [one.chosen[0].clock.name for one in choose([first, third], Selection())] == ["epoch", "epoch"]
    with pytest.raises(InputError, match=r"no clock in common: b has step, record; c has epoch, record.*--x record"):
        choose([second, third], Selection())
    assert choose([second, third], Selection((), "record"))


def test_record_is_always_there() -> None:
    assert [clock.kind for clock in clocks_of(log_of().series[0])] == ["record"]


@pytest.mark.parametrize("values", [np.nan, np.inf, -np.inf, 1e308, -1e308, (-1e308, 1e308), (np.inf, np.nan)])
@pytest.mark.parametrize("name", ["wall_time", "step", "epoch"])
def test_a_clock_of_what_cannot_be_subtracted(name: str, values: object) -> None:
    """It leaked warnings of NumPy; what has no distances is no clock."""
    column = np.resize(np.asarray(values, float), COUNT)
    curve = chosen(log_of(**{name: column}))
    assert curve.clock.name == ("record" if np.unique(column).size < 2 or name != "step" else curve.clock.name)


def test_steps_too_large_to_be_counted_on_stay_as_they_are() -> None:
    epoch, batch = np.divmod(np.arange(COUNT), 10)
    steps = (batch - 4.5) * 3e307
    kept, times = counted_on(steps, epoch.astype(float))
    assert times == 0
    np.testing.assert_array_equal(kept, steps)
