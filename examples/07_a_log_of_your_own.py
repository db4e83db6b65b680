"""Where are the stages of a log that somebody else's program wrote?

    python examples/07_a_log_of_your_own.py [--quick] [LOG.csv]

Writes the losses of a run in small batches as Lightning's logger would (rows of steps and rows of epochs,
blank where there is nothing), reads them back as any log, and finds their stages. `examples/metrics.csv` is
the file that it writes.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

import mstage


def write_log(path: Path, steps: int) -> None:
    """Losses of one network every ten steps, and its epochs' means."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(width=(100,)),
        problem="cub1d",
        dynamics=mstage.Descent(batch_size=8, learning_rate=(0.05,)),
        steps=steps,
        recording=mstage.Recording("every:10", 0),
    )
    loss = mstage.train(sweep).loss.isel(alpha=0, width=0, seed=0, learning_rate=0).to_series().iloc[1:]
    table = pd.DataFrame({"epoch": loss.index // 5, "step": loss.index, "train_loss": loss.values})
    every = table.groupby(table["epoch"] // 100).agg({"epoch": "max", "step": "max", "train_loss": "mean"})
    epochs = every.rename(columns={"train_loss": "train_loss_epoch"})
    both = pd.concat([table, epochs]).sort_values("step", kind="stable")
    both.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def main(quick: bool = False, log: str | None = None) -> None:
    with TemporaryDirectory() as folder:
        path = Path(log or f"{folder}/metrics.csv")
        write_log(path, 4000 if quick else 8000)
        for stage in mstage.detect_stages(str(path)).runs[0].stages:
            print(
                f"{stage.name:18} from step {stage.start:6.0f} to {stage.end:6.0f} ({stage.end_low:.0f} to "
                f"{stage.end_high:.0f}), level {stage.level:.4f}, probability {stage.probability:.2f}"
            )


if __name__ == "__main__":
    names = [name for name in sys.argv[1:] if name != "--quick"]
    main("--quick" in sys.argv[1:], names[0] if names else None)
