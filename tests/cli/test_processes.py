"""What only a process of its own shows: signals, closed streams, a full disk, a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import xarray as xr

from mstage.store.commits import read_commit
from mstage.store.reader import StoredSweep, is_store, open_sweep
from tests.cli.run import environment, files_of, shell, start, wait_until

DRY_RUN = "mstage train --dry-run --width 8 --steps 30"
TINY = "mstage train --width 8 --steps 30 --snapshots 2 -o x"
LONG = ["train", "--width", "30,50", "--seeds", "2", "--until", "3000", "--snapshots", "20"]
SHORTER = [*LONG[:-3], "600", *LONG[-2:]]
# A sweep that is interrupted or looked at has to be in training still, however fast the machine: calls of few steps, a
# pause after each and many commits make LONG last at least 20 s and SHORTER 4 s.
PACE = """
import importlib, sys, time
from mstage.__main__ import main

class Pace:
    steps = 300
    def measured(self, steps):
        time.sleep(0.1)

training = importlib.import_module("mstage.workflows.train")
training._Pace = Pace
training.train.__kwdefaults__["commit_seconds"] = 0.3
sys.exit(main())
"""
PACED = [sys.executable, "-c", PACE]
CLOSING = re.compile(r"x: \d runs? trained (to the end )?in [\d.]+ s\. Next: mstage report x\n")
INTERRUPTED = re.compile(
    r"mstage: interrupted at \d+ %, [024] of 4 runs done\. Go on with: mstage train --resume -o x\n"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The long sweep, trained without interruption by a process."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder, *LONG, "-o", "x")
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (0, "")
    assert CLOSING.fullmatch(err)
    return folder / "x"


def assert_resumes_to(whole: Path, folder: Path) -> None:
    """`mstage train --resume -o x` there ends in the sweep that was never interrupted, to the bit."""
    process = start(folder, "train", "--resume", "-o", "x")
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (0, "")
    assert CLOSING.fullmatch(err)
    xr.testing.assert_identical(open_sweep(folder / "x").load(), open_sweep(whole).load())


def committed_records(path: Path) -> int:
    """How many records are committed, of all shards together; -1 if there is no store."""
    if not is_store(path):
        return -1
    layout = StoredSweep(path).layout
    return sum(read_commit(path, layout, shard).records for shard in layout.shards)


def has_gone_on(path: Path, before: int) -> bool:
    """Whether more records are committed than before."""
    return committed_records(path) > before


def imports_jaxlib(process: subprocess.Popen[str]) -> bool:
    """Whether it is in the middle of its imports."""
    return "jaxlib" in Path(f"/proc/{process.pid}/maps").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc to see the imports")
@pytest.mark.parametrize("option", ["--output=x", "--dry-run"])
def test_ctrl_c_during_imports_leaves_nothing(option: str, tmp_path: Path) -> None:
    process = start(tmp_path, *LONG, option)
    wait_until(lambda: imports_jaxlib(process), process)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "mstage: interrupted\n")
    assert process.returncode == 130
    assert files_of(tmp_path) == []


@pytest.mark.slow
def test_interrupted_again_and_again(whole: Path, tmp_path: Path) -> None:
    """During each compilation, each training, by each signal and by somebody impatient: resumed in the end."""
    moments = [
        ([signal.SIGINT], "0 of 4"),  # the store is there; compilation follows
        ([signal.SIGINT], "[02] of 4"),
        ([signal.SIGINT] * 3, "[02] of 4"),
        ([signal.SIGTERM], "[024] of 4"),
    ]
    for number, (signals, done) in enumerate(moments):
        before = committed_records(tmp_path / "x")
        process = start(tmp_path, *(["train", "--resume", "-o", "x"] if number else [*LONG, "-o", "x"]), program=PACED)
        wait_until(partial(has_gone_on, tmp_path / "x", before), process)
        for one in signals:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(one)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (130, "")
        assert INTERRUPTED.fullmatch(err)
        assert re.search(f"{done} runs done", err)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]
        assert open_sweep(tmp_path / "x")
    assert_resumes_to(whole, tmp_path)


@pytest.mark.slow
def test_ignored_ctrl_c_does_not_stop_it(tmp_path: Path) -> None:
    process = start(tmp_path, *SHORTER, "-o", "x", program=["bash", "-c", "trap '' INT; exec \"$@\"", "bash", *PACED])
    wait_until(partial(has_gone_on, tmp_path / "x", 0), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "")
    assert CLOSING.fullmatch(err)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_full_disk_under_stdout(tmp_path: Path) -> None:
    done = shell(tmp_path, f"{DRY_RUN} --format csv > /dev/full")
    line = "mstage: the output: cannot be read or written (No space left on device)\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", line)
    done = shell(tmp_path, "mstage --help > /dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", line)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_full_disk_under_the_store(whole: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: from the start, and in the middle of training."""
    done = shell(tmp_path, f"ulimit -f 0; mstage {' '.join(LONG)} -o x")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"mstage: x: cannot be written \(File too large\)[^\n]*\n", done.stderr)
    assert files_of(tmp_path) == []
    process = start(tmp_path, *LONG, "-o", "x", program=PACED)
    wait_until(partial(has_gone_on, tmp_path / "x", 0), process)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (50, 50))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (3, "")
    assert re.fullmatch(r"mstage: x: cannot be written \(File too large\)[^\n]*--resume\.\n", err)
    assert_resumes_to(whole, tmp_path)


@pytest.mark.slow
def test_reader_that_has_enough(tmp_path: Path) -> None:
    for command in (f"{DRY_RUN} --format json", "mstage train --help"):
        done = shell(tmp_path, f"{command} | head -1 > /dev/null; echo ${{PIPESTATUS[0]}}")
        assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.slow
def test_closed_streams(tmp_path: Path) -> None:
    done = shell(tmp_path, f"{DRY_RUN} >&-")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("Nothing was trained")
    done = shell(tmp_path, f"{TINY} 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for stderr in ("2> >(true)", *(["2> /dev/full"] if sys.platform == "linux" else [])):
        done = shell(tmp_path, f"mstage train --resume -o x {stderr}")  # there is nothing left to do but to say so
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        done = shell(tmp_path, f"mstage train --resume {stderr}")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("follow", ["", pytest.param("--follow", marks=pytest.mark.slow)])
def test_closed_standard_input(follow: str, tmp_path: Path) -> None:
    done = shell(tmp_path, f"mstage detect-stages {follow} - <&-")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"mstage: standard input: is closed; expected a training log[^\n]*\n", done.stderr)


def in_terminal(folder: Path, *arguments: str, ctrl_c_at: str | None = None) -> tuple[int, str]:
    """Run a paced command in a pseudo-terminal of 80 columns; type Ctrl-C as soon as something is seen."""
    terminal, inner = pty.openpty()
    takes_it = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(  # not `pty.fork`: the other tests in this process have started the threads of JAX
        [sys.executable, "-c", takes_it, *PACED, *arguments], cwd=folder, start_new_session=True,
        stdin=inner, stdout=inner, stderr=inner, env=environment() | {"TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(inner)
    seen = b""
    with contextlib.suppress(OSError):  # how the end of a terminal is told on Linux
        while part := os.read(terminal, 65536):
            seen += part
            if ctrl_c_at is not None and ctrl_c_at in seen.decode(errors="replace"):
                os.write(terminal, b"\x03")
                ctrl_c_at = None
    os.close(terminal)
    return process.wait(), seen.decode()


@pytest.mark.slow
def test_bar_in_a_terminal(tmp_path: Path) -> None:
    code, seen = in_terminal(tmp_path, *SHORTER, "-o", "x")
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)
    assert text.startswith("Training 4 runs into x\r\n")
    assert re.search(r"width 30 ━+ +0 % 0 of 4 runs compiling", text)
    assert re.search(r"width 50 [━╸╺]+ +\d+ % 2 of 4 runs +[\d.]+ k steps/s +\d+ s left", text)
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", text))
    assert CLOSING.fullmatch(seen.splitlines()[-1].rpartition("\x1b[2K")[2] + "\n")
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1  # the cursor comes back


@pytest.mark.slow
def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    code, seen = in_terminal(tmp_path, *LONG, "-o", "x", ctrl_c_at="s left")
    assert code == 130
    assert INTERRUPTED.fullmatch(seen.splitlines()[-1].rpartition("\x1b[2K")[2] + "\n")
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1
