"""Pipes as `os` and `open` have them, under numbers of our own (ends.py)."""

import builtins
import errno
import io
import os
import posix
import stat
from collections.abc import Callable
from typing import Any, TypeVar

from ..network import door
from ..platform import modes, waits
from .ends import CHUNK, FIRST, ROOM, End, close, end_of, is_open, pipe
from .waiting import wait

Answer = TypeVar("Answer", bytes, int)


def read(number: int, size: int) -> bytes:
    """As `os.read`."""
    end = end_of(number)
    if size <= 0:
        return b""
    if end.handle is None:
        if end.source is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        _wait(end, number, "r")
    if end.handle is not None:
        return _asked(end, number, "r", lambda: door.ask("child.read", end.handle or 0, min(size, CHUNK), 0)[1])
    assert end.source is not None
    data = bytes(end.source.data[:size])
    del end.source.data[:size]
    return data


def write(number: int, data: Any) -> int:
    """As `os.write`."""
    end, view = end_of(number), memoryview(data).cast("B")
    if not view:
        return 0
    if end.handle is None:
        if end.target is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        _wait(end, number, "w")
    if end.handle is not None:
        # as much as the host takes at once, so that who was told that it can write does not wait
        return _asked(end, number, "w", lambda: int(door.ask("child.write", end.handle or 0, 0, payload=view[:CHUNK])[0]))
    assert end.target is not None
    if not end.target.is_read:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    room = len(view) if end.is_blocking else ROOM - len(end.target.data)
    end.target.data += view[:room]  # nobody could read it meanwhile
    return min(room, len(view))


def _asked(end: End, number: int, letter: str, work: Callable[[], Answer]) -> Answer:
    while True:
        try:
            return work()
        except TimeoutError:
            if not end.is_blocking:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
            wait([(number, letter)], 0, None)


def _wait(end: End, number: int, letter: str) -> None:
    """Wait for an end in memory.  Raises BlockingIOError where that is not wanted."""
    if not end.is_ready(letter):
        if not end.is_blocking:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        wait([(number, letter)], 0, None)


class File(io.RawIOBase):
    """An end as a raw file."""

    def __init__(self, number: int, mode: str, closefd: bool) -> None:
        end_of(number)
        self.name, self.mode = number, mode.replace("t", "").replace("b", "") + "b"
        self._closes = closefd

    def fileno(self) -> int:
        self._check()
        return self.name

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def readable(self) -> bool:
        return "r" in self.mode or "+" in self.mode

    def writable(self) -> bool:
        return "r" not in self.mode or "+" in self.mode

    def isatty(self) -> bool:
        self._check()
        return False

    def readinto(self, buffer: Any, /) -> int | None:
        self._check()
        try:
            data = read(self.name, len(buffer))
        except BlockingIOError:
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any, /) -> int | None:
        self._check()
        try:
            return write(self.name, data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()
            finally:
                if self._closes and is_open(self.name):
                    close(self.name)

    def __repr__(self) -> str:
        return f"<_io.FileIO {'[closed]' if self.closed else f'name={self.name} mode={self.mode!r} closefd={self._closes}'}>"


def opened(
    number: int,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    _: object = None,
) -> Any:
    """As `open`."""
    from ..platform.files import wrapped  # which needs this module

    return wrapped(File(number, mode, closefd), mode, buffering, encoding, errors, newline)


def make_open() -> None:
    """Let `open` take ends, too, in an interpreter whose `open` is CPython's own."""
    host: Any = io.open

    def chosen(file: Any, *arguments: Any, **keywords: Any) -> Any:
        if type(file) is int and file >= FIRST:
            return opened(file, *arguments, **keywords)
        return host(file, *arguments, **keywords)

    made = waits.Builtin(host, chosen)
    made.__module__ = "io"  # where `pickle` finds it
    vars(io)["open"] = vars(builtins)["open"] = made
    modes.replace_imported(host, made)


def fstat(number: int) -> os.stat_result:
    """As `os.fstat`."""
    end_of(number)
    return os.stat_result((stat.S_IFIFO | 0o600, number, 0, 1, 0, 0, 0, 0, 0, 0))


def set_blocking(number: int, is_blocking: bool) -> None:
    """As `os.set_blocking`."""
    end_of(number).is_blocking = bool(is_blocking)


def _nothing(number: int, *_: object) -> bool:
    end_of(number)
    return False


def _no_seek(number: int, *_: object) -> int:
    raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))


#: What they are for an end.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "read": read, "write": write, "close": close, "fstat": fstat, "set_blocking": set_blocking, "isatty": _nothing,
    "get_blocking": lambda number: end_of(number).is_blocking, "set_inheritable": _nothing, "get_inheritable": _nothing,
    "lseek": _no_seek,
}  # fmt: skip


def install() -> None:
    """Let the functions of `os` take ends, too."""
    for name, ours in FUNCTIONS.items():
        host = getattr(os, name, None)
        made = waits.Builtin(host or ours, _both(host, ours))
        made.__name__ = made.__qualname__ = name
        for module in (os, posix):
            setattr(module, name, made)
        if host is not None:
            modes.replace_imported(host, made)
    vars(os).update(pipe=pipe)
    vars(posix).update(pipe=pipe)


def _both(host: Callable[..., Any] | None, ours: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(fd: Any, *arguments: Any) -> Any:
        if type(fd) is int and fd >= FIRST:
            return ours(fd, *arguments)
        if host is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return host(fd, *arguments)

    return chosen
