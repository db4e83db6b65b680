"""Names from anywhere, on streams of any encoding: what is printed moves, hides and turns nothing, and never fails."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mstage.__main__ import main
from mstage.cli.following import CLEAR
from mstage.errors import storable
from mstage.store.layout import STORE_FORMAT
from mstage.store.metadata import sealed
from tests.cli.run import MSTAGE
from tests.readers.writers import events_v1, staircase

STREAMS = [("utf-8", True), ("ascii", False), ("cp1252", True), ("latin-1", False)]  # encoding, and whether a terminal
SPOKEN = "\x1b[31m\x07\r\t\x7f\x85\x9b2J\u202e\u200b\u2066\ufeff\u3164[red]$x_$\u00b2\u2026\u754ce\u0301\U0001f600"
IN_TEXT = f"l\x0b\x1c\u2028{SPOKEN}loss\u2028"  # in one line of a file
ANYWHERE = f"l\n\x00\udcff{IN_TEXT}"  # in JSON
IN_PATH = os.fsdecode(os.fsencode("p\n" + SPOKEN) + b"\xff")
ODD_STORES = [{"format": ANYWHERE}, {"sweep": {"problem": ANYWHERE}}, {"sweep": {ANYWHERE: 1}}, {"sweep": ANYWHERE}]
QUOTED = json.dumps(SPOKEN[:-1])  # TOML takes no surrogates
ODD_FILES = [
    *(f"{key} = {QUOTED}" for key in (QUOTED, "problem", "activation", "optimizer", "dtype", "record")),
    f"alpha = [{QUOTED}]",
    "learning_rate = \x1b\u202e",
]
OURS = re.compile("\x1b\\[[0-9;]*m|\r(reading weights: [0-9]+ %| +\r)|" + re.escape(CLEAR))  # on a terminal


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "sweep"
    assert main(["train", "--width", "20,30", "--seeds", "2", "--until", "40", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def world(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every file has a hostile name and holds hostile names."""
    folder = tmp_path_factory.mktemp("world")
    losses = staircase()
    with (folder / f"{IN_PATH}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["step", f"{IN_TEXT.replace(chr(13), '')}"], *enumerate(losses)]
        )
    records = [{"step": step, ANYWHERE: loss, f"lr{ANYWHERE}": 1.0} for step, loss in enumerate(losses)]
    (folder / f"{IN_PATH}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    chart = ["step", *(f"{IN_TEXT.replace(chr(13), '')} - loss{end}" for end in ("", "__MIN", "__MAX"))]
    with (folder / f"{IN_PATH}-chart.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([chart, *([k, y, y, y] for k, y in enumerate(losses))])
    for run in ("a", "b"):
        events_v1(folder / f"{IN_PATH}-runs" / (run + IN_PATH.removesuffix("\udcff")), losses, IN_TEXT)
    rng = np.random.default_rng(0)
    for step in (1, 2):
        names = {ANYWHERE.replace("\udcff", ""): rng.normal(size=(3, 4)), "b\x1b[2J": rng.normal(size=3)}
        names["whole\u202e"] = np.arange(3)
        save_file(names, folder / f"model-{step}.safetensors")
        np.savez(folder / f"{IN_PATH}-{step}.npz", **{"w\x1b\u202e": rng.normal(size=(3, 4)), "t\x9b": np.array(["a"])})
    with (folder / f"{IN_PATH}-table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [[IN_TEXT, "b\x1b", "y\u202e"], *([x, x * x + 1, x**3] for x in np.linspace(-1, 1, 20).tolist())]
        )
    (folder / f"{IN_PATH}.toml").write_text(
        f"data = {json.dumps(str(IN_PATH.removesuffix(chr(0xDCFF))))}\nwidth = [20]\nuntil = 3\n", "utf-8"
    )
    shutil.copytree(trained, folder / IN_PATH)
    root = folder / IN_PATH / "zarr.json"
    attributes = json.loads(root.read_text())
    values = attributes["attributes"]
    values["problem"] |= {"name": ANYWHERE, "input_names": [ANYWHERE, "1"], "target_name": ANYWHERE}
    values["versions"] |= {ANYWHERE: ANYWHERE}
    values["mstage"] = ANYWHERE
    root.write_text(json.dumps(sealed(attributes)))
    for number, odd in enumerate(ODD_STORES):
        (folder / f"odd{number}").mkdir()
        held = {
            "mstage": ANYWHERE,
            "format": STORE_FORMAT,
            "sweep": values["sweep"],
            "problem": values["problem"],
        } | odd
        (folder / f"odd{number}" / "zarr.json").write_text(
            json.dumps(sealed({"zarr_format": 3, "node_type": "group", "attributes": held}))
        )
    for number, odd in enumerate(ODD_FILES):
        (folder / f"odd{number}.toml").write_text(f"until = 3\nwidth = [20]\n{odd}\n", "utf-8")
    return folder


class Stream(io.TextIOWrapper):
    """What stdout is: bytes of an encoding, on a terminal or not."""

    def __init__(self, encoding: str, *, terminal: bool) -> None:
        self.bytes = io.BytesIO()
        self.terminal = terminal
        super().__init__(self.bytes, encoding=encoding, errors="strict", write_through=True)

    def isatty(self) -> bool:
        return self.terminal


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=STREAMS, ids=str)
def run(request: pytest.FixtureRequest, world: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the world, holds that its output is harmless, and returns code, stdout and stderr."""
    encoding, terminal = request.param
    monkeypatch.chdir(world)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")

    def run(*arguments: str, code: int = 0) -> tuple[int, str, str]:
        streams = [Stream(encoding, terminal=terminal) for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            found = main(list(arguments))
        out, err = (stream.bytes.getvalue().decode(encoding) for stream in streams)
        assert "this is a bug" not in err
        assert found == code, err
        for text in (out, err):
            assert_harmless(text, terminal=terminal)
        return found, out, err

    return run


def assert_harmless(text: str, *, terminal: bool) -> None:
    """Nothing but line breaks, and colours on a terminal, is more than the characters that are seen."""
    if terminal:
        text = OURS.sub("", text)
    found = {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert not found, (found, text)


@pytest.mark.parametrize("run", STREAMS[:2], indirect=True)
@pytest.mark.parametrize("output", ["table", "csv", "json"])
@pytest.mark.parametrize("source", [".csv", ".jsonl", "-chart.csv", "-runs"])
@pytest.mark.parametrize("listing", [True, False])
def test_logs(source: str, output: str, listing: bool, run: Run) -> None:
    run("detect-stages", f"{IN_PATH}{source}", "--format", output, *(["--list"] if listing else []))


@pytest.mark.slow
@pytest.mark.parametrize("run", STREAMS[:2], indirect=True)
@pytest.mark.parametrize("output", ["table", "csv", "json"])
def test_commands_on_a_sweep(output: str, run: Run) -> None:
    run("detect-stages", IN_PATH, "--format", output)
    run("drift", IN_PATH, "--format", output)
    run("condensation", IN_PATH, "--format", output)
    run("predict", IN_PATH, "--format", output)
    run("report", IN_PATH, "--format", output)


@pytest.mark.slow
@pytest.mark.parametrize("run", STREAMS[1:2], indirect=True)
def test_figures(run: Run, tmp_path: Path) -> None:
    run("report", IN_PATH, "--figures", str(tmp_path / IN_PATH))


@pytest.mark.slow
@pytest.mark.parametrize("output", ["table", "csv", "json"])
def test_commands_on_a_table_and_checkpoints(output: str, run: Run) -> None:
    table = ["--data", f"{IN_PATH}-table.csv", "--target", "y\u202e", "--width", "20"]
    run("predict", *table, "--format", output)
    run("train", *table, "--until", "3", "--dry-run", "--format", output)
    run("drift", *(f"model-{step}.safetensors" for step in (1, 2)), "--format", output)
    run("drift", *(f"{IN_PATH}-{step}.npz" for step in (1, 2)), "--format", output)


REFUSED = [
    (2, "detect-stages", "x.csv", "--format", IN_PATH),
    (2, "detect-stages", "x.csv", "--fail-on", IN_PATH),
    (2, "detect-stages", "x.csv", "--follow", "--until", IN_PATH),
    (2, "detect-stages", "x.csv", "--pattern", IN_PATH),
    (2, "detect-stages", "x.csv", "--reader", IN_PATH),
    (3, "detect-stages", IN_PATH + "nowhere"),
    (3, "detect-stages", f"{IN_PATH}.csv", "--loss", IN_PATH),
    (3, "detect-stages", f"{IN_PATH}.csv", "--x", IN_PATH),
    (3, "detect-stages", f"{IN_PATH}-1.npz"),
    (2, "detect-stages", IN_PATH, IN_PATH),
    (2, "detect-stages", IN_PATH, f"{IN_PATH}.csv"),
    (2, f"--{IN_PATH}"),
    (2, IN_PATH),
    (2, "report", IN_PATH, f"--{IN_PATH}"),
    (3, "report", f"{IN_PATH}-runs"),
    (2, "report", IN_PATH, "--figures", "f", "--figure-format", IN_PATH),
    (3, "report", IN_PATH, "--figures", f"{IN_PATH}.csv"),
    (3, "report", f"{IN_PATH}.csv"),
    (3, "condensation", f"{IN_PATH}.csv"),
    (2, "drift", IN_PATH, f"{IN_PATH}.csv"),
    (2, "drift", IN_PATH, "--order", IN_PATH),
    (3, "drift", "model-1.safetensors", "model-2.safetensors", "--layer", IN_PATH),
    (2, "drift", "model-1.safetensors", "model-2.safetensors", "--steps", IN_PATH),
    (3, "drift", f"{IN_PATH}.csv", f"{IN_PATH}.jsonl"),
    (2, "predict", "--problem", IN_PATH),
    (2, "predict", IN_PATH, "--alpha", "1"),
    (2, "predict", "--data", f"{IN_PATH}-table.csv", "--target", IN_PATH),
    (2, "predict", "--data", f"{IN_PATH}.jsonl", "--target", IN_PATH),
    (3, "predict", f"{IN_PATH}.toml"),
    (2, "train", "--optimizer", f"sgd(x='{IN_PATH}')"),
    (2, "train", "--optimizer", IN_PATH),
    (2, "train", "--alpha", IN_PATH),
    (2, "train", "--width", f"20,{IN_PATH}"),
    (2, "train", "--seeds", IN_PATH),
    (2, "train", "--activation", IN_PATH),
    (3, "train", f"{IN_PATH}.csv"),
    (2, "train", "--until", "3", "-o", IN_PATH + "/.."),
    (2, "train", "--until", "3", "-o", IN_PATH),
    (2, "train", "--resume", "--until", "5", "-o", IN_PATH),
]


REFUSED += [(3, command, f"odd{number}") for number in range(len(ODD_STORES)) for command in ("report", "predict")]
REFUSED += [(2 if k < len(ODD_FILES) - 1 else 3, "train", f"odd{k}.toml") for k in range(len(ODD_FILES))]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refusals(case: int, run: Run) -> None:
    code, *arguments = REFUSED[case]
    _, out, err = run(*map(str, arguments), code=int(code))
    assert out == ""
    assert re.fullmatch("(Training [^\n]+\n)?mstage: [^\n]+\n", OURS.sub("", err))


def test_names_are_seen_and_data_are_exact(run: Run) -> None:
    """What is drawn shows every character of a name, CSV has one line a row, and JSON gives the name as it is."""
    source, name = f"{IN_PATH}.jsonl", storable(ANYWHERE)
    _, out, _ = run("detect-stages", source, "--list", "--format", "json")
    assert out.isascii()
    listed = json.loads(out)
    assert listed["source"] == source
    assert [one["series"] for one in listed["series"]] == [name, f"lr{name}"]
    _, out, _ = run("detect-stages", source, "--list", "--format", "csv")
    assert len(out.splitlines()) == 3
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len({tuple(row) for row in rows}) == 1
    assert all(None not in row for row in rows)
    assert r"l\n\x00\udcffl\x0b\x1c\u2028\x1b[31m\x07\r\t\x7f\x85\x9b2J\u202e\u200b" in rows[0]["series"]
    _, _, err = run("detect-stages", source, "--loss", rows[0]["series"] if "界" in out else "l[!r]*")
    assert r"p\n\x1b[31m" in err
    assert r"[red]$x_$" in err


def test_following(run: Run) -> None:
    run("detect-stages", f"{IN_PATH}.jsonl", "--follow", "--until", "initial plateau")
    run("detect-stages", f"{IN_PATH}.csv", "--follow", "--until", "initial plateau", "--format", "csv")


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "cp1252"},
    ],
    ids=lambda settings: " ".join(map("=".join, settings.items())),
)
def test_processes(settings: dict[str, str], world: Path) -> None:
    """What Python makes of its streams when it starts; what is printed on them is the same in this process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONIO"))}
    for arguments, code in (
        ([f"{IN_PATH}.csv"], 0),
        ([IN_PATH + "no"], 3),
        (["-h"], 0),
    ):
        done = subprocess.run(
            [*MSTAGE, "detect-stages", *arguments],
            cwd=world,
            env=environment | settings,
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert_harmless(
            (done.stdout + done.stderr).decode("cp1252" if "1252" in str(settings) else "utf-8"), terminal=False
        )
