"""`mmap`, which WASI lacks: a copy of a part of a file, written back.

What is changed through the map itself is in the file at once.  What is changed through a buffer of it (memoryview, numpy) is
there after `flush` or `close`, and changes that others make to the file are not seen.

A map outlives the descriptor that it was made of, and WASI cannot duplicate one: the file is opened once more, by the name that
Python's object for it knows, if that still leads to the same file.  Otherwise a map cannot be written back once its file was
closed: that raises, and is never done to another file.
"""

import errno
import gc
import io
import os
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Any, Self, SupportsIndex

from ..imports import replaced

ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY = range(4)
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED, MAP_PRIVATE, MAP_ANON, MAP_ANONYMOUS, MAP_NORESERVE, MAP_POPULATE = 1, 2, 32, 32, 0x4000, 0x8000
MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED = range(5)
PAGESIZE = ALLOCATIONGRANULARITY = 4096
error = OSError


class mmap:  # noqa: N801 - the standard library's name
    """A map of a file, or of memory (``fileno`` -1)."""

    def __init__(
        self,
        fileno: int,
        length: int,
        flags: int = MAP_SHARED,
        prot: int = PROT_READ | PROT_WRITE,
        access: int = ACCESS_DEFAULT,
        offset: int = 0,
        *,
        trackfd: bool = True,
    ) -> None:
        self._file = self._own = -1  # what is written to, and what is to be closed in the end
        self._behind = False  # whether the file may lack what was changed; else others' changes would be undone by our copy
        self._data: bytearray | None = None
        if length < 0:
            raise OverflowError("memory mapped length must be positive")
        if offset < 0:
            raise OverflowError("memory mapped offset must be positive")
        if access != ACCESS_DEFAULT and (flags != MAP_SHARED or prot != PROT_READ | PROT_WRITE):
            raise ValueError("mmap can't specify both access and flags, prot.")
        if access not in (ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY):
            raise ValueError("mmap invalid access parameter.")
        if prot & PROT_EXEC:
            raise PermissionError(errno.EPERM, "memory is never executable here")
        if access == ACCESS_DEFAULT and not prot & PROT_WRITE:
            access = ACCESS_READ
        self._readonly, self._offset, self._place, self._size = access == ACCESS_READ, offset, 0, length
        if fileno == -1 or flags & MAP_ANONYMOUS:
            if not length:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            self._data = bytearray(length)
            return
        status = os.fstat(fileno)
        if not length:
            if not status.st_size:
                raise ValueError("cannot mmap an empty file")
            if offset >= status.st_size:
                raise ValueError("mmap offset is greater than file size")
            length = status.st_size - offset
        elif offset > status.st_size or status.st_size - offset < length:
            raise ValueError("mmap length is greater than file size")
        if offset % ALLOCATIONGRANULARITY:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._data = bytearray(_read(fileno, length, offset))
        self._file, self._known, self._size = fileno, (status.st_dev, status.st_ino), status.st_size
        self._written = not self._readonly and access != ACCESS_COPY and not flags & MAP_PRIVATE
        if self._written:
            if not _is_writable(fileno):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if (own := _opened_again(fileno, self._known)) is not None:
                self._file = self._own = own

    # -- what is there

    def _open(self) -> bytearray:
        if self._data is None:
            raise ValueError("mmap closed or invalid")
        return self._data

    def _writable(self) -> bytearray:
        data = self._open()
        if self._readonly:
            raise TypeError("mmap can't modify a readonly memory map.")
        return data

    def __len__(self) -> int:
        return len(self._open())

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        found = self._open()[key]
        return bytes(found) if isinstance(found, bytearray) else found

    def __setitem__(self, key: SupportsIndex | slice, value: Any) -> None:
        data = self._writable()
        if isinstance(key, slice):
            start, stop, step = key.indices(len(data))
            with memoryview(value) as given:
                if given.nbytes != len(range(start, stop, step)):
                    raise IndexError("mmap slice assignment is wrong size")
                data[start:stop:step] = given.cast("B")
            first, last = (start, stop) if step > 0 else (stop + 1, start + 1)
            self._write_back(first, max(first, last))
            return
        place = key.__index__()
        if not isinstance(value, int):
            raise TypeError("mmap item value must be an int")
        data[place] = value
        place += len(data) if place < 0 else 0
        self._write_back(place, place + 1)

    def __iter__(self) -> Iterator[bytes]:
        return (bytes((byte,)) for byte in self._open())

    def __buffer__(self, flags: int) -> memoryview:
        view = memoryview(self._open())
        if self._readonly:
            return view.toreadonly()
        self._behind = True
        return view

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._data is None:
            return "<mmap.mmap closed=True>"
        access = "ACCESS_READ" if self._readonly else "ACCESS_DEFAULT"
        return f"<mmap.mmap closed=False, access={access}, length={len(self._data)}, pos={self._place}, offset={self._offset}>"

    def __del__(self) -> None:
        with suppress(OSError, BufferError):  # nobody can hear of it
            self.close()

    # -- to the file

    def _write_back(self, start: int, stop: int) -> None:
        if self._file < 0 or not self._written or start >= stop:
            return
        if _identity(self._file) != self._known:
            self._behind = True
            raise OSError(errno.EBADF, "the file was closed before its map was written back (WASI cannot duplicate it)")
        with memoryview(self._open()) as view:
            while start < stop:
                start += os.pwrite(self._file, view[start:stop], self._offset + start)

    def flush(self, offset: int = 0, size: int | None = None) -> None:
        """Write back what was changed."""
        data = self._open()
        size = len(data) - offset if size is None else size
        if offset < 0 or size < 0 or offset + size > len(data):
            raise ValueError("flush values out of range")
        if self._behind:
            self._write_back(offset, offset + size)

    def close(self) -> None:
        """Write back what was changed, and forget it.  Raises BufferError while a buffer of it is used."""
        data = self._data
        if data is None:
            return
        try:
            data.append(0)
            data.pop()
        except BufferError:
            raise BufferError("cannot close exported pointers exist") from None
        try:
            self.flush()
        finally:
            self._data = None
            if self._own >= 0:
                os.close(self._own)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._data is None

    def resize(self, newsize: int) -> None:
        """Give the map, and the end of its file, another size."""
        data = self._open()
        if self._readonly or (self._file >= 0 and not self._written):
            raise TypeError("mmap can't resize a readonly or copy-on-write memory map.")
        if newsize < 0 or not newsize + self._offset:
            raise ValueError("new size out of range")
        if self._file >= 0:
            self.flush()
            os.ftruncate(self._file, self._offset + newsize)
        try:
            data[newsize:] = bytes(max(newsize - len(data), 0))
        except BufferError:
            raise BufferError("mmap can't resize with extant pointers exported.") from None
        self._size = self._offset + newsize

    def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
        """Advice has no effect here."""
        if start < 0 or start >= len(self._open()):
            raise ValueError("madvise start out of bounds")

    def size(self) -> int:
        """The size of the file in bytes."""
        self._open()
        gone = self._file < 0 or _identity(self._file) != self._known
        return self._size if gone else os.fstat(self._file).st_size

    # -- as a file

    def find(self, sub: Any, start: int | None = None, end: int | None = None) -> int:
        """The lowest place of bytes; -1 if they are not there."""
        return self._open().find(sub, *self._between(start, end))

    def rfind(self, sub: Any, start: int | None = None, end: int | None = None) -> int:
        """The highest place of bytes; -1 if they are not there."""
        return self._open().rfind(sub, *self._between(start, end))

    def _between(self, start: int | None, end: int | None) -> tuple[int, int]:
        size = len(self._open())
        places = (self._place if start is None else start, size if end is None else end)
        first, last = (min(max(place + size if place < 0 else place, 0), size) for place in places)
        return first, last

    def move(self, dest: int, src: int, count: int) -> None:
        """Copy bytes to another place."""
        data = self._writable()
        if min(dest, src, count) < 0 or max(dest, src) + count > len(data):
            raise ValueError("source, destination, or count out of range")
        data[dest : dest + count] = data[src : src + count]
        self._write_back(dest, dest + count)

    def read(self, n: int | None = None) -> bytes:
        """The next bytes."""
        data = self._open()
        end = len(data) if n is None or n < 0 else min(self._place + n, len(data))
        found = bytes(data[self._place : end])
        self._place += len(found)
        return found

    def read_byte(self) -> int:
        """The next byte."""
        found = self.read(1)
        if not found:
            raise ValueError("read byte out of range")
        return found[0]

    def readline(self) -> bytes:
        """The next line."""
        end = self._open().find(b"\n", self._place)
        return self.read(None if end < 0 else end + 1 - self._place)

    def seek(self, pos: int, whence: int = 0) -> int:
        """Go to a place."""
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: len(self._open())}
        if whence not in bases:
            raise ValueError("unknown seek type")
        place = bases[whence] + pos
        if not 0 <= place <= len(self._open()):
            raise ValueError("seek out of range")
        self._place = place
        return place

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place where it is read and written."""
        self._open()
        return self._place

    def write(self, data: Any) -> int:
        """Write bytes at the place."""
        whole = self._writable()
        with memoryview(data) as given:
            if self._place + given.nbytes > len(whole):
                raise ValueError("data out of range")
            start, self._place = self._place, self._place + given.nbytes
            whole[start : self._place] = given.cast("B")
        self._write_back(start, self._place)
        return self._place - start

    def write_byte(self, byte: int) -> None:
        """Write one byte at the place."""
        whole = self._writable()
        if self._place >= len(whole):
            raise ValueError("write byte out of range")
        self.write(bytes((byte,)))


mmap.__module__ = "mmap"


def install() -> None:
    """Be what `mmap` means."""
    made = ModuleType("mmap", __doc__)
    vars(made).update({name: value for name, value in globals().items() if name.isupper() or name in ("error", "mmap")})
    replaced.put("mmap", made)


def _identity(file: int) -> tuple[int, int] | None:
    """What tells a file from others; None for a descriptor that is closed."""
    try:
        status = os.fstat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _opened_again(file: int, known: tuple[int, int]) -> int | None:
    """Another descriptor of the same file, if its name can be found."""
    for each in gc.get_objects():
        if isinstance(each, io.FileIO) and not each.closed and each.fileno() == file and isinstance(each.name, (str, bytes)):
            with suppress(OSError):
                found = os.open(each.name, os.O_RDWR)
                if _identity(found) == known:
                    return found
                os.close(found)
    return None


def _read(file: int, length: int, offset: int) -> bytes:
    parts, place = [], offset
    while place < offset + length:
        part = os.pread(file, min(offset + length - place, 1 << 20), place)
        if not part:
            raise ValueError("mmap length is greater than file size")
        parts.append(part)
        place += len(part)
    return b"".join(parts)


def _is_writable(file: int) -> bool:
    """Whether a file was opened for writing: nothing is written."""
    try:
        os.pwrite(file, b"", 0)
    except OSError:
        return False
    return True
