"""Which stages does a network go through that starts from small weights?

    python examples/01_stages_of_a_network.py [--quick]

Trains two-layer tanh networks on a smooth step, finds the stages of their losses, and sets the two plateaus beside
theory: the first is left at T1 = (2 alpha - 1) log m / (2 lambda) + O(1), the second lies at the best linear fit.
"""

import sys

import mstage


def main(quick: bool = False) -> None:
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.0, 1.5), width=(100,) if quick else (400,)),
        problem="cub1d",
        seed=(0, 1, 2),
        until=150.0 if quick else 400.0,
    )
    report = mstage.report(mstage.train(sweep))

    columns = ["alpha", "width", "sequence_runs", "name", "start", "end", "level", "rate", "model"]
    print(report.stages[columns].to_string(index=False, float_format="{:.4g}".format, na_rep=""))
    print()
    for one in report.comparisons:
        found = one.measured.spread
        if found is not None and one.prediction.value is not None:
            print(
                f"alpha {one.run['alpha']:g}: {one.prediction.name} predicted {one.prediction.value:.4g}, "
                f"measured {found.median:.4g} in {one.measured.runs} runs ({one.deviation:+.1%})"
            )


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
