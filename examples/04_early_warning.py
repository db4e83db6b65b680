"""Do the weights announce the escape before the loss shows it?

    python examples/04_early_warning.py [--quick]

While the loss waits on the second plateau, the amplitudes |a_k| |w_k| over their mean are chi-squared with one degree
of freedom. Their Wasserstein distance from that distribution grows long before the loss moves.
"""

import sys

import numpy as np

import mstage


def main(quick: bool = False) -> None:
    width = 200 if quick else 1600
    sweep = mstage.Sweep(
        mstage.TwoLayer(width=(width,)), problem="cub1d", seed=(0, 1, 2), until=250.0 if quick else 700.0
    )
    tree = mstage.train(sweep)
    drift = mstage.measure_drift(tree)

    run = {"alpha": 0, "width": 0, "seed": 0, "learning_rate": 0}
    distance, loss = drift.distances["chi_squared"].isel(run), tree.loss.isel(run)
    linear = mstage.predict(sweep).constants.loss_linear
    print("    time  W1(amplitude, chi^2)  loss / R_lin")
    time = distance.snapshot_time.values
    for at in np.flatnonzero(time > 8)[::3]:
        now = float(np.interp(time[at], loss.time.values, loss.values)) / linear
        print(f"{time[at]:8.1f}  {float(distance[at]):20.3f}  {now:12.4f}")
    for one in drift.warnings:
        if one.lead.spread is not None:
            escape, lead = one.escape, one.lead.spread
            escaped = f"{escape.runs} of {escape.members} runs escape, at t = {escape.spread.median:.0f}"
            print(f"{escaped}; the distance had doubled {lead.median:.0f} before")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
