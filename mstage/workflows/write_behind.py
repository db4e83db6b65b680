"""Write what is measured while the next steps are computed.

The store is written by one other thread, in the order in which things were handed over; while it writes, this one
waits for the compiled program and holds no lock. What fails there is raised here at the next call.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MOST_WAITING = 4  # writes: a disk that is slower than the trainer is not to fill the memory


class WriteBehind:
    """A queue of writes and the thread that does them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)

    def do(self, write: Callable[..., object], *arguments: object) -> None:
        """Have something written.

        Raises:
            Exception: Whatever an earlier write raised.
        """
        self._waiting.append(self._thread.submit(write, *arguments))
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > MOST_WAITING):
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until all is written.

        Raises:
            Exception: Whatever a write raised.
        """
        while self._waiting:
            self._waiting.popleft().result()
