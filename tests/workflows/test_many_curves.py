"""Curves dealt out to several processes have the same stages as one after the other, in their order, come what may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import StageMethod
from mstage.history import Curve
from mstage.workflows import many_curves
from tests import curves
from tests.cli.run import environment, start

METHOD = StageMethod(bins=200)
BREAKS = {
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "raises": "raise MemoryError",
    "ends too early": "pass",
    "answers something else": "print('hello ' * 1000)",
}


def staircases(count: int) -> list[Curve]:
    time = np.geomspace(0.05, 300, 300)
    clean = curves.staircase((1.0, 0.1))(time)
    return [Curve({"seed": seed}, time, clean * curves.noise("white", 300, 0.03, seed), False) for seed in range(count)]


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_curves, "MIN_CURVES_EACH", 2)
    monkeypatch.setattr(many_curves, "processors", lambda: 2)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the curves that are done in this process, as they are done."""
    seeds: list[int] = []

    def one(curve: Curve, method: StageMethod) -> object:
        seeds.append(int(curve.run["seed"]))
        return stages_of_curve(curve, method)

    monkeypatch.setattr(many_curves, "stages_of_curve", one)
    return seeds


@pytest.mark.usefixtures("two_processes")
def test_the_same_stages_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    some = staircases(5)
    seeds = counted(monkeypatch)
    assert many_curves.stages_of_curves(some, METHOD) == [stages_of_curve(curve, METHOD) for curve in some]
    assert seeds == [0, 2, 4]


def test_few_curves_begin_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_curves, "processors", lambda: 8)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert len(many_curves.stages_of_curves(staircases(3), StageMethod())) == 3
    assert many_curves.stages_of_curves([], StageMethod()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("two_processes")
@pytest.mark.parametrize("code", BREAKS.values(), ids=BREAKS)
def test_share_of_a_worker_that_fails_is_done_here(
    code: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A process that was killed for its memory was once told as a bug."""
    monkeypatch.setattr(many_curves, "WORKER", code)
    some = staircases(5)
    seeds = counted(monkeypatch)
    assert many_curves.stages_of_curves(some, METHOD) == [stages_of_curve(curve, METHOD) for curve in some]
    assert seeds == [0, 2, 4, 1, 3]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("two_processes")
def test_no_process_can_be_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    some = staircases(4)
    assert many_curves.stages_of_curves(some, METHOD) == [stages_of_curve(curve, METHOD) for curve in some]


@pytest.mark.usefixtures("two_processes")
def test_interruption_does_not_wait_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, where Ctrl-C is an exception between two instructions."""
    monkeypatch.setattr(many_curves, "WORKER", "import time; time.sleep(600)")

    def interrupt(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(many_curves, "stages_of_curve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        many_curves.stages_of_curves(staircases(4), METHOD)


@pytest.mark.slow
@pytest.mark.usefixtures("two_processes")
@pytest.mark.parametrize(("first", "here"), [([], [0, 2]), ([""], [0, 2, 1, 3])])
def test_modules_are_found_as_in_this_process(
    first: list[str], here: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scipy.py beside somebody's log was once executed, whether or not this process would have."""
    (tmp_path / "scipy.py").write_text("open('executed', 'w').close(); raise SystemExit(1)")
    monkeypatch.setattr(sys, "path", first + [str(Path(place or ".").absolute()) for place in sys.path])
    monkeypatch.chdir(tmp_path)
    seeds = counted(monkeypatch)
    many_curves.stages_of_curves(staircases(4), METHOD)
    assert (tmp_path / "executed").exists() == bool(first)
    assert seeds == here


@pytest.mark.slow
@pytest.mark.usefixtures("two_processes")
def test_print_at_import_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mstage").mkdir()
    package = str(Path(many_curves.__file__).parents[1])
    (tmp_path / "mstage" / "__init__.py").write_text(f"print('hello', flush=True)\n__path__ = [{package!r}]\n")
    monkeypatch.syspath_prepend(tmp_path)
    seeds = counted(monkeypatch)
    many_curves.stages_of_curves(staircases(4), METHOD)
    assert seeds == [0, 2]


def children(pid: int) -> list[int]:
    """The processes that a process has begun and that have not ended."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process goes on: one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def log_of_many(folder: Path, count: int) -> None:
    """Write a log of so many losses that several processes look at them."""
    losses = np.array([curve.loss for curve in staircases(count)]).T
    head = ",".join(["step", *(f"loss_{index}" for index in range(count))])
    np.savetxt(folder / "log.csv", np.c_[np.arange(1, 301), losses], delimiter=",", header=head, comments="")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see the workers")
@pytest.mark.skipif(many_curves.processors() < 2, reason="needs two cores")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_all_of_it_without_a_word(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C goes to all processes of a terminal, SIGTERM and SIGKILL to one."""
    log_of_many(tmp_path, 400)
    process = start(tmp_path, "detect-stages", "log.csv", "--loss", "loss_*", start_new_session=True)
    wait_for(lambda: children(process.pid) or process.poll() is not None)
    workers = children(process.pid)
    assert workers
    wait_for(lambda: "scipy" in Path(f"/proc/{workers[0]}/maps").read_text())
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert [line for line in err.splitlines() if not line.startswith("log.csv: ")] == (
        [] if number == signal.SIGKILL else ["mstage: interrupted"]
    )
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    wait_for(lambda: not any(is_running(one) for one in workers))


@pytest.mark.slow
@pytest.mark.skipif(many_curves.processors() < 2, reason="needs two cores")
def test_foreign_folder(tmp_path: Path) -> None:
    """What lies beside a log is no part of the program."""
    log_of_many(tmp_path, 200)
    (tmp_path / "scipy.py").write_text("open('executed', 'w').close(); raise SystemExit")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mstage", "detect-stages", "log.csv", "--loss", "loss_*", "--format", "csv"],
        cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "executed").exists()
