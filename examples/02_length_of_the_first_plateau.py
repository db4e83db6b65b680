"""How does the first plateau grow with the width and with the initialization scale?

    python examples/02_length_of_the_first_plateau.py [--quick] [FIGURE.png]

Its end T1 is linear in log m with slope (2 alpha - 1) / (2 lambda), where lambda = |(1/n) sum y_i x_i|. The slopes are
fitted seed by seed, so that their intervals are over seeds.
"""

import sys

import mstage


def main(quick: bool = False, figure: str | None = None) -> None:
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(0.75, 1.0, 1.5), width=(100, 400) if quick else (100, 200, 400, 800, 1600)),
        problem="sin1d",
        dynamics=mstage.Descent(learning_rate=(0.05,)),
        seed=(0, 1) if quick else (0, 1, 2, 3, 4),
        until=25.0,
    )
    tree = mstage.train(sweep)
    rate = mstage.predict(sweep).constants.rate
    for law in mstage.report(tree).laws:
        if law.law.quantity == "exit time":
            asymptotic = (2 * law.run["alpha"] - 1) / (2 * rate)
            print(
                f"alpha {law.run['alpha']:g}: slope {law.slope:.3f} ({law.low:.3f} to {law.high:.3f}), "
                f"predicted at these widths {law.predicted:.3f}, for m to infinity {asymptotic:.3f}"
            )
    if figure:
        mstage.draw_figure(mstage.collect_figures(tree), "plateau_ends").savefig(figure, dpi=150)


if __name__ == "__main__":
    names = [name for name in sys.argv[1:] if name != "--quick"]
    main("--quick" in sys.argv[1:], names[0] if names else None)
