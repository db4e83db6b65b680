"""How is a file opened that anybody may have written, and how much of it is read?

A path, or the link behind it, can lead to what never ends (`/dev/zero`), never begins (a FIFO that nobody writes to) or
is larger than the memory. So every file from outside is opened here: its kind is checked before it is opened, and its
size before it is read. A refusal is an `OSError` whose text says why, like those of the system; the caller tells the
user.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

PIECE = 2**20  # bytes that are read at a time
PIPE_SECONDS = 3.0  # how long to wait until somebody writes to a FIFO
OF_THE_KERNEL = ("/proc", "/sys")  # file systems whose files show the state of the machine; some block for ever


class TooLargeError(OSError):
    """A file is larger than its reader has room for."""


def open_file(path: str | Path) -> BinaryIO:
    """Open a file for reading in any order.

    Raises:
        OSError: The system does not let us, or it is a folder, a device, a socket or a pipe.
    """
    return _opened(path, pipes=False)


def open_stream(path: str | Path) -> BinaryIO:
    """Open a file, or a pipe that somebody writes to (`<(command)`, a FIFO), for reading it once from its start.

    Raises:
        OSError: The system does not let us, it is a folder, a device or a socket, or nobody writes to it.
    """
    return _opened(path, pipes=True)


def read_file(path: str | Path, max_bytes: int) -> bytes:
    """All that a file holds, or a pipe that somebody writes to.

    Args:
        path: The file.
        max_bytes: How many bytes there is room for.

    Raises:
        TooLargeError: It is larger; of a file, none of it has been read.
        OSError: As `open_stream` has it.
    """
    with open_stream(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = read_up_to(file, max_bytes) if size <= max_bytes else None
    if data is None or len(data) > max_bytes:
        raise TooLargeError(errno.EFBIG, f"it is larger than {max_bytes >> 20} MiB", os.fspath(path))
    return data


def read_up_to(file: BinaryIO, max_bytes: int) -> bytes:
    """Read a stream to its end, but no more than one byte beyond `max_bytes`, which tells that it is too large.

    A stream that does not block is read as far as data have arrived.
    """
    parts: list[bytes] = []
    left = max_bytes + 1
    while left > 0 and (part := file.read(min(PIECE, left))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def reason_of(error: Exception) -> str:
    """Why something cannot be read, in the words of the system where it is the one that refuses."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def is_pipe(path: str | Path) -> bool:
    """Whether a path leads to a pipe."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - a path is text or a Path
    except (OSError, ValueError):
        return False


def open_pipe(path: str | Path) -> int:
    """The descriptor of a pipe that is being written to; reading from it does not block.

    Raises:
        OSError: The system does not let us.
    """
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _opened(path: str | Path, *, pipes: bool) -> BinaryIO:
    mode = os.stat(path).st_mode  # noqa: PTH116 - as above
    _check_kind(path, mode, pipes=pipes)
    # Non-blocking: the file can have been replaced since, and opening some files of the kernel blocks.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        _check_kind(path, found.st_mode, pipes=pipes)
        if stat.S_ISFIFO(found.st_mode):
            _wait_for_a_writer(path, descriptor)
        elif not found.st_size and found.st_dev in _devices_of_the_kernel():
            raise _refused(path, "it is a window into the system and no file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_kind(path: str | Path, mode: int, *, pipes: bool) -> None:
    """Refuse what is no file.

    Raises:
        OSError: It is none.
    """
    if stat.S_ISREG(mode) or (pipes and stat.S_ISFIFO(mode)):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    kinds = {stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a pipe"}
    raise _refused(path, f"it is {kinds.get(stat.S_IFMT(mode), 'something else')} and no file")


def _wait_for_a_writer(path: str | Path, descriptor: int) -> None:
    """Wait until there is something in a pipe, or somebody who has it open for writing; then let reading wait.

    Raises:
        OSError: Nobody comes.
    """
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    if not ready.poll(PIPE_SECONDS * 1000):
        try:
            os.read(descriptor, 1)  # gives the end where nobody has it open for writing
        except BlockingIOError:
            pass
        else:
            raise _refused(path, "it is a FIFO that nobody writes to")
    os.set_blocking(descriptor, True)


def _devices_of_the_kernel() -> set[int]:
    found = set()
    for folder in OF_THE_KERNEL:
        try:
            found.add(os.stat(folder).st_dev)  # noqa: PTH116 - as above
        except OSError:
            continue
    return found


def _refused(path: str | Path, why: str) -> OSError:
    return OSError(errno.EINVAL, why, os.fspath(path))
