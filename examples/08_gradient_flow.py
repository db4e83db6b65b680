"""What does a plateau cost, integrated as a flow and imitated by descent?

    python examples/08_gradient_flow.py [--quick]

Gradient descent pays for a plateau in proportion to its length. The gradient flow is integrated with steps that follow
how fast the weights move, so that wider networks, whose plateaus are longer, take hardly more of them.
"""

import sys

import mstage


def main(quick: bool = False) -> None:
    print("width  escape: flow  descent   steps of a run: flow  descent")
    for width in (100,) if quick else (100, 400, 1600):
        until = 2.5 * mstage.predict(mstage.Sweep(mstage.TwoLayer(width=(width,)), until=1.0)).runs[0].escape_time.value
        escapes, steps = [], []
        for sweep in (
            mstage.Sweep(mstage.TwoLayer(width=(width,)), dynamics=mstage.Flow(), until=until),
            mstage.Sweep(mstage.TwoLayer(width=(width,)), dynamics=mstage.Descent(learning_rate=(0.05,)), until=until),
        ):
            tree = mstage.train(sweep)
            escapes.append(mstage.report(tree).measured.runs[0].value("escape time"))
            taken = tree.dataset["factorisations" if isinstance(sweep.dynamics, mstage.Flow) else "last_step"]
            steps.append(int(taken.values.max()))
        print(f"{width:5d}  {escapes[0]:12.1f}  {escapes[1]:7.1f}  {steps[0]:21d}  {steps[1]:7d}")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
