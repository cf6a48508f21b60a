"""Pairs of connected sockets: ends of a pipe in memory (wenv/guest/processes), which need no network."""

import errno
import os
from typing import Any

from ..processes import ends, pipes, waiting


def order(operation: str, handle: int, arguments: tuple[Any, ...], payload: Any, timeout: float | None) -> tuple[Any, bytes]:
    """What a socket of a pair does that may wait.  Raises TimeoutError, BlockingIOError and OSError."""
    if operation not in ("send", "recv") or (operation == "recv" and arguments[1]):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    if payload is not None and not len(payload):
        return 0, b""
    if not waiting.wait([(handle, "w" if operation == "send" else "r")], 0, timeout)[2]:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) if timeout == 0 else TimeoutError("timed out")
    end = ends.end_of(handle)
    before, end.is_blocking = end.is_blocking, timeout is None
    try:
        return (pipes.write(handle, payload), b"") if operation == "send" else (None, pipes.read(handle, arguments[0]))
    finally:
        end.is_blocking = before


def order_at_once(operation: str, handle: int, arguments: tuple[Any, ...]) -> Any:
    """What one does at once.  Raises OSError."""
    end = ends.end_of(handle)
    if operation == "shutdown":
        if end.target is not None and arguments[0] != "SHUT_RD":
            end.target.is_written = False
        if end.source is not None and arguments[0] != "SHUT_WR":
            end.source.is_read = False
        return None
    if operation == "name":
        return ["127.0.0.1", 0]
    if operation in ("setoption", "getoption"):
        return 0
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
