"""Does descent with a large learning rate settle where its own steps are just stable?

    python examples/09_edge_of_stability.py [--quick]

Gradient descent of learning rate eta is stable where the sharpness, the largest eigenvalue of the loss's Hessian, is
below 2/eta. With small steps the sharpness goes where the gradient flow takes it. With large ones it rises to 2/eta and
stays there while the loss falls on: the edge of stability (Cohen et al. 2021, arXiv 2103.00065).
"""

import sys

import mstage


def main(quick: bool = False) -> None:
    sweep = mstage.Sweep(
        mstage.TwoLayer(width=(30,)),
        dynamics=mstage.Descent(learning_rate=(0.05, 1.0, 1.2) if quick else (0.05, 0.2, 0.8, 0.9, 1.0, 1.2)),
        until=1000.0 if quick else 4000.0,
        recording=mstage.Recording("log:1000", snapshots=40),
    )
    observed = mstage.observe(mstage.train(sweep), ["sharpness", "train-loss"]).quantities
    print("   eta    2/eta  sharpness: start   middle      end   over 2/eta   loss: middle      end")
    for rate in sweep.dynamics.learning_rate:
        run = observed.sel(learning_rate=rate).squeeze().dropna("snapshot")  # it ends where its last step does
        middle = run.isel(snapshot=int(abs(run.snapshot_time.values - sweep.until / 3).argmin()))
        sharpness = [float(one.sharpness) for one in (run.isel(snapshot=0), middle, run.isel(snapshot=-1))]
        losses = [float(one["train-loss"]) for one in (middle, run.isel(snapshot=-1))]
        print(
            f"{rate:6g} {2 / rate:8.3f} {sharpness[0]:17.3f} {sharpness[1]:8.3f} {sharpness[2]:8.3f} "
            f"{sharpness[2] * rate / 2:12.3f} {losses[0]:14.6f} {losses[1]:8.6f}"
        )


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
