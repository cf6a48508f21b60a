"""A tree of files in memory, and open files in it."""

import errno
import os
import stat as modes
import time
import zlib
from typing import Any

#: The folders in memory that a program can write to.
WRITABLE = ("tmp", "dev")


#: Descriptors of files in memory begin here; the platform gives none so large.
FIRST_DESCRIPTOR = 1 << 20


LONGEST_NAME = 255


#: When packed files were changed, in nanoseconds: 1980, the earliest that zip archives can say.
PACKED_TIME = 315_532_800 * 10**9


#: One file of an archive: path, offset and length in the archive, unpacked size.
Entry = tuple[str, int, int, int]


class Node:
    """A file, or a folder if it has `entries`; `packed` is an archive with an offset, a length and the unpacked size."""

    __slots__ = ("changed", "data", "entries", "fixed", "mode", "number", "packed")
    count = 0

    def __init__(
        self, *, folder: bool = False, fixed: bool = False, packed: tuple[memoryview, int, int, int] | None = None
    ) -> None:
        self.entries: dict[str, Node] | None = {} if folder else None
        self.packed = packed
        self.data = bytearray()
        self.fixed = fixed
        self.mode = (modes.S_IFDIR if folder else modes.S_IFREG) | (0o755 if folder else 0o644) & (0o555 if fixed else 0o777)
        self.changed = PACKED_TIME if fixed else time.time_ns()
        Node.count += 1
        self.number = Node.count

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data) if self.packed is None else self.packed[3]

    def content(self) -> bytes | bytearray:
        """What the file holds."""
        if self.packed is None:
            return self.data
        archive, offset, length, size = self.packed
        return zlib.decompress(archive[offset : offset + length], bufsize=size or 1)

    def status(self) -> os.stat_result:
        """What `os.stat` says."""
        seconds = self.changed // 1_000_000_000
        exact = {f"st_{kind}time": self.changed / 1e9 for kind in "amc"} | {f"st_{kind}time_ns": self.changed for kind in "amc"}
        return os.stat_result((self.mode, self.number, 1, 1, 0, 0, self.size, seconds, seconds, seconds), exact)


class Place:
    """Where a path leads: the folder, the name in it, and what is there."""

    __slots__ = ("folder", "name", "node", "path")

    def __init__(self, path: Any, folder: Node, name: str, node: Node | None) -> None:
        self.path, self.folder, self.name, self.node = path, folder, name, node

    def existing(self) -> Node:
        """What is there; raises FileNotFoundError."""
        if self.node is None:
            raise failure(errno.ENOENT, self.path)
        return self.node

    def changing(self) -> dict[str, Node]:
        """The folder's entries, to be changed; raises OSError if they cannot be."""
        if self.folder.fixed or self.folder.entries is None:
            raise failure(errno.EROFS, self.path)
        self.folder.changed = time.time_ns()
        return self.folder.entries


class Description:
    """An open file description: a node, and a position in it."""

    __slots__ = ("appending", "discarding", "node", "position", "readable", "unpacked", "writable")

    def __init__(self, node: Node, flags: int, *, discarding: bool) -> None:
        self.node, self.position, self.discarding = node, 0, discarding
        self.readable, self.writable = bool(flags & os.O_RDONLY), bool(flags & os.O_WRONLY)  # two bits in WASI
        self.appending = bool(flags & os.O_APPEND)
        self.unpacked: bytes | bytearray | None = None

    def read(self, size: int, at: int | None = None) -> bytes:
        """Up to `size` bytes, all there are if it is negative, from a position or the description's own."""
        if self.node.entries is not None:
            raise failure(errno.EISDIR)
        if not self.readable:
            raise failure(errno.EBADF)
        if self.unpacked is None or self.node.packed is None:
            self.unpacked = self.node.content()
        start = self.position if at is None else at
        found = bytes(memoryview(self.unpacked)[start : None if size < 0 else start + size])
        if at is None:
            self.position += len(found)
        return found

    def write(self, given: Any, at: int | None = None) -> int:
        """Write bytes at a position or the description's own; returns how many."""
        if not self.writable:
            raise failure(errno.EBADF)
        with memoryview(given) as view:
            new = view.tobytes()
        if self.discarding or not new:
            return len(new)
        data = self.node.data
        start = len(data) if self.appending else self.position if at is None else at
        if start > len(data):
            data.extend(bytes(start - len(data)))
        data[start : start + len(new)] = new
        self.node.changed = time.time_ns()
        if at is None:
            self.position = start + len(new)
        return len(new)

    def seek(self, offset: int, whence: int) -> int:
        """As `os.lseek`."""
        if whence not in (0, 1, 2) or (target := (0, self.position, self.node.size)[whence] + offset) < 0:
            raise failure(errno.EINVAL)
        self.position = target
        return target

    def truncate(self, size: int) -> None:
        """As `os.ftruncate`."""
        if not self.writable or size < 0:
            raise failure(errno.EINVAL)
        truncate(self.node, size)


def failure(number: int, *paths: Any) -> OSError:
    return OSError(number, os.strerror(number), *paths[:1], *((None, paths[1]) if len(paths) > 1 else ()))


def truncate(node: Node, size: int) -> None:
    if size < len(node.data):
        del node.data[size:]
    else:
        node.data.extend(bytes(size - len(node.data)))
    node.changed = time.time_ns()
