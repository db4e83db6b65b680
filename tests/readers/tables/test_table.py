"""A user's table: its values against the csv module and plain NumPy, and one clear line for all that can be wrong."""

from __future__ import annotations

import csv
import gzip
import math
import sys
import zipfile
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mstage.errors import InputError, MstageError, UsageError
from mstage.readers.tables.table import read_table
from mstage.spec import Table

PLAIN = "a,b,y\n1,2.5,0.1\n2,-1e-3,7\n4,3,-2\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(content: str | bytes, name: str = "t.csv") -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def refused(error: type[MstageError], table: Table) -> str:
    """The line that a table is refused with."""
    with pytest.raises(error) as caught:
        read_table(table)
    line = str(caught.value)
    assert line.startswith(f"{table.path}: ")
    assert line.isprintable()
    assert line.endswith(tuple(".`)?")), line
    return line


def raw(path: str, target: str = "y", **options: object) -> tuple[np.ndarray, np.ndarray]:
    data = read_table(Table(path, target, standardise=False, intercept=False, **options))  # type: ignore[arg-type]
    return data.input, data.target


# What is read


def test_values_equal_those_of_the_csv_module() -> None:
    random = np.random.default_rng(0)
    numbers = random.standard_normal((500, 4)) * 10.0 ** random.integers(-200, 200, (500, 4))
    write("p,q,r,y\n" + "\n".join(",".join(map(repr, row)) for row in numbers.tolist()))
    with Path("t.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    expected = np.array([[float(part) for part in row] for row in rows[1:]])
    inputs, target = raw("t.csv")
    np.testing.assert_allclose(inputs, expected[:, :3], rtol=3e-16)
    np.testing.assert_allclose(target, expected[:, 3], rtol=3e-16)
    assert inputs.dtype == target.dtype == np.float64
    assert inputs.flags.c_contiguous


def test_standardised_equals_the_formula() -> None:
    data = read_table(Table(write(PLAIN), "y"))
    columns = {"a": [1, 2, 4], "b": [2.5, -1e-3, 3], "y": [0.1, 7, -2]}
    for name, found in [("a", data.input[:, 0]), ("b", data.input[:, 1]), ("y", data.target)]:
        mean = math.fsum(columns[name]) / 3
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in columns[name]) / 3)
        np.testing.assert_allclose(found, [(v - mean) / deviation for v in columns[name]], rtol=1e-14)
    assert data.input_names == ("a", "b", "1")
    assert data.input[:, 2].tolist() == [1, 1, 1]


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e300])
def test_standardised_is_the_same_in_any_unit(factor: float) -> None:
    values = np.array([1.0, 2.0, 5.0, -4.0, 3.0])
    np.savez("t.npz", x=factor * values, y=-factor * values)
    data = read_table(Table("t.npz", "y"))
    np.testing.assert_allclose(data.input[:, 0], (values - 1.4) / values.std(), rtol=1e-14)
    np.testing.assert_allclose(data.target, -data.input[:, 0], rtol=1e-14)


def test_options() -> None:
    path = write(PLAIN)
    assert read_table(Table(path, "y", standardise=False)).input.tolist() == [[1, 2.5, 1], [2, -1e-3, 1], [4, 3, 1]]
    assert read_table(Table(path, "y", intercept=False)).input_names == ("a", "b")
    chosen = read_table(Table(path, "a", features=("y", "b"), standardise=False, intercept=False))
    assert chosen.input_names == ("y", "b")
    assert chosen.input.tolist() == [[0.1, 2.5], [7, -1e-3], [-2, 3]]
    assert chosen.target.tolist() == [1, 2, 4]


def test_names() -> None:
    data = read_table(Table(write(PLAIN), "y", features=("b",)))
    assert (data.name, data.input_names, data.target_name) == ("t.csv", ("b", "1"), "y")
    assert data.input.shape == (3, 2)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t", "t.dat"])
@pytest.mark.parametrize("separator", [",", ";", "\t", ", ", " ; "])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\n\n", "\n   \n"])
def test_text_is_told_by_content(name: str, separator: str, ending: str) -> None:
    write(PLAIN.replace(",", separator).replace("\n", ending), name)
    inputs, target = raw(name)
    assert inputs.tolist() == [[1, 2.5], [2, -1e-3], [4, 3]]
    assert target.tolist() == [0.1, 7, -2]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,  # as spreadsheets write it
        PLAIN.rstrip(),
        PLAIN.replace("\n", ",\n"),
        "a,b,y\n" + PLAIN.partition("\n")[2].replace("\n", ",\n"),
        '"a","b","y"\n"1","2.5","0.1"\n2,-1e-3,7\n4,3,-2\n',
        'a;"b";y\n1;2.5;.1\n2;-0.001;+7\n4;3;-2.0\n',
    ],
)
def test_varieties_of_csv(text: str) -> None:
    inputs, target = raw(write(text))
    assert inputs.tolist() == [[1, 2.5], [2, -1e-3], [4, 3]]
    assert target.tolist() == [0.1, 7, -2]


def test_names_with_other_separators_in_them() -> None:
    write("length, m;mass, kg;y\n1;2;3\n2;3;5\n")
    assert read_table(Table("t.csv", "y")).input_names == ("length, m", "mass, kg", "1")


def test_booleans_are_0_and_1() -> None:
    inputs, _ = raw(write("a,b,y\nTrue,false,1\nFalse,true,2\n"))
    assert inputs.tolist() == [[1, 0], [0, 1]]
    inputs, _ = raw(write("a,y\nTrue,1\n,4\nFalse,2\n"), drop_missing=True)
    assert inputs.tolist() == [[1], [0]]


def test_parquet() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], "Int64"),
            "flag": pd.array([True, False, None], "boolean"),
            "single": np.array([1.5, 2.5, 3.5], "float32"),
            "money": [Decimal("1.25"), Decimal("2"), Decimal("-3")],
            "class": pd.Categorical([5, 7, 5]),
            "y": [1.0, 2.0, 4.0],
        },
        index=[7, 8, 9],
    )
    frame.to_parquet("t.parquet")
    frame.to_parquet("t")
    for name in ("t.parquet", "t"):
        inputs, target = raw(name, features=("single", "money", "class"))
        assert inputs.tolist() == [[1.5, 1.25, 5], [2.5, 2, 7], [3.5, -3, 5]]
        assert target.tolist() == [1, 2, 4]
    line = refused(InputError, Table("t.parquet", "y"))
    assert "2 of 3 rows have missing values, the first in row 2 (columns: `whole`, `flag`)" in line


def test_npz() -> None:
    table = np.arange(6.0).reshape(3, 2) ** 2
    np.savez_compressed(
        "t.npz",
        x=table.astype("float32"),
        k=np.array([1, 2, 4], ">i2"),
        flag=np.array([True, False, True]),
        y=np.array([1, 2, 4], np.longdouble),
        names=np.array(["p", "q"]),
        when=np.datetime64("2020-01-01"),
    )
    Path("t").write_bytes(Path("t.npz").read_bytes())
    for name in ("t.npz", "t"):
        data = read_table(
            Table(name, "y", features=("x_0", "x_1", "k", "flag"), standardise=False, intercept=False)
        )  # fmt: skip
        np.testing.assert_array_equal(data.input, np.column_stack([table, [1, 2, 4], [1, 0, 1]]))
        assert data.target.tolist() == [1, 2, 4]
    np.savez("u.npz", x=table, y=table[:, :1])
    assert read_table(Table("u.npz", "y_0")).input_names == ("x_0", "x_1", "1")


def test_missing_rows_are_left_out_on_demand() -> None:
    write("a,b,y,note\n1,2,3,\n2,NA,4,\n3,4,,x\n5,7,8,\n")
    table = Table("t.csv", "y", features=("a", "b"), standardise=False, intercept=False, drop_missing=True)
    data = read_table(table)
    assert data.input.tolist() == [[1, 2], [5, 7]]
    assert data.target.tolist() == [3, 8]
    line = refused(InputError, Table("t.csv", "y", features=("a", "b")))
    assert "2 of 4 rows have missing values, the first in line 3 (columns: `b`, `y`)" in line
    assert "--drop-missing" in line


# What is refused: files


def test_what_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no such file" in refused(InputError, Table("absent.csv", "y"))
    assert "is a folder" in refused(InputError, Table(str(Path.cwd()), "y"))
    assert "cannot be read" in refused(InputError, Table("x" * 5000, "y"))
    with pytest.raises(InputError, match="cannot be read"):
        read_table(Table("a\0b", "y"))

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    Path("t.csv").write_text(PLAIN)
    monkeypatch.setattr("mstage.outside.os.open", denied)
    assert "cannot be read (Permission denied)" in refused(InputError, Table("t.csv", "y"))


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        ("", "t.csv", "is empty"),
        ("", "t.parquet", "is empty"),
        (" \n\n \n", "t.csv", "is empty"),
        ("a,y\n", "t.csv", "has the names of columns but no rows"),
        ("a,y", "t.csv", "has the names of columns but no rows"),
        ("a,y\n1,2\n", "t.csv", "has one row only"),
        (PLAIN.encode("utf-16"), "t.csv", "is text in UTF-16; expected UTF-8"),
        ("größe,y\n1,2\n2,3\n".encode("latin-1"), "t.csv", "is not UTF-8 (byte 0xf6 in line 1)"),
        (PLAIN.encode() + b"3,\xb5,4\n", "t.csv", "is not UTF-8 (byte 0xb5 in line 5)"),
        (bytes(range(256)), "t.csv", "is binary"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "t.csv", "is binary"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "t.parquet", "is not Parquet, as its name says"),
        (PLAIN, "t.parquet", "is not Parquet, as its name says"),
        (PLAIN, "t.npz", "is not npz, or damaged or cut short"),
        (gzip.compress(PLAIN.encode(), mtime=0), "t.csv", "is compressed with gzip"),
        ("a,b,y\n1,2,3\n1,2\n4,5,6\n", "t.csv", "line 3 has 2 fields, the header has 3"),
        ("a,b,y\n1,2,3\n\n1,2,3,4\n", "t.csv", "line 4 has 4 fields, the header has 3"),
        ("a,b,y\n1,2,3,4\n1,2,3,4\n", "t.csv", "line 2 has 4 fields, the header has 3"),
        ('a,b,y\n1,"2\n3",3\n1,2\n', "t.csv", "line 4 has 2 fields, the header has 3"),
        ('a,b,y\n1,2,3\n"1,2,3\n', "t.csv", "line 3 has 1 fields, the header has 3"),
        ("a,y\n1,2,,\n3,4,,\n", "t.csv", "line 2 has 4 fields, the header has 2"),
        ('a,y\n1,2\n"3,4\n', "t.csv", "line 3 has 1 fields, the header has 2"),
        ('a,y\n1,2\n3,"4\n5,6\n', "t.csv", "(EOF inside string starting at row 2)"),
        ("\ufeff", "t.csv", "is empty"),
        ("a,y,a\n1,2,3\n4,5,7\n", "t.csv", "two columns are called `a`"),
        ("a, y,y \n1,2,3\n4,5,7\n", "t.csv", "two columns are called `y`"),
        ("y\n1\n2\n", "t.csv", "has no column but the target `y`"),
        (",a,y\n0,1,2\n1,4,5\n", "t.csv", "column `column 1` has no name in the header"),
        ("a,y,\n0,1,2\n1,4,5\n", "t.csv", "column `column 3` has no name in the header"),
        ("x" * 200_000, "t.csv", "cannot be read as a text of columns"),
    ],
)  # fmt: skip
def test_what_is_no_table(content: str | bytes, name: str, found: str) -> None:
    assert found in refused(InputError, Table(write(content, name), "y"))


@pytest.mark.parametrize("seed", range(8))
def test_damaged_files_are_refused_or_read_but_never_crash(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.standard_normal(40)
    pd.DataFrame({"x": values, "y": values**2}).to_parquet("t.parquet")
    np.savez_compressed("t.npz", x=values, y=values**2)
    for name in ("t.parquet", "t.npz"):
        good = Path(name).read_bytes()
        for _ in range(20):
            cut = good[: random.integers(1, len(good) - 1)]
            refused(InputError, Table(write(cut, name), "y"))
            spoilt = bytearray(good)
            for place in random.integers(4, len(good), 3):
                spoilt[place] = random.integers(256)
            write(bytes(spoilt), name)
            with suppress(MstageError):  # a changed number may go unnoticed, another error may not
                read_table(Table(name, "y"))


@pytest.mark.parametrize("seed", range(4))
def test_rubbish_is_refused(seed: int) -> None:
    random = np.random.default_rng(seed)
    for length in (1, 7, 100, 5000):
        for name in ("t.csv", "t.npz", "t"):
            with pytest.raises(MstageError) as caught:
                read_table(Table(write(random.bytes(length), name), "y"))
            assert str(caught.value).isprintable()


def test_parquet_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"x": [1, 2], "y": [3, 4]}).to_parquet("t.parquet")
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    line = refused(InputError, Table("t.parquet", "y"))
    assert "needs the package pyarrow" in line
    assert "pip install 'mstage[parquet]'" in line


def test_a_zip_without_arrays() -> None:
    with zipfile.ZipFile("book.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert "holds no arrays" in refused(InputError, Table("book.xlsx", "y"))
    np.save("t.npy", np.ones(3))
    assert "single npy array" in refused(InputError, Table("t.npy", "y"))
    Path("t.npz").write_bytes(Path("t.npy").read_bytes())
    assert "is not npz" in refused(InputError, Table("t.npz", "y"))


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.arange(4.0), "has 4 values, the target `y` has 3; expected equally many"),
        (np.array(["p", "q", "r"]), "holds text (`p`)"),
        (np.array([b"p", b"q", b"r"]), "holds text"),
        (np.array([1, None, "x"], object), "holds Python objects, which are never unpickled"),
        (np.array(3.0), "is an array of 0 dimensions"),
        (np.ones((3, 2, 2)), "is an array of 3 dimensions"),
        (np.array([1j, 2, 3]), "holds complex numbers"),
        (np.array(["2020-01-01"] * 3, "M8[D]"), "holds times (`2020-01-01`)"),
        (np.array([1, 2, 3], "m8[s]"), "holds durations"),
        (np.zeros(3, [("p", float), ("q", int)]), "holds records"),
    ],
)
def test_arrays_that_are_no_columns(array: np.ndarray, found: str) -> None:
    np.savez("t.npz", x=array, z=np.array([1.0, 4.0, 2.0]), y=np.array([1.0, 2.0, 5.0]))
    line = refused(InputError, Table("t.npz", "y"))
    assert f"column `x` {found}" in line
    assert "Leave it out with --features z." in line
    assert read_table(Table("t.npz", "y", features=("z",))).input.shape == (3, 2)


def test_a_name_from_two_arrays() -> None:
    np.savez("t.npz", x=np.eye(3), x_0=np.arange(3), y=np.arange(3))
    assert "two columns are called `x_0`" in refused(InputError, Table("t.npz", "y"))


# What is refused: columns


@pytest.mark.parametrize(
    ("target", "features", "found"),
    [
        ("Y", None, "no column `Y`; it has `price`, `rooms`, `y`. Did you mean --target y?"),
        ("Q", None, "no column `Q`; it has `price`, `rooms`, `y`. Choose one with --target."),
        ("pricee", None, "Did you mean --target price?"),
        ("y", ("price", "room"), "no column `room`; it has `price`, `rooms`, `y`. Did you mean --features rooms?"),
    ],
)
def test_columns_that_do_not_exist(target: str, features: tuple[str, ...] | None, found: str) -> None:
    write("price,rooms,y\n1,2,3\n2,5,6\n")
    assert found in refused(UsageError, Table("t.csv", target, features=features))


def test_a_table_without_names() -> None:
    write("1,2.5,-3e5\n2,3,4\n")
    line = refused(UsageError, Table("t.csv", "y"))
    assert line.endswith("it has `1`, `2.5`, `-3e5`. Its first line has to hold the names of the columns.")


def test_a_long_list_of_columns_is_cut() -> None:
    names = [f"feature{k}" for k in range(400)]
    write("\n".join([",".join(names), *(",".join([str(v)] * 400) for v in range(3))]))
    line = refused(UsageError, Table("t.csv", "feature7777"))
    assert "and 388 more. Did you mean --target feature77" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("features", "found"),
    [
        (("a", "y"), "the target `y` is among the features"),
        (("a", "b", "a"), "feature `a` is given twice"),
        ((), "the list of features is empty"),
    ],
)
def test_features_that_contradict(features: tuple[str, ...], found: str) -> None:
    with pytest.raises(UsageError) as caught:
        Table("t.csv", "y", features=features)
    assert str(caught.value).startswith(f"t.csv: {found}")


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (["1", "red", "blue"], "column `x` holds `red` in line 3, which is no number"),
        (["?", "2", "blue"], "column `x` holds `?` in line 2"),
        (["2020-01-01", "2020-01-02", "2020-01-04"], "column `x` holds `2020-01-01` in line 2"),
        (["1_000", "2", "4"], "column `x` holds `1_000` in line 2"),
        (["True", "2", "4"], "column `x` holds `True` in line 2"),
        (["'1", "2", "4"], "column `x` holds `'1` in line 2"),
        (['"1\n1"', '"\x1b[31m' + "red" * 50 + '"', "4"], r"column `x` holds `1\n1` in line 2"),
        (['"1,5"', '"2,5"', '"3"'], "Write a decimal point for the comma."),
        (["inf", "2", "-inf"], "column `x` holds 2 infinite values, the first in line 2"),
        (["1", "2", "1e400"], "column `x` holds 1 infinite values, the first in line 4"),
        (["5", "5", "5"], "column `x` is 5 in every row, which cannot be standardised"),
        (["True", "True", "True"], "column `x` is 1 in every row"),
        (["", "", ""], "column `x` has no values at all"),
        (["1", "", "3"], "1 of 3 rows have missing values, the first in line 3 (columns: `x`)"),
        (["9007199254740993", "2", "3"], "holds 9007199254740993 in line 2; whole numbers beyond 2^53"),
        (["1", "2", "-123456789012345678901234567890"], "in line 4; whole numbers beyond 2^53"),
        (["18446744073709551615", "2", "-3"], "holds `18446744073709551615` in line 2"),
    ],
)
def test_columns_that_cannot_be_learnt_from(column: list[str], found: str) -> None:
    write("x,z,y\n" + "".join(f"{x},{z},{y}\n" for x, z, y in zip(column, (1, 2, 5), (3, 1, 2), strict=True)))
    line = refused(InputError, Table("t.csv", "y"))
    assert found in line
    assert "--features" in line
    assert read_table(Table("t.csv", "y", features=("z",))).input.shape == (3, 2)
    as_target = refused(InputError, Table("t.csv", "x", features=("z",)))
    assert "target `x`" in as_target or "rows have missing values" in as_target


def test_the_way_out_of_a_text_column_can_be_copied() -> None:
    write("id,when,size,cost per m,y\nA,2020-01-01,1,2,3\nB,2020-01-02,2,1,5\n")
    line = refused(InputError, Table("t.csv", "y"))
    assert line.endswith("Leave it out with --features 'size,cost per m'.")


def test_lines_count_what_the_file_has() -> None:
    write('\n"na\nme",y\n\n1,2\n\n"2\n",3\nred,4\n')
    assert "holds `red` in line 9" in refused(InputError, Table("t.csv", "y"))


def test_constant_columns_have_their_ways_out() -> None:
    write("one,x,y\n1,1,3\n1,2,4\n1,5,1\n")
    line = refused(InputError, Table("t.csv", "y"))
    assert "Leave it out with --features x. To keep it, give --no-standardise and --no-intercept." in line
    line = refused(InputError, Table("t.csv", "y", standardise=False))
    assert "repeats the column of ones. Leave it out with --features x. To keep it, give --no-intercept." in line
    data = read_table(Table("t.csv", "y", standardise=False, intercept=False))
    assert data.input.tolist() == [[1, 1], [1, 2], [1, 5]]
    for standardise in (True, False):
        line = refused(InputError, Table("t.csv", "one", standardise=standardise))
        assert "the target `one` is 1 in every row, so there is nothing to learn" in line


def test_what_dropping_rows_leaves_is_checked() -> None:
    write("a,y\n1,2\n1,3\n2,\n")
    assert "column `a` is 1 in every row" in refused(InputError, Table("t.csv", "y", drop_missing=True))
    write("a,y\n1,2\n1,\n2,\n")
    line = refused(InputError, Table("t.csv", "y", drop_missing=True))
    assert "1 of 3 rows are left without those with missing values" in line
    write("a,y\n1,2\ninf,\n2,4\n")
    assert read_table(Table("t.csv", "y", drop_missing=True)).target.tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["red", "blue", "red"], "holds `red` in row 1"),
        (["1", "2", "3"], "holds `1` in row 1"),
        ([1, 2, 2**60], f"holds {2**60} in row 3; whole numbers beyond 2^53"),
        (pd.array([1, None, 2**60], "Int64"), f"holds {2**60} in row 3; whole numbers beyond 2^53"),
        ([datetime(2020, 1, 1), datetime(2020, 1, 2), None], "is of type datetime64"),
        ([date(2020, 1, 1), date(2020, 1, 2), None], "holds `2020-01-01` in row 1"),
        (pd.to_timedelta([1, 2, 3], "s"), "is of type timedelta64"),
        (pd.Categorical(["p", "q", "p"]), "holds `p` in row 1"),
        ([[1, 2], [3], [4]], "is of type list<"),
        ([{"k": 1}, {"k": 2}, {"k": 3}], "is of type struct<"),
        ([math.inf, 1.0, 2.0], "holds 1 infinite values, the first in row 1"),
        ([None, None, None], "has no values at all"),
    ],
)
def test_parquet_columns_that_cannot_be_learnt_from(values: list[object], found: str) -> None:
    pd.DataFrame({"x": values, "z": [1, 2, 4], "y": [1.0, 2.0, 7.0]}).to_parquet("t.parquet")
    line = refused(InputError, Table("t.parquet", "y"))
    assert found in line
    assert "column `x`" in line
    assert read_table(Table("t.parquet", "y", features=("z",))).input.shape == (3, 2)


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mstage.readers.tables.table_files.MAX_BYTES", 2**20)
    write(PLAIN + "1,2,3\n" * 2**18)
    assert refused(InputError, Table("t.csv", "y")).startswith("t.csv: is larger than 1 MiB; expected less.")
    write(PLAIN + "1,2,3\n" * 1000)
    assert len(read_table(Table("t.csv", "y")).target) == 1003
