"""Writes wait in order, and no more of them than memory allows."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mstage.workflows.write_behind import MAX_WAITING, WriteBehind, array_bytes


def test_writes_are_done_in_order_and_errors_are_raised() -> None:
    done: list[int] = []
    with WriteBehind() as behind:
        for number in range(20):
            behind.do(done.append, number)
        behind.finish()
        assert done == list(range(20))
        behind.do(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            behind.finish()


@pytest.mark.parametrize(("size", "most"), [(8, MAX_WAITING), (2**27, 2), (2**29, 1)])
def test_what_waits_is_bounded_by_number_and_by_size(size: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five snapshots of 4.6 GiB once waited for a slow disk."""
    monkeypatch.setattr("mstage.workflows.write_behind.array_bytes", lambda _: size)
    go, handed = threading.Semaphore(0), []

    def hand_over() -> None:
        with WriteBehind() as behind:
            for number in range(8):
                behind.do(go.acquire)
                handed.append(number)

    thread = threading.Thread(target=hand_over)
    thread.start()
    for released in range(8):
        deadline = threading.Event()
        deadline.wait(0.05)
        assert len(handed) <= released + most
        go.release()
    thread.join()
    assert len(handed) == 8


def test_bytes_of_what_is_handed_over() -> None:
    one = np.zeros((3, 5))
    assert array_bytes((1, "loss", one, {"a": one, "b": [one, None]})) == 3 * one.nbytes
