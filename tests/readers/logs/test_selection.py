"""What is chosen of a log, and what a curve makes of values that are not finite, repeated or out of order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mstage.errors import InputError
from mstage.history import RunStatus, curves
from mstage.readers.logs.selection import Choice, Selection, choose
from mstage.readers.logs.sniff import read_log


def choice_of(text: str, folder: Path, *loss: str) -> Choice:
    (folder / "log").write_text(text)
    return choose([read_log(str(folder / "log"))], Selection(loss))[0]


def test_names_patterns_and_others(tmp_path: Path) -> None:
    text = "step,loss,val_loss,acc,lr\n" + "".join(f"{k},{k},{k},{k},0.1\n" for k in range(9))
    choice = choice_of(text, tmp_path)
    assert [one.series.name for one in choice.chosen] == ["loss"]
    assert choice.others == ["val_loss", "acc", "lr"]
    several = choice_of(text, tmp_path, "acc", "*LOSS")
    assert [one.series.name for one in several.chosen] == ["acc", "loss", "val_loss"]
    with pytest.raises(InputError, match=r"no series `los`; it has `loss`, .*Did you mean --loss 'loss'\?"):
        choice_of(text, tmp_path, "los")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_values_are_kept_as_they_were_logged(form: str, tmp_path: Path) -> None:
    """NaN and infinite values are values; blank cells and null are none; negative ones and zeros are as good as any."""
    values = ["1.5", "NaN", None, "-Infinity", "-0.25", "0", "Infinity", "1e-320", "0.5"]
    if form == "csv":
        text = "step,loss\n" + "".join(f"{k},{value or ''}\n" for k, value in enumerate(values))
    else:
        text = "".join(f'{{"step": {k}, "loss": {value or "null"}}}\n' for k, value in enumerate(values))
    (curve,) = choice_of(text, tmp_path).chosen
    expected = [float(value) for value in values if value is not None]
    np.testing.assert_array_equal(curve.series.column.values, expected)
    np.testing.assert_array_equal(curve.clock.values, [0, 1, 3, 4, 5, 6, 7, 8])
    assert curve.not_finite == 3


def test_steps_are_kept_in_the_order_of_the_log(tmp_path: Path) -> None:
    steps = [5, 1, 1, 3, "", 2, "nan"]
    text = "step,loss\n" + "".join(f"{step},{k}\n" for k, step in enumerate(steps))
    (curve,) = choice_of(text, tmp_path).chosen
    history = curve.history()
    np.testing.assert_array_equal(history["step"], [5, 1, 1, 3, 2])
    np.testing.assert_array_equal(history, [0, 1, 2, 3, 5])
    assert curve.repeated == 1
    assert int((~curve.kept).sum()) == 2


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([1, 2, np.nan], RunStatus.DIVERGED),
        ([1, 2, np.inf], RunStatus.DIVERGED),
        ([1, np.inf, 2], RunStatus.FINISHED),  # a step that was skipped
        ([np.nan, 2, 1], RunStatus.FINISHED),
    ],
)
def test_diverged_is_what_ends_without_a_number(values: list[float], status: RunStatus, tmp_path: Path) -> None:
    text = "step,loss\n" + "".join(f"{k},{value}\n" for k, value in enumerate(values))
    (curve,) = choice_of(text, tmp_path).chosen
    history = curve.history()
    assert history["status"].item() == status
    (one,) = curves(history)
    assert one.diverged == (status is RunStatus.DIVERGED)
    assert dict(one.run) == {"log": str(tmp_path / "log"), "series": "loss"}


def test_the_end_is_the_last_place_on_the_clock(tmp_path: Path) -> None:
    (curve,) = choice_of("step,loss\n3,1\n4,nan\n1,2\n2,1.5\n", tmp_path).chosen
    assert curve.history()["status"].item() == RunStatus.DIVERGED


def test_a_series_without_a_name_is_taken_if_there_is_no_other(tmp_path: Path) -> None:
    assert choice_of("10,0.5\n20,0.4\n30,0.3\n40,0.2\n", tmp_path).chosen[0].clock.kind == "step"
    np.save(tmp_path / "loss.npy", np.linspace(1, 0, 50))
    (choice,) = choose([read_log(str(tmp_path / "loss.npy"))], Selection())
    assert (choice.chosen[0].clock.kind, choice.chosen[0].series.points) == ("record", 50)
    with pytest.raises(InputError, match="no series that is a loss"):
        choice_of("10,0.5,1\n20,0.4,2\n30,0.3,3\n40,0.2,1\n", tmp_path)
