"""Which targets trap a network at the best linear fit?

    python examples/03_which_targets_are_escaped.py [--quick]

The sign of c3 = (1/n) sum e_i (u . x_i)^3 over the residuals e of the best linear fit decides: where it is positive
the largest neuron outgrows the others and the loss falls on; where it is negative the amplitudes become equal and the
loss stays above R_lin. Two tables, y = x - x^3/2 and y = x + x^3/2, differ in nothing else.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import mstage


def table(folder: Path, cubic: float) -> mstage.Table:
    """y = x + cubic x^3 on [-1, 1], as a CSV file."""
    x = np.linspace(-1, 1, 40)
    path = folder / f"cubic_{cubic:+g}.csv"
    path.write_text("\n".join(["x,y", *(f"{a},{a + cubic * a**3}" for a in x)]))
    return mstage.Table(str(path), target="y", standardise=False, intercept=False)


def main(quick: bool = False) -> None:
    width, until = (100, 2000.0) if quick else (400, 4000.0)
    with TemporaryDirectory() as folder:
        for cubic in (-0.5, 0.5):
            sweep = mstage.Sweep(
                mstage.TwoLayer(width=(width,)), problem=table(Path(folder), cubic), seed=(0, 1), until=until
            )
            theory = mstage.predict(sweep)
            loss = mstage.train(sweep).loss.isel(alpha=0, width=0, learning_rate=0, step=-1)
            escape = theory.runs[0].escape_time
            said = f"escape predicted at t = {escape.value:.0f}" if escape.value else f"no escape: {escape.why}"
            ended = ", ".join(f"{value / theory.constants.loss_linear:.3f}" for value in loss.values)
            print(f"y = x {cubic:+g} x^3: c3 = {theory.constants.cubic:+.4f}; {said}")
            print(f"  loss over R_lin at t = {until:.0f}, by seed: {ended}")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
