"""At which initialization scale does a wide network begin to learn features?

    python examples/06_phase_diagram.py [--quick]

How far the input weights move, RD = |w(t) - w(0)| / |w(0)|, goes to 0 with the width where the weights start large
(the linear regime), and to infinity where they start small (the condensed regime). The exponent of RD in m changes
its sign at alpha = 1/2 (Luo, Xu, Ma, Zhang 2021; here for tanh and weights of standard deviation m^-alpha).
"""

import sys

import numpy as np

import mstage


def main(quick: bool = False) -> None:
    widths = (100, 400) if quick else (100, 200, 400, 800, 1600)
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(0.3, 0.4, 0.5, 0.6, 0.75, 1.0), width=widths),
        problem="cub1d",
        dynamics=mstage.Descent(learning_rate=(0.01,)),
        seed=(0, 1) if quick else (0, 1, 2, 3),
        until=10.0 if quick else 40.0,
    )
    measured = mstage.measure_condensation(mstage.train(sweep)).quantities["relative_distance"]
    print("alpha   " + "".join(f"RD at m={width:<6}" for width in widths) + "exponent")
    for alpha in sweep.model.alpha:
        farthest = measured.sel(alpha=alpha, learning_rate=0.01).max("snapshot").mean("seed").values
        exponent = np.polyfit(np.log(widths), np.log(farthest), 1)[0]
        regime = "linear" if exponent < 0 else "condensed"
        print(f"{alpha:5.2f}   " + "".join(f"{value:<13.3f}" for value in farthest) + f"{exponent:+.2f}  {regime}")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
