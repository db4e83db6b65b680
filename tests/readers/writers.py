"""Logs as they are found in the wild, written by what writes them there where that installs in reasonable time.

TensorBoard events are written by tensorboard and tensorboardX, tables by pandas, NumPy and pyarrow. Lightning's, Keras'
and Hugging Face's writers come with torch or TensorFlow; what they write is a handful of lines around csv and json,
repeated here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboardX import SummaryWriter

Losses = Sequence[float]


def staircase(count: int = 200) -> np.ndarray:
    """A loss with a plateau, a descent and another plateau, to four digits as most programs print it."""
    step = np.arange(1, count + 1)
    return np.round(1 / (1 + (step / 40.0) ** 4) + 0.1 + 0.002 * np.sin(7.0 * step), 4)


def events_v1(folder: Path, losses: Losses, tag: str = "train/loss", every: int = 10) -> None:
    """Scalars as PyTorch's and tensorboardX's SummaryWriter write them."""
    writer = SummaryWriter(str(folder))
    for place, loss in enumerate(losses, 1):
        writer.add_scalar(tag, loss, place * every, walltime=1.6e9 + place)
        writer.add_scalar("lr", 0.1, place * every, walltime=1.6e9 + place)
    writer.add_text("config", "a text")
    writer.add_histogram("weights", np.arange(10.0), 0)
    writer.close()


def events_v2(folder: Path, losses: Losses, tag: str = "train/loss", every: int = 10) -> None:
    """Scalars as TensorFlow 2 writes them: tensors without axes."""
    writer = EventFileWriter(str(folder))
    for place, loss in enumerate(losses, 1):
        event = Event(wall_time=1.6e9 + place, step=place * every, summary=scalar_pb(tag, loss))
        if place > 1:  # only the first value of a tag says what it is
            event.summary.value[0].ClearField("metadata")
        writer.add_event(event)
    writer.close()


def event_bytes(write: Callable[[Path, Losses], None], losses: Losses) -> bytes:
    """The event file that a writer writes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), losses)
        (path,) = Path(folder).iterdir()
        return path.read_bytes()


def lightning_csv(losses: Losses) -> bytes:
    """As lightning.fabric.loggers.csv_logs: sorted names, rows of steps and of epochs interleaved."""
    rows: list[dict[str, float]] = []
    for place, loss in enumerate(losses, 1):
        rows.append({"train_loss_step": loss, "epoch": place // 20, "step": place * 10})
        if place % 20 == 0:
            rows.append({"val_loss": loss * 1.1, "epoch": place // 20 - 1, "step": place * 10})
            rows.append({"train_loss_epoch": loss * 1.02, "epoch": place // 20 - 1, "step": place * 10})
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, fieldnames=sorted(set().union(*rows)))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def keras_csv(losses: Losses) -> bytes:
    """As keras.callbacks.CSVLogger: the epoch and the sorted names; no step."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, fieldnames=["epoch", "accuracy", "loss", "val_accuracy", "val_loss"])
    writer.writeheader()
    for epoch, loss in enumerate(losses):
        writer.writerow({"epoch": epoch, "accuracy": 0.9, "loss": loss, "val_accuracy": 0.8, "val_loss": 1.1 * loss})
    return file.getvalue().encode()


def trainer_state(losses: Losses) -> bytes:
    """As transformers.TrainerState.save_to_json, evaluations between and the mean loss at the end."""
    history: list[dict[str, float]] = []
    for place, loss in enumerate(losses, 1):
        history.append({"epoch": place / 50, "grad_norm": 1.0, "learning_rate": 1e-4, "loss": loss, "step": place * 10})
        if place % 50 == 0:
            history.append({"epoch": place / 50, "eval_loss": 1.1 * loss, "eval_runtime": 3.0, "step": place * 10})
    history.append(
        {"epoch": 4.0, "step": 10 * len(losses), "total_flos": 1e18, "train_loss": 0.5, "train_runtime": 9.0}
    )
    state = {"best_metric": None, "epoch": 4.0, "global_step": 10 * len(losses), "log_history": history, "max_steps": 5}
    return (json.dumps(state, indent=2, sort_keys=True) + "\n").encode()


def json_lines(losses: Losses) -> bytes:
    """As LLaMA-Factory writes trainer_log.jsonl."""
    lines = [
        {"current_steps": 10 * k, "total_steps": 2000, "loss": loss, "elapsed_time": f"0:{k // 60:02}:{k % 60:02}"}
        for k, loss in enumerate(losses, 1)
    ]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def chart_export(losses: Losses) -> bytes:
    """As Weights & Biases exports a chart: two runs, the second of which is half as long."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    names = ["fair - sky - train/loss", "deep-sun - train/loss"]
    writer.writerow(["Step", *(f"{name}{end}" for name in names for end in ("", "__MIN", "__MAX"))])
    for place, loss in enumerate(losses, 1):
        second = 2 * loss if place <= len(losses) // 2 else ""
        writer.writerow([place * 10, loss, loss, loss, second, second, second])
    return file.getvalue().encode()


def frame(losses: Losses) -> pd.DataFrame:
    """A plain table."""
    return pd.DataFrame({"step": 10 * np.arange(1, len(losses) + 1), "lr": 0.1, "train_loss": losses})


def parquet(losses: Losses) -> bytes:
    file = io.BytesIO()
    frame(losses).to_parquet(file)
    return file.getvalue()


def npz(losses: Losses) -> bytes:
    file = io.BytesIO()
    np.savez(file, step=10 * np.arange(1, len(losses) + 1), train_loss=np.asarray(losses), kernel=np.zeros((2, 2, 2)))
    return file.getvalue()


def nanogpt(losses: Losses) -> bytes:
    lines = ["step 0: train loss 10.9886, val loss 10.9897"]
    lines += [f"iter {10 * k}: loss {loss:.4f}, time 306.15ms, mfu -100.00%" for k, loss in enumerate(losses, 1)]
    return ("\n".join([*lines, "saving checkpoint to out", "[rank0]: KeyboardInterrupt"]) + "\n").encode()


def progress_text(losses: Losses) -> bytes:
    """A loop as in PyTorch's examples: the batch begins anew in every epoch."""
    lines = [
        f"Train Epoch: {k // 20 + 1} [{64 * (k % 20)}/1280 ({5 * (k % 20)}%)]\tLoss: {loss:.4f}"
        for k, loss in enumerate(losses)
    ]
    return ("\n".join(lines) + "\n").encode()


# By name: the writer; the series and the clock that are to be chosen, the first place on it and the distance of two.
WRITERS: dict[str, tuple[Callable[[Losses], bytes], str, str, float, float]] = {
    "tensorboard v1": (lambda losses: event_bytes(events_v1, losses), "train/loss", "step", 10, 10),
    "tensorboard v2": (lambda losses: event_bytes(events_v2, losses), "train/loss", "step", 10, 10),
    "lightning": (lightning_csv, "train_loss_step", "step", 10, 10),
    "keras": (keras_csv, "loss", "epoch", 0, 1),
    "hugging face": (trainer_state, "loss", "step", 10, 10),
    "json lines": (json_lines, "loss", "step", 10, 10),
    "wandb chart": (chart_export, "train/loss", "step", 10, 10),
    "csv": (lambda losses: frame(losses).to_csv(index=False).encode(), "train_loss", "step", 10, 10),
    "tsv": (lambda losses: frame(losses).to_csv(index=False, sep="\t").encode(), "train_loss", "step", 10, 10),
    "parquet": (parquet, "train_loss", "step", 10, 10),
    "npz": (npz, "train_loss", "step", 10, 10),
    "nanogpt": (nanogpt, "loss", "step", 10, 10),
    "progress": (progress_text, "Loss", "step", 0, 64),
}


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
