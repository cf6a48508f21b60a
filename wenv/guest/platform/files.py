"""Files that grow, are added to, or are read and written by turns: the streams of WASI preview 2 lose track of all three.

A stream that came to a file's end stays there, whatever is written to the file later; one that writes goes on where it last
wrote, whatever was read meanwhile; and asking where an appending descriptor is moves it to the end.  CPython's `open` makes raw
files of C's; here it makes ones that know better.
"""

import builtins
import io
import os
import posix
from typing import Any

from ..processes import ends, pipes
from . import modes

_open = io.open
#: The modes of files that are read or added to; what is only written from the start, CPython's own does well.
MODES = frozenset({
    *("r", "rb", "rt", "r+", "rb+", "r+b", "rt+", "r+t", "w+", "wb+", "w+b", "wt+", "w+t", "x+", "xb+", "x+b", "xt+", "x+t"),
    *("a", "ab", "at", "a+", "ab+", "a+b", "at+", "a+t"),
})  # fmt: skip


def _renew(descriptor: int, position: int | None = None) -> bool:
    """Have a descriptor's next access begin at its position (or another) in the file as it is by then; False for a pipe."""
    try:
        position = os.lseek(descriptor, 0, os.SEEK_CUR) if position is None else position
        os.lseek(descriptor, position + 1, os.SEEK_SET)
        os.lseek(descriptor, position, os.SEEK_SET)
    except OSError:
        return False
    return True


class File(io.FileIO):
    """A raw file that can be read on from its end."""

    #: Whether the end was reached, and whether something was read since something was written.
    _ended = _read = False

    def _go_on(self) -> None:
        """Leave the end, so that what is there by now is read."""
        self._ended = self._read = False
        _renew(self.fileno())

    def _was_read(self, count: int | None) -> None:
        self._read = True
        if not count:
            self._ended = True

    def write(self, data: Any, /) -> int:
        if self._read:
            self._go_on()
        return super().write(data)

    def readinto(self, buffer: Any, /) -> int | None:
        if self._ended:
            self._go_on()
        count = super().readinto(buffer)
        self._was_read(count)
        return count

    def read(self, size: int | None = -1, /) -> bytes | Any:
        if size is None or size < 0:
            return self.readall()
        if self._ended:
            self._go_on()
        data = super().read(size)
        self._was_read(len(data or b""))
        return data

    def readall(self) -> bytes | Any:
        if self._ended:
            self._go_on()
        data = super().readall()
        self._was_read(len(data or b""))
        self._ended = True
        return data


class Appending(File):
    """A raw file whose writes go to its end; it keeps its position itself."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._position = os.fstat(self.fileno()).st_size

    def _go_on(self) -> None:
        self._ended = self._read = False
        _renew(self.fileno(), self._position)

    def _was_read(self, count: int | None) -> None:
        self._position += count or 0
        super()._was_read(count)

    def write(self, data: Any, /) -> int:
        count = io.FileIO.write(self, data)
        self._position, self._ended = os.fstat(self.fileno()).st_size, True
        return count

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == os.SEEK_CUR:
            offset, whence = self._position + offset, os.SEEK_SET
        self._position = super().seek(offset, whence)
        return self._position

    def tell(self) -> int:
        self.fileno()  # raises ValueError for a closed file
        return self._position

    def truncate(self, size: int | None = None, /) -> int:
        return super().truncate(self._position if size is None else size)


for _kind in (File, Appending):
    _kind.__name__, _kind.__qualname__, _kind.__module__ = "FileIO", "FileIO", "_io"


def open_file(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """As `open`."""
    if isinstance(file, int) and file >= ends.FIRST:
        return pipes.opened(file, mode, buffering, encoding, errors, newline, closefd)
    modes.named(file)
    is_new = modes.is_unusual(0o666) and isinstance(file, (str, bytes, os.PathLike)) and not os.path.lexists(file)
    made = _opened(file, mode, buffering, encoding, errors, newline, closefd, opener)
    if is_new:
        modes.created(made.fileno(), 0o666)
    return made


def _opened(
    file: Any,
    mode: str,
    buffering: int,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
    closefd: bool,
    opener: Any,
) -> Any:
    is_binary = isinstance(mode, str) and "b" in mode
    is_refused = (encoding, errors, newline) != (None, None, None) if is_binary else buffering == 0
    if not isinstance(mode, str) or mode not in MODES or is_refused:  # CPython's own says what is wrong, if anything is
        return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    file = file if isinstance(file, int) else os.fspath(file)
    kind = Appending if "a" in mode else File
    raw = kind(file, mode.replace("t", "").replace("b", ""), closefd, opener)
    return wrapped(raw, mode, buffering, encoding, errors, newline)


def wrapped(raw: Any, mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None) -> Any:
    """What `open` returns for a raw file; raises ValueError for text without a buffer.  The file is closed on any error."""
    try:
        if buffering == 0:
            if "b" not in mode:
                raise ValueError("can't have unbuffered text I/O")
            return raw
        by_lines = buffering == 1 or (buffering < 0 and raw.isatty())
        size = io.DEFAULT_BUFFER_SIZE if buffering in (-1, 1) else buffering
        kind: Any = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
        buffer = kind(raw, size)
        if "b" in mode:
            return buffer
        text = io.TextIOWrapper(buffer, encoding, errors, newline, line_buffering=by_lines)
        text.mode = mode  # type: ignore[misc]
        return text
    except BaseException:
        raw.close()
        raise


def apply(builtin: Any) -> None:
    """Put this in the place of `open`, `os.read` and `os.write`; `builtin` makes a function look like C's."""
    read, write = os.read, os.write
    #: Descriptors that were read since they were written.
    were_read: set[int] = set()

    def read_on(descriptor: int, length: int, /) -> bytes:
        data = read(descriptor, length)
        if not data and length and _renew(descriptor):
            data = read(descriptor, length)
        were_read.add(descriptor)
        return data

    def write_on(descriptor: int, data: Any, /) -> int:
        if descriptor in were_read:
            were_read.discard(descriptor)
            _renew(descriptor)
        return write(descriptor, data)

    opening = builtin(_open, open_file)
    opening.__module__ = "io"  # where `pickle` finds it
    vars(io)["open"] = vars(builtins)["open"] = opening
    modes.replace_imported(_open, opening)
    for name, old, new in (("read", read, read_on), ("write", write, write_on)):
        made = builtin(old, new)
        for module in (os, posix):
            setattr(module, name, made)
