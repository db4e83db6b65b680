"""Ctrl-C: ends at once where nothing is written, waits for a safe point where something is."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from mstage.cli.interrupts import Interrupts


def test_held_signal_waits_for_the_next_check() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.hold()
        interrupts.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_does_not_wait(second: signal.Signals) -> None:
    with Interrupts() as interrupts:
        interrupts.hold()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(second)


def test_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_thread_is_left_alone() -> None:
    failures: list[BaseException] = []

    def enter() -> None:
        try:
            with Interrupts() as interrupts:
                interrupts.hold()
                interrupts.check()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert failures == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("closed", [False, True])
def test_signal_that_is_not_held_ends_the_process(number: signal.Signals, closed: bool) -> None:
    """Also from within a callback of the garbage collector, where an exception would be lost."""
    code = (
        "import gc, signal, sys\n"
        "from mstage.cli.interrupts import Interrupts\n"
        "def collected(phase, info):\n"
        f"    if phase == 'stop': signal.raise_signal({int(number)})\n"
        "with Interrupts():\n"
        "    gc.callbacks.append(collected)\n"
        "    gc.collect()\n"
        "    print('still here', flush=True)\n"
    )
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1"' + (" 2>&-" if closed else ""), sys.executable, code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "" if closed else "mstage: interrupted\n")
