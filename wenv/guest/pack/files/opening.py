"""`open`, `io.open_code` and `io.FileIO`."""

import abc
import errno
import io
import os
import posix
from typing import Any

from ...platform.files import wrapped
from .descriptors import read_into
from .nodes import Description, failure
from .tree import FILES, located, to_host

#: What each mode of `open` asks of `os.open`, but for reading and writing.
CREATING = {"r": 0, "w": os.O_CREAT | os.O_TRUNC, "a": os.O_CREAT | os.O_APPEND, "x": os.O_CREAT | os.O_EXCL}


class _FileIOKind(abc.ABCMeta):
    """`io.FileIO` makes, and recognises, the platform's objects as well as those for files in memory."""

    def __call__(cls, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> Any:
        if isinstance(file, int) and not isinstance(file, bool):
            inside = file in FILES.descriptions
        else:
            inside = opener is None and located(file) is not None
        if cls is FileIO and not inside:
            if opener is None and not isinstance(file, int):
                return FILES.host["FileIO"](file, mode, closefd, opener=_host_opener)
            return FILES.host["FileIO"](file, mode, closefd, opener=opener)
        return super().__call__(file, mode, closefd, opener)

    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) or (cls is FileIO and isinstance(instance, FILES.host["FileIO"]))


class FileIO(io.RawIOBase, metaclass=_FileIOKind):
    """As `io.FileIO`, on a file in memory."""

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        self._descriptor, self.closefd = -1, closefd  # before anything can fail: it is closed then
        flags = _flags(mode)
        if isinstance(file, int):
            self._descriptor = file
        elif not closefd:
            raise ValueError("Cannot use closefd=False with file name")
        else:
            self._descriptor = posix.open(file, flags, 0o666) if opener is None else opener(file, flags)
        self.name, self._creating = file, "x" in mode
        self._file = description = FILES.descriptions[self._descriptor]
        if description.node.entries is not None:
            self.close()
            raise failure(errno.EISDIR, file)
        if "a" in mode:
            description.seek(0, 2)

    @property
    def mode(self) -> str:
        reading, writing = self._file.readable, self._file.writable
        if self._file.appending:
            return "ab+" if reading else "ab"
        if self._creating:
            return "xb+" if reading else "xb"
        return ("rb+" if reading else "wb") if writing else "rb"

    def __repr__(self) -> str:
        return f"<_io.FileIO name={self.name!r} mode={self.mode!r} closefd={self.closefd}>"

    def _checked(self) -> Description:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._file

    def readable(self) -> bool:
        return self._checked().readable

    def writable(self) -> bool:
        return self._checked().writable

    def seekable(self) -> bool:
        self._checked()
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        return self._file.read(-1 if size is None else size)

    def readall(self) -> bytes:
        return self.read(-1)

    def readinto(self, buffer: Any, /) -> int:
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        return read_into(self._descriptor, buffer)

    def write(self, data: Any, /) -> int:
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        return self._file.write(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._checked().seek(offset, whence)

    def tell(self) -> int:
        return self._checked().position

    def truncate(self, size: int | None = None, /) -> int:
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        length = self._file.position if size is None else size
        self._file.truncate(length)
        return length

    def fileno(self) -> int:
        self._checked()
        return self._descriptor

    def isatty(self) -> bool:
        self._checked()
        return False

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self.closefd and FILES.descriptions.get(self._descriptor) is getattr(self, "_file", None):
                FILES.descriptions.pop(self._descriptor, None)


def _flags(mode: str) -> int:
    """What `os.open` is asked for, from a raw file's mode; raises ValueError."""
    kinds, plus = [letter for letter in mode if letter in "rwax"], "+" in mode
    if len(kinds) != 1 or set(mode) - set("rwaxb+") or mode.count("+") > 1:
        raise ValueError("Must have exactly one of create/read/write/append mode and at most one plus")
    access = os.O_RDWR if plus else os.O_RDONLY if kinds[0] == "r" else os.O_WRONLY
    return access | CREATING[kinds[0]]


def _host_opener(path: Any, flags: int) -> int:
    """Opens a host's file, so that the object made of it has the name that the program gave."""
    return int(to_host("open", path, flags, 0o666))


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
    if isinstance(file, int):
        if file not in FILES.descriptions:
            return FILES.host["io.open"](file, mode, buffering, encoding, errors, newline, closefd, opener)
        source = file
    else:
        file = os.fspath(file)
        if opener is None and located(file) is None:
            return FILES.host["io.open"](file, mode, buffering, encoding, errors, newline, closefd, _host_opener)
        if opener is None:
            source = file
        elif (source := opener(file, _flags(mode.replace("t", "")) | os.O_CLOEXEC)) not in FILES.descriptions:
            return FILES.host["io.open"](file, mode, buffering, encoding, errors, newline, closefd, lambda *_: source)
    binary = "b" in mode
    if "t" in mode and binary:
        raise ValueError("can't have text and binary mode at once")
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    raw = FileIO(source, mode.replace("t", ""), closefd)
    raw.name = file
    return wrapped(raw, mode, buffering, encoding if binary else io.text_encoding(encoding), errors, newline)


def open_code(path: str) -> Any:
    return open_file(path, "rb")
