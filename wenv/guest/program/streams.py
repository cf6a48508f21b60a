"""Standard streams as CPython would have opened them, had it started now and not when the component was built."""

import errno
import io
import os
import sys
from typing import Any


class _saying:  # noqa: N801 - a context manager without contextlib, which starts do not need
    """Says `number` where the host said EIO, which stands for what WASI has no number for."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> None:
        return

    def __exit__(self, _: object, error: object, __: object) -> None:
        if isinstance(error, OSError) and error.errno == errno.EIO:
            raise OSError(self._number, os.strerror(self._number)) from None


class Pipe(io.FileIO):
    """An output stream: a pipe that nobody reads fails as it does in CPython."""

    def write(self, data: Any, /) -> int:
        """Write; raises BrokenPipeError."""
        with _saying(errno.EPIPE):
            return super().write(data)


class Input(io.FileIO):
    """Standard input: one that cannot be read (a folder, what is open for writing only) fails like any descriptor of that kind,
    and not with the error that stands for a limit of the sandbox."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Read; raises OSError."""
        with _saying(errno.EBADF):
            return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes:
        """The same."""
        with _saying(errno.EBADF):
            return super().read(size)

    def readall(self) -> bytes:
        """The same."""
        with _saying(errno.EBADF):
            return super().readall()


#: What standard output and error are.
output: type[io.FileIO] = io.FileIO


def open_streams(*, unbuffered: bool) -> None:
    """Open stdin, stdout and stderr anew: UTF-8, line-buffered on a terminal, else block-buffered, or not at all.

    The text streams stay the objects they are: a module that was baked may have kept one, as the default of a parameter.
    """
    _open("stdin", io.BufferedReader(_raw(0, "r")), "strict", None)
    for number, name, errors in ((1, "stdout", "strict"), (2, "stderr", "backslashreplace")):
        raw = _raw(number, "w")
        buffer = raw if unbuffered else io.BufferedWriter(raw)
        _open(name, buffer, errors, "\n", line_buffering=number == 2 or raw.isatty(), write_through=unbuffered)


def _raw(descriptor: int, mode: str) -> io.FileIO:
    raw = Input(descriptor, mode, closefd=False) if descriptor == 0 else io.FileIO(descriptor, mode, closefd=False)
    if descriptor and not raw.isatty():  # a terminal is written by C alone: Ctrl-C comes before a write or after it
        raw = output(descriptor, mode, closefd=False)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[descriptor]
    return raw


def _open(name: str, buffer: Any, errors: str, newline: str | None, **options: bool) -> None:
    stream: Any = getattr(sys, f"__{name}__")
    if isinstance(stream, io.TextIOWrapper):
        io.TextIOWrapper.__init__(stream, buffer, encoding="utf-8", errors=errors, newline=newline, **options)
    else:
        stream = io.TextIOWrapper(buffer, encoding="utf-8", errors=errors, newline=newline, **options)
    stream.mode = buffer.raw.mode[:1] if hasattr(buffer, "raw") else buffer.mode[:1]
    vars(sys).update({name: stream, f"__{name}__": stream})


def flush_streams() -> bool:
    """Flush both output streams; False if one of them could not be written, for example into a closed pipe."""
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            written = False
    return written
