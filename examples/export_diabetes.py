"""Write scikit-learn's diabetes set as a table: ten measurements of 442 patients and their progression in a year.

    python examples/export_diabetes.py [FILE]

References:
    Efron, Hastie, Johnstone, Tibshirani (2004), Least Angle Regression; https://www4.stat.ncsu.edu/~boos/var.select/
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn.datasets import load_diabetes

HERE = Path(__file__).parent


def export(path: Path) -> None:
    """Write the set in its real units; the shortest decimals that give the same numbers back."""
    bunch = load_diabetes(as_frame=True, scaled=False)
    frame = bunch.data.assign(progression=bunch.target)
    frame.to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    export(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "diabetes.csv")
