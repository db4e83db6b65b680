"""Write what is measured while the next steps are computed.

The store is written by one other thread, in the order in which things were handed over; while it writes, this one
waits for the compiled program and holds no lock. What fails there is raised here at the next call.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MAX_WAITING = 4  # writes: a disk that is slower than the trainer is not to fill the memory
MAX_WAITING_BYTES = 2**28  # of arrays; a single write may be larger and is then the only one


class WriteBehind:
    """A queue of writes and the thread that does them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[tuple[Future[object], int]] = deque()  # with the bytes of its arrays

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)

    def do(self, write: Callable[..., object], *arguments: object) -> None:
        """Have something written.

        Raises:
            Exception: Whatever an earlier write raised.
        """
        size = array_bytes(arguments)
        while self._waiting and (self._waiting[0][0].done() or self._is_full(size)):
            self._waiting.popleft()[0].result()
        self._waiting.append((self._thread.submit(write, *arguments), size))

    def finish(self) -> None:
        """Wait until all is written.

        Raises:
            Exception: Whatever a write raised.
        """
        while self._waiting:
            self._waiting.popleft()[0].result()

    def _is_full(self, size: int) -> bool:
        waiting = sum(each for _, each in self._waiting)
        return len(self._waiting) >= MAX_WAITING or waiting + size > MAX_WAITING_BYTES


def array_bytes(values: object) -> int:
    """Bytes of the arrays among some values, and in dictionaries among them."""
    match values:
        case np.ndarray():
            return values.nbytes
        case dict():
            return sum(array_bytes(value) for value in values.values())
        case tuple() | list():
            return sum(array_bytes(value) for value in values)
    return 0
