"""Which neuron escapes, and when is that decided?

    python examples/05_who_escapes.py [--quick]

The neurons first turn to one line, and keep the order of their growing mode |a_k(0) + w_k(0) . z| all along the second
plateau: the largest one at step 0 is the one that escapes.
"""

import sys

import numpy as np

import mstage


def main(quick: bool = False) -> None:
    width = 100 if quick else 400
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.5,), width=(width,)),
        problem="cub1d",
        seed=(0, 1, 2, 3),
        until=200.0 if quick else 400.0,
    )
    tree = mstage.train(sweep)
    z = mstage.predict(sweep).constants.direction

    group = tree[f"width_{width}"].dataset.isel(alpha=0, learning_rate=0)
    for seed in sweep.seed:
        output, inputs = group.output_weight.sel(seed=seed).values, group.input_weight.sel(seed=seed).values
        mode = np.abs(output[0] + inputs[0] @ z)
        amplitude = np.abs(output[-1]) * np.linalg.norm(inputs[-1], axis=-1)
        rank = int((mode > mode[amplitude.argmax()]).sum()) + 1
        share = amplitude.max() / amplitude.sum()
        print(f"seed {seed}: the largest neuron has {share:.0%} of the amplitude; at step 0 its mode was number {rank}")

    quantities = mstage.measure_condensation(tree).quantities.isel(alpha=0, width=0, seed=0, learning_rate=0)
    names = ["cosine_z", "weighted_cosine_fit", "participation", "orientations", "rank_correlation"]
    table = quantities[names].to_dataframe().set_index("snapshot_time")[names].iloc[::8]
    print(table.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
