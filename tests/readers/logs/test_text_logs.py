"""Lines of text as training loops print them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mstage.errors import UsageError
from mstage.readers.logs.selection import ChosenSeries, Selection, choose
from mstage.readers.logs.sniff import read_log

# A line for record k of epoch e with loss x; the series, the clock and its kind, and the distance of two records.
LINES = [
    ("iter {k}: loss {x:.4f}, time 306.15ms, mfu -100.00%", "loss", "iter", "step", 1),
    ("step:{k}/1000 train_loss:{x:.4f} train_time:{k}ms step_avg:nanms", "train_loss", "step", "step", 1),
    ("s:{k} trl:{x:.4f} lr:1e-4 norm:2.1", "train_loss", "step", "step", 1),
    ("step {k:4d}/200 | loss {x:7.6f} (+nanz)| norm 15.3 (+nanz)| lr 6.0e-04 | 9 ms", "train_loss", "step", "step", 1),
    ("{{'loss': {x:.4f}, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': {k}}}", "loss", "epoch", "epoch", 1),
    ("{{'loss': '{x:.4f}', 'learning_rate': '5e-05', 'epoch': '{k}'}}", "loss", "epoch", "epoch", 1),
    ("Train Epoch: {e} [{b64}/1280 (5%)]\tLoss: {x:.4f}", "Loss", "batch", "step", 64),
    ("Epoch {e}: 45%|███  | {b}/20 [00:12<00:15, 35.2it/s, loss={x:.4f}, v_num=3]", "loss", "batch", "step", 1),
    ("Epoch: [{e}]  [  {b}/20]  eta: 0:12:33  lr: 0.1  loss: {x:.4f} (1.2)", "loss", "batch", "step", 1),
    ("Train: {e} [   {b}/20 (  5%)]  Loss: {x:.4f} (1.2)  Time: 0.5s, 500.0/s", "Loss", "batch", "step", 1),
    ("12:00:00,1 - mmdet - INFO - Epoch [{e}][{b}/20]\tlr: 0.1, eta: 1 day, 2:03:01, loss: {x:.4f}", "loss", "batch",
     "step", 1),
    ("[07/12 10:12:13] ppdet INFO: Epoch: [{e}] [{b}/20] learning_rate: 0.3 loss: {x:.4f}", "loss", "batch",
     "step", 1),
    (" iteration {k:8d}/ 2000 | consumed samples: 320 | learning rate: 1.5E-04 | lm loss: {x:.4E} | loss scale: 1.0 |",
     "lm loss", "iteration", "step", 1),
    ("[Rank 0] steps: {k} loss: {x:.4f} iter time (s): 0.123 samples/sec: 120.3", "loss", "steps", "step", 1),
    ("2024-01-01 10:00:00 | INFO | train_inner | epoch 001: 5 / 20 loss={x:.4f}, num_updates={k}, lr=1e-05", "loss",
     "num_updates", "step", 1),
    ("[rank0]:2024-01-01 - root - INFO - \x1b[31mstep: {k:2}  \x1b[32mloss: {x:7.4f}  \x1b[33mmemory: 1.0GiB(2%)",
     "loss", "step", "step", 1),
    ("Epoch 1 | iter {k} | loss train: {x:.4f}, val: n/a | time: 300.00 ms", "loss train", "iter", "step", 1),
    ("2024-01-01 10:00:00,123 INFO root: Epoch {k}, train loss = {x:.4f}, val loss = 9.5", "train loss", "Epoch",
     "epoch", 1),
    ("[{k}]\ttrain-logloss:{x:.4f}\teval-logloss:9.1", "train-logloss", "iteration", "step", 1),
    ("Epoch {k}/200\n1875/1875 [====] - 5s 2ms/step - loss: {x:.4f} - val_loss: 0.1", "loss", "batch", "step", 1875),
]  # fmt: skip


def read(text: str, folder: Path, pattern: str | None = None) -> ChosenSeries:
    (folder / "log").write_text(text)
    return choose([read_log(str(folder / "log"), pattern=pattern)], Selection())[0].chosen[0]


@pytest.mark.parametrize(("line", "series", "clock", "kind", "distance"), LINES, ids=[row[0][:40] for row in LINES])
def test_lines(line: str, series: str, clock: str, kind: str, distance: float, tmp_path: Path) -> None:
    losses = [round(2 / (k + 1), 4) for k in range(60)]
    text = "Loading 3 shards\n" + "".join(
        line.format(k=k, e=k // 20, b=k % 20, b64=64 * (k % 20), x=loss) + "\n" for k, loss in enumerate(losses)
    )
    curve = read(text + "Traceback: KeyboardInterrupt\n", tmp_path)
    assert (curve.series.name, curve.clock.name, curve.clock.kind) == (series, clock, kind)
    np.testing.assert_allclose(curve.series.column.values, losses, atol=1e-6)
    np.testing.assert_array_equal(np.diff(curve.clock.values), np.full(59, float(distance)))


def test_evaluations_between_do_not_mix_with_training(tmp_path: Path) -> None:
    lines = [f"step {k}: loss {1 / (k + 1):.3f}" for k in range(20)]
    lines[10:10] = ["step 10: val loss 9.5", "Test set: Average loss: 9.9, Accuracy: 9823/10000 (98%)"]
    curve = read("\n".join(lines), tmp_path)
    assert curve.series.points == 20
    assert curve.series.column.values.max() == 1


def test_a_progress_of_another_length_is_left_aside(tmp_path: Path) -> None:
    """Bars of the batches of an epoch, and a line for every epoch, with the same name for their losses."""
    lines = []
    for epoch in range(1, 6):
        lines += [f"Train Loss: {9 - epoch - b / 7:.4f}:  14%|#   | {b}/7 [00:02<00:01,  2.52step/s]" for b in range(8)]
        lines += [f"[{epoch}/100] Train Loss: 99.5, Valid Loss: 99.5", f" Valid: {epoch}/3 [00:01<00:01] loss 99.5"]
    (tmp_path / "log").write_text("\r".join(lines))
    (choice,) = choose([read_log(str(tmp_path / "log"))], Selection(("Train Loss",)))
    history = choice.chosen[0].history()
    assert history.max() < 9
    assert np.all(np.diff(history["step"]) >= 0)
    assert history["step"].max() == 35


def test_losses_that_are_no_numbers(tmp_path: Path) -> None:
    curve = read("".join(f"step {k} loss {'nan' if k > 10 else 1.5}\n" for k in range(20)), tmp_path)
    assert curve.not_finite == 9
    assert curve.history()["status"].item() == 3


def test_windows_text(tmp_path: Path) -> None:
    text = "".join(f"step {k} loss {k / 8}\r\n" for k in range(20))
    (tmp_path / "log").write_bytes(("\ufeff" + text).encode("utf-16-le"))
    (choice,) = choose([read_log(str(tmp_path / "log"))], Selection())
    np.testing.assert_array_equal(choice.chosen[0].series.column.values, np.arange(20) / 8)


def test_pattern_with_names_and_without(tmp_path: Path) -> None:
    text = "".join(f"@{k} -> {k / 4} after 0:01:{k:02d}\n" for k in range(20))
    named = read(text, tmp_path, r"@(?P<epoch>\d+) -> (?P<cost>\S+) after (?P<elapsed>\S+)")
    assert (named.series.name, named.clock.kind) == ("cost", "epoch")
    assert named.series.clock("elapsed")[5] == 65
    plain = read(text, tmp_path, r"@(\d+) -> (\S+)")
    np.testing.assert_array_equal(plain.series.column.values, np.arange(20) / 4)
    assert plain.clock.kind == "step"
    assert read(text, tmp_path, r"-> (\S+)").clock.kind == "record"


@pytest.mark.parametrize(
    ("preset", "name", "line"),
    [("nanogpt", "nanoGPT", 0), ("modded-nanogpt", "modded-nanogpt", 1), ("llm.c", "llm.c", 2)],
)
def test_presets_by_name(preset: str, name: str, line: int, tmp_path: Path) -> None:
    text = "".join(LINES[line][0].format(k=k, x=0.5) + "\n" for k in range(20))
    assert read(text, tmp_path, preset).log.format == read(text, tmp_path).log.format == f"a text log of {name}"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "is no regular expression"), ("loss", "has no group"), (r"(?P<step>\d+)", "all of its groups are clocks")],
)
def test_patterns_that_make_no_sense(pattern: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read("step 1 loss 2\n", tmp_path, pattern)
