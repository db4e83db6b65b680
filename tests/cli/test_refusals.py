"""What a user can get wrong: one line on stderr, nothing on stdout, the exit code of the design, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.run import Outcome, assert_refused, files_of, mstage

SHORT = ["--steps", "3"]
TABLE = "a,b,y\n1,2,3\n2,3,4\n4,1,2\n"

# An option with a nonsense value, the rest of the command line, and what the line on stderr has to name.
NONSENSE = [
    ("--problem cub2d", SHORT, "`cub2d`.*`cub1d`"),
    ("--problem", ["", *SHORT], "problem"),
    ("--data table.csv --target z", SHORT, "no column `z`; it has `a`, `b`, `y`"),
    ("--data table.csv", SHORT, "--target COLUMN"),
    ("--data table.csv --target y --features a,q", SHORT, "no column `q`"),
    ("--target y", SHORT, "`target` belongs to a table"),
    ("--features a", SHORT, "`features` belongs to a table"),
    ("--no-standardise", SHORT, "`standardise` belongs to a table"),
    ("--no-intercept", SHORT, "`intercept` belongs to a table"),
    ("--drop-missing", SHORT, "`drop-missing` belongs to a table"),
    ("--problem cub1d --data table.csv --target y", SHORT, "`problem` and `data`"),
    ("--alpha one", SHORT, "alpha `one`"),
    ("--alpha nan", SHORT, "alpha nan"),
    ("--alpha -1", SHORT, "alpha -1.0: has to be from 0"),
    ("--width 1e9", SHORT, "width 1000000000: .* GiB of memory"),
    ("--optimizer sgd,adam", [], "optimizer `sgd,adam`: one optimizer is expected"),
    ("--optimizer adam:b1=2", SHORT, "b1=2: has to be at least 0 and below 1"),
    ("--activation tanh,relu", SHORT, "one activation is expected"),
    ("--problem cub1d,sin1d", SHORT, "one problem is expected"),
    ("--dtype float32,float64", SHORT, "one dtype is expected"),
    ("--until 5,10", [], "until `5,10`: one number is expected"),
    ("--steps 5:10:2", [], "steps `5:10:2`: one whole number is expected"),
    ("--alpha 1 --alpha 2", SHORT, "--alpha is given 2 times"),
    ("--noise 1", SHORT, "no option `--noise`. See"),
    ("--alpha 1,1", SHORT, "alpha: 1.* is given twice"),
    ("--alpha 1e9", SHORT, "alpha 1.*"),
    ("--alpha ,", SHORT, "alpha ``"),
    ("--alpha 0:1", SHORT, "alpha `0:1`"),
    ("--alpha 0:1:0", SHORT, "alpha `0:1:0`"),
    ("--alpha 0:1:2:lin", SHORT, "alpha `0:1:2:lin`"),
    ("--alpha 1 1.5", SHORT, "`1.5` stands alone; write a list with commas"),
    ("--width 0", SHORT, "width 0"),
    ("--width 1.5", SHORT, "width `1.5`"),
    ("--width -3", SHORT, "width -3"),
    ("--width many", SHORT, "width `many`"),
    ("--width 2147483647 --seeds 100000", SHORT, "GiB of memory"),
    ("--width 2000000 --seeds 5000", SHORT, "the weights take .* keep fewer than 60 --snapshots"),
    ("--width 100000 --seeds 100 --snapshots 100000", ["--steps", "1000000"], "keep fewer than 100,000 --snapshots"),
    ("--seed -1", SHORT, "seed -1"),
    ("--seed 1.5", SHORT, "seed `1.5`"),
    ("--seeds 0", SHORT, "seeds 0"),
    ("--seeds some", SHORT, "seeds `some`"),
    ("--seeds 2 --seed 1", SHORT, "both `seed` and `seeds`"),
    ("--learning-rate 0", SHORT, "learning-rate 0"),
    ("--learning-rate inf", SHORT, "learning-rate inf"),
    ("--learning-rate fast", SHORT, "learning-rate `fast`"),
    ("--activation tan", SHORT, "`tan`.*Did you mean `tanh`"),
    ("--optimizer adm", SHORT, "`adm`.*Did you mean `adam`"),
    ("--optimizer sgd:momentum", SHORT, "`momentum` is not of the form"),
    ("--optimizer sgd:momentum=much", SHORT, "momentum=much"),
    ("--optimizer sgd:momentun=0.9", SHORT, "`momentun`.*`momentum`"),
    ("--batch-size 0", SHORT, "batch-size 0"),
    ("--batch-size 1000", SHORT, "batch-size 1000.*40 samples"),
    ("--batch-size few", SHORT, "batch-size `few`"),
    ("--until 0", [], "until 0"),
    ("--until -1", [], "until -1"),
    ("--until inf", [], "until inf"),
    ("--until nan", [], "until nan"),
    ("--until later", [], "until `later`"),
    ("--until 5 --optimizer adam", [], "adam.*--steps"),
    ("--until 1 --steps 5", [], "both.*--until TIME.*--steps N"),
    ("--steps 0", [], "steps 0"),
    ("--steps 1.5", [], "steps `1.5`"),
    ("--steps few", [], "steps `few`"),
    ("--stop-at -1", SHORT, "stop-at -1"),
    ("--stop-at nan", SHORT, "stop-at nan"),
    ("--stop-at low", SHORT, "stop-at `low`"),
    ("--record often", SHORT, "record `often`"),
    ("--record every:0", SHORT, "record `every:0`"),
    ("--record log:x", SHORT, "record `log:x`"),
    ("--snapshots -1", SHORT, "snapshots -1"),
    ("--snapshots few", SHORT, "snapshots `few`"),
    ("--dtype float16", SHORT, "`float16`.*known: float32, float64"),
    ("--format xml --dry-run", SHORT, "`xml`.*csv, json, markdown, table"),
    ("--format json", SHORT, "--format is for --dry-run"),
    ("--resume --overwrite", SHORT, "both --resume and --overwrite"),
    ("--resume --dry-run", SHORT, "leave --resume out"),
    ("--widht 5", SHORT, "no option `--widht`; did you mean `--width`?"),
    ("--zzz", SHORT, "no option `--zzz`. See `mstage train --help`"),
    ("--steps", [], "'--steps' requires an argument. See `mstage train --help`"),
    ("one.toml two.toml", SHORT, "extra argument"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder but for a small table."""
    (tmp_path / "table.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("option", "rest", "message"), NONSENSE, ids=[case[0] for case in NONSENSE])
def test_nonsense(option: str, rest: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "train", "-o", "out", *option.split(), *rest)
    assert_refused(outcome, 2, message)
    assert files_of(folder) == ["table.csv"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["train", "--alpha", "one", "--until", "5"],
            "options: alpha `one`: expected a number, a list as 1,2 or a range as from:to:count",
        ),
        (
            ["train", "--width", "100,300"],
            "say how long to train, with --until TIME (learning rate x step) or --steps N; "
            "--until 600 shows the first stages of most problems at this width.",
        ),
        (
            ["train", "--optimizer", "adam"],
            "say how long to train, with --until TIME (learning rate x step) or --steps N; "
            "adam has no time; try --steps 10000.",
        ),
        (["train", "--resume"], "--resume: say which sweep with --output PATH"),
        (["train", "--overwrite", "--steps", "3"], "--overwrite: say which sweep with --output PATH"),
        (["train", "--output", " ", "--steps", "3"], "--output is empty; name a folder, as --output runs/demo"),
        (
            ["train", "--output", "..", "--steps", "3"],
            "--output ..: name a folder of its own for the sweep, as --output runs/demo",
        ),
        (["trian"], "no command `trian`. Did you mean `train`? See `mstage --help`."),
        (["report"], "Missing argument 'STORE'. See `mstage report --help`."),
        (["--verbose"], "mstage has no option `--verbose`. See `mstage --help`."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_whole_line(arguments: list[str], line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mstage(capsys, *arguments) == Outcome(2, "", f"mstage: {line}\n")
    assert files_of(folder) == ["table.csv"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("steps = 3\nwidht = 5", 2, "sweep.toml: unknown key `widht`.*Did you mean `width`?"),
        ("steps = 3\nwidth = true", 2, "sweep.toml: width"),
        ("steps = 3\nalpha = [1, 'x']", 2, "sweep.toml: alpha"),
        ("steps = 3\nalpha = []", 2, "sweep.toml: alpha: the list is empty"),
        ("steps = 3\nuntil = 3", 2, "sweep.toml: both are given of"),
        ("steps = 3\nproblem = 5", 2, "sweep.toml: problem `5`"),
        ("alpha = 1", 2, "say how long to train"),
        ("steps =", 3, "sweep.toml: is not a TOML file"),
        ("steps = 3\ndata = 'none.csv'\ntarget = 'y'", 3, "none.csv"),
        ("steps = 3\ndata = 'table.csv'\ntarget = 'y'\nintercept = 'no'", 2, "sweep.toml: intercept `no`"),
        (None, 3, r"sweep.toml: cannot be read \(No such file or directory\)"),
    ],
)
def test_sweep_file(
    text: str | None, code: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (folder / "sweep.toml").write_text(text)
    before = files_of(folder)
    assert_refused(mstage(capsys, "train", "sweep.toml", "-o", "out"), code, message)
    assert files_of(folder) == before


def test_value_that_is_wrong_in_file_and_options_names_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sweep.toml").write_text("steps = 3")
    outcome = mstage(capsys, "train", "sweep.toml", "--width", "wide")
    assert_refused(outcome, 2, "sweep.toml with the options: width `wide`")


@pytest.mark.parametrize("command", ["train --resume -o", "report"])
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "nowhere: there is nothing there"),
        ("table.csv", "table.csv: is a file"),
        ("foreign", "foreign: is not a sweep that `mstage train` has written"),
        ("empty", "empty: is not a sweep that `mstage train` has written"),
    ],
)
def test_no_sweep_there(
    command: str, place: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    (folder / "foreign").mkdir()
    (folder / "foreign" / "chapter.txt").write_text("years of work")
    before = files_of(folder)
    assert_refused(mstage(capsys, *command.split(), place), 3, message)
    assert files_of(folder) == before


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("table.csv", "table.csv: is a file and is left alone"),
        ("table.csv/below", "table.csv/below: cannot be written"),
        ("table.csv/further/below", r"table.csv/further/below: cannot be written \(Not a directory\)"),
        ("foreign", "foreign: the folder holds something else and is left alone"),
        ("n" * 300, "cannot be (read or )?written"),
    ],
)
def test_output_that_cannot_be_written(
    place: str, message: str, overwrite: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "foreign").mkdir()
    (folder / "foreign" / "chapter.txt").write_text("years of work")
    before = files_of(folder)
    assert_refused(mstage(capsys, "train", *SHORT, "-o", place, *overwrite), 3, message)
    assert files_of(folder) == before
