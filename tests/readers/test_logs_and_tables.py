"""A file of numbers is the same numbers to the bit whether it is read as a log or as a table to learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mstage.errors import InputError
from mstage.readers.logs.sniff import read_log
from mstage.readers.tables.table import read_table
from mstage.spec import Table

WRITERS: dict[str, Callable[[pd.DataFrame, str], None]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "npz": lambda frame, path: np.savez_compressed(path, **{name: frame[name].to_numpy() for name in frame}),
}


def numbers(random: np.random.Generator) -> pd.DataFrame:
    wide = random.standard_normal((200, 3)) * 10.0 ** random.integers(-200, 200, (200, 3))
    return pd.DataFrame(
        {
            "loss": wide[:, 0], "val_loss": wide[:, 1], "lr": wide[:, 2],
            "whole": random.integers(-(2**53), 2**53, 200), "flag": random.integers(0, 2, 200).astype(bool),
        }
    )  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("seed", range(3))
def test_both_read_the_same_numbers(kind: str, seed: int, tmp_path: Path) -> None:
    frame = numbers(np.random.default_rng(seed))
    path = str(tmp_path / f"data.{kind}")
    WRITERS[kind](frame, path)
    table = read_table(Table(path, "loss", standardise=False, intercept=False))
    learnt = dict(zip(table.input_names, table.input.T, strict=True)) | {"loss": table.target}
    logged = {series.name: series.column.values for series in read_log(path).series}
    assert logged.keys() == learnt.keys()
    for name, values in logged.items():
        np.testing.assert_array_equal(values, learnt[name])
        if kind in ("parquet", "npz"):  # which hold the bits
            np.testing.assert_array_equal(values, frame[name].to_numpy(float))


@pytest.mark.parametrize("kind", ["parquet", "npz"])
def test_both_refuse_a_file_that_is_cut(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{kind}"
    WRITERS[kind](numbers(np.random.default_rng(0)), str(path))
    path.write_bytes(path.read_bytes()[:-100])
    for read in (lambda: read_log(str(path)), lambda: read_table(Table(str(path), "loss"))):
        with pytest.raises(InputError, match=r"damaged or cut short"):
            read()
