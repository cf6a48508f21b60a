"""Files in memory, behind Python's own file functions: what a packed component has in place of a file system.

WASI shows a program only the folders that its host grants.  Here ``/python`` (the standard library and the layers) and ``/app``
(the program's own files), which cannot be changed, ``/tmp`` and ``/dev`` are kept in memory, and the functions of `os`, `posix`
and `io` are replaced by ones that look there first; all other paths are the host's as ever.  A ``/tmp`` or ``/dev`` that the
host grants is used instead.  What opens files below Python (extension modules) does not see any of these; `sqlite3` is answered
by databases in memory that are read from, and written back to, such files.

Packed contents are compressed one by one with zlib, and unpacked when they are opened.  There are no symbolic links and no
owners; names of functions, arguments and errors are those of POSIX and of CPython's own.
"""

import abc
import errno
import io
import os
import posix
import stat as modes
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any, Self

#: The folders in memory that a program can write to.
WRITABLE = ("tmp", "dev")
#: Descriptors of files in memory begin here; the platform gives none so large.
FIRST_DESCRIPTOR = 1 << 20
LONGEST_NAME = 255
#: When packed files were changed, in nanoseconds: 1980, the earliest that zip archives can say.
PACKED_TIME = 315_532_800 * 10**9
#: What each mode of `open` asks of `os.open`, but for reading and writing.
CREATING = {"r": 0, "w": os.O_CREAT | os.O_TRUNC, "a": os.O_CREAT | os.O_APPEND, "x": os.O_CREAT | os.O_EXCL}
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
            raise _error(errno.ENOENT, self.path)
        return self.node

    def changing(self) -> dict[str, Node]:
        """The folder's entries, to be changed; raises OSError if they cannot be."""
        if self.folder.fixed or self.folder.entries is None:
            raise _error(errno.EROFS, self.path)
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
            raise _error(errno.EISDIR)
        if not self.readable:
            raise _error(errno.EBADF)
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
            raise _error(errno.EBADF)
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
            raise _error(errno.EINVAL)
        self.position = target
        return target

    def truncate(self, size: int) -> None:
        """As `os.ftruncate`."""
        if not self.writable or size < 0:
            raise _error(errno.EINVAL)
        _truncate(self.node, size)


_top = Node(folder=True, fixed=True)
_descriptions: dict[int, Description] = {}
_directory = "/"
#: The platform's own functions, by name.
_host: dict[str, Any] = {}


# -- where paths lead


def add_archive(base: str, archive: memoryview, files: list[Entry]) -> None:
    """Show an archive's files below the folder `base`."""
    for path, offset, length, size in files:
        folder, _, name = f"{base}/{path}".rpartition("/")
        add_folder(folder)[name] = Node(fixed=True, packed=(archive, offset, length, size))


def add_folder(path: str) -> dict[str, Node]:
    """The entries of a folder that cannot be changed, made with those above it where it is not there."""
    assert _top.entries is not None
    entries = _top.entries
    for name in path.strip("/").split("/"):
        if name not in entries:
            entries[name] = Node(folder=True, fixed=True)
        below = entries[name].entries
        assert below is not None
        entries = below
    return entries


def begin() -> None:
    """Begin a run: an empty ``/tmp``, and a ``/dev`` with ``null``, unless the host grants folders of these names."""
    global _directory
    _directory = "/"
    assert _top.entries is not None
    for name in WRITABLE:
        try:
            _host["stat"](f"/{name}")
            _top.entries.pop(name, None)
        except OSError:
            _top.entries[name] = folder = Node(folder=True)
            if name == "dev" and folder.entries is not None:
                folder.entries["null"] = null = Node()
                null.mode = modes.S_IFCHR | 0o666


def _error(number: int, *paths: Any) -> OSError:
    return OSError(number, os.strerror(number), *paths[:1], *((None, paths[1]) if len(paths) > 1 else ()))


def _absolute(text: str) -> str:
    """A path from ``/``, without dots; there are no links that these could lead through."""
    if not text.startswith("/"):
        text = f"{_directory}/{text}"
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _located(path: Any) -> Place | None:
    """Where a path leads; None if that is not in memory.  Raises OSError for a path that leads through a file."""
    text = os.fsdecode(path)
    if not text or "\0" in text:
        return None  # the platform's own function says what is wrong with it
    absolute = _absolute(text)
    if absolute == "/":
        return Place(path, _top, "", _top)
    node: Node | None = _top
    folder, name = _top, ""
    for name in absolute[1:].split("/"):
        if node is None:
            raise _error(errno.ENOENT, path)
        if node.entries is None:
            raise _error(errno.ENOTDIR, path)
        folder, node = node, node.entries.get(name)
        if node is None and folder is _top:
            return None
        if node is None and len(os.fsencode(name)) > LONGEST_NAME:
            raise _error(errno.ENAMETOOLONG, path)
    if text.endswith("/") and node is not None and node.entries is None:
        raise _error(errno.ENOTDIR, path)
    return Place(path, folder, name, node)


def _to_host(name: str, path: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call the platform's function; it knows nothing of the working folder that is kept here."""
    if _directory == "/" or isinstance(path, int) or keywords.get("dir_fd") is not None:
        return _host[name](path, *arguments, **keywords)
    text = os.fsdecode(path)
    whole = f"{_directory}/{text}" if text and not text.startswith("/") else text
    try:
        return _host[name](os.fsencode(whole) if isinstance(path, bytes) else whole, *arguments, **keywords)
    except OSError as error:
        error.filename = path
        raise


# -- functions that take paths


def _stat(place: Place, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    return place.existing().status()


def _access(place: Place, mode: int, **_: Any) -> bool:
    node = place.node
    return node is not None and not (mode & os.W_OK and node.fixed) and not (mode & os.X_OK and not node.mode & 0o111)


def _listdir(place: Place) -> list[Any]:
    entries = _entries(place)
    return [os.fsencode(name) for name in entries] if isinstance(place.path, bytes) else entries


def _entries(place: Place) -> list[str]:
    node = place.existing()
    if node.entries is None:
        raise _error(errno.ENOTDIR, place.path)
    names = list(node.entries)
    if node is _top:  # with what the host grants
        with suppress(OSError):
            names += [name for name in _host["listdir"]("/") if name not in node.entries]
    return names


class DirEntry:
    """As `os.DirEntry`."""

    __slots__ = ("name", "path")

    def __init__(self, folder: Any, name: Any) -> None:
        self.name, self.path = name, os.path.join(folder, name)

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path, follow_symlinks=follow_symlinks)

    def inode(self) -> int:
        return self.stat().st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.isdir(self.path)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.isfile(self.path)

    def is_symlink(self) -> bool:
        return os.path.islink(self.path)

    def is_junction(self) -> bool:
        return False


class _Scan:
    """What `os.scandir` returns."""

    def __init__(self, entries: Iterator[DirEntry]) -> None:
        self._entries = entries

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> DirEntry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def _scandir(place: Place) -> _Scan:
    return _Scan(iter([DirEntry(place.path, name) for name in _listdir(place)]))


def _mkdir(place: Place, mode: int = 0o777, **_: Any) -> None:
    if place.node is not None:
        raise _error(errno.EEXIST, place.path)
    place.changing()[place.name] = Node(folder=True)


def _unlink(place: Place, **_: Any) -> None:
    if place.existing().entries is not None:
        raise _error(errno.EISDIR, place.path)
    del place.changing()[place.name]


def _rmdir(place: Place, **_: Any) -> None:
    node = place.existing()
    if node.entries is None:
        raise _error(errno.ENOTDIR, place.path)
    entries = place.changing()
    if node.entries:
        raise _error(errno.ENOTEMPTY, place.path)
    del entries[place.name]


def _chmod(place: Place, mode: int, **_: Any) -> None:
    node = place.existing()
    if node.fixed:
        raise _error(errno.EROFS, place.path)
    node.mode = modes.S_IFMT(node.mode) | mode & 0o7777


def _utime(place: Place, times: Any = None, *, ns: Any = None, **_: Any) -> None:
    node = place.existing()
    if node.fixed:
        raise _error(errno.EROFS, place.path)
    if times is not None:
        node.changed = round(times[1] * 1e9)
    else:
        node.changed = time.time_ns() if ns is None else ns[1]


def _truncate_path(place: Place, length: int) -> None:
    node = place.existing()
    if node.fixed or node.entries is not None:
        raise _error(errno.EISDIR if node.entries is not None else errno.EROFS, place.path)
    _truncate(node, length)


def _truncate(node: Node, size: int) -> None:
    if size < len(node.data):
        del node.data[size:]
    else:
        node.data.extend(bytes(size - len(node.data)))
    node.changed = time.time_ns()


def _readlink(place: Place, **_: Any) -> None:
    place.existing()
    raise _error(errno.EINVAL, place.path)


def _open_descriptor(place: Place, flags: int, mode: int = 0o777, **_: Any) -> int:
    node, writing = place.node, flags & os.O_WRONLY
    if node is None:
        if not flags & os.O_CREAT:
            raise _error(errno.ENOENT, place.path)
        place.changing()[place.name] = node = Node()
        node.mode = modes.S_IFREG | mode & 0o777 & ~0o022
    elif flags & os.O_EXCL and flags & os.O_CREAT:
        raise _error(errno.EEXIST, place.path)
    elif node.entries is not None and writing:
        raise _error(errno.EISDIR, place.path)
    elif node.entries is None and flags & os.O_DIRECTORY:
        raise _error(errno.ENOTDIR, place.path)
    elif node.fixed and (writing or flags & os.O_TRUNC):
        raise _error(errno.EROFS, place.path)
    elif flags & os.O_TRUNC:
        _truncate(node, 0)
    number = next(number for number in range(FIRST_DESCRIPTOR, sys.maxsize) if number not in _descriptions)
    _descriptions[number] = Description(node, flags, discarding=modes.S_ISCHR(node.mode))
    return number


def _chdir(path: Any) -> None:
    global _directory
    if isinstance(path, int):
        raise _error(errno.ENOTSUP, path)
    if not modes.S_ISDIR(posix.stat(path).st_mode):
        raise _error(errno.ENOTDIR, path)
    _directory = _absolute(os.fsdecode(path))


def _rename(source: Any, destination: Any, **keywords: Any) -> None:
    here, there = _located(source), _located(destination)
    if here is None and there is None:
        return _two_paths("rename", source, destination, **keywords)
    if here is None or there is None:
        raise _error(errno.EXDEV, source, destination)
    node, other = here.existing(), there.node
    entries, target = here.changing(), there.changing()
    if other is node:
        return None
    if other is not None:
        if node.entries is None and other.entries is not None:
            raise _error(errno.EISDIR, source, destination)
        if node.entries is not None and other.entries is None:
            raise _error(errno.ENOTDIR, source, destination)
        if other.entries:
            raise _error(errno.ENOTEMPTY, source, destination)
    if node.entries is not None and f"{_absolute(os.fsdecode(destination))}/".startswith(f"{_absolute(os.fsdecode(source))}/"):
        raise _error(errno.EINVAL, source, destination)
    target[there.name] = node
    if entries is not target or here.name != there.name:
        del entries[here.name]
    return None


def _link(source: Any, destination: Any, **keywords: Any) -> None:
    here, there = _located(source), _located(destination)
    if here is None and there is None:
        return _two_paths("link", source, destination, **keywords)
    if here is None or there is None:
        raise _error(errno.EXDEV, source, destination)
    if here.existing().entries is not None or there.node is not None:
        raise _error(errno.EPERM if there.node is None else errno.EEXIST, source, destination)
    there.changing()[there.name] = here.existing()
    return None


def _symlink(source: Any, destination: Any, **keywords: Any) -> None:
    if _located(destination) is not None:
        raise _error(errno.ENOTSUP, source, destination)
    _to_host("symlink", source, destination, **keywords) if _directory == "/" else _host["symlink"](
        source, _absolute(os.fsdecode(destination)), **keywords
    )


def _two_paths(name: str, source: Any, destination: Any, **keywords: Any) -> None:
    paths = [
        path if os.fsdecode(path).startswith("/") else f"{_directory}/{os.fsdecode(path)}" for path in (source, destination)
    ]
    try:
        _host[name](*paths, **keywords)
    except OSError as error:
        error.filename, error.filename2 = source, destination
        raise


PATH_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "stat": _stat,
    "lstat": _stat,
    "access": _access,
    "listdir": _listdir,
    "scandir": _scandir,
    "mkdir": _mkdir,
    "unlink": _unlink,
    "remove": _unlink,
    "rmdir": _rmdir,
    "chmod": _chmod,
    "utime": _utime,
    "truncate": _truncate_path,
    "readlink": _readlink,
    "open": _open_descriptor,
}


def _with_path(name: str) -> Callable[..., Any]:
    """The function that goes by `name` from now on: the one above for what is in memory, else the platform's."""
    inside = PATH_FUNCTIONS[name]

    def function(path: Any = ".", *arguments: Any, **keywords: Any) -> Any:
        path = "." if path is None else path if isinstance(path, (str, int)) else os.fspath(path)
        if isinstance(path, int) and path in _descriptions:
            node = _descriptions[path].node
            return inside(Place(path, _top, "", node), *arguments, **keywords)
        if isinstance(path, int) or keywords.get("dir_fd") is not None:
            return _host[name](path, *arguments, **keywords)
        place = _located(path)
        return _to_host(name, path, *arguments, **keywords) if place is None else inside(place, *arguments, **keywords)

    function.__name__ = function.__qualname__ = name
    return function


# -- functions that take descriptors


def _close(number: int) -> None:
    del _descriptions[number]


def _read_into(number: int, buffer: Any) -> int:
    with memoryview(buffer).cast("B") as view:
        found = _descriptions[number].read(len(view))
        view[: len(found)] = found
    return len(found)


DESCRIPTOR_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "close": _close,
    "read": lambda number, size: _descriptions[number].read(size),
    "readinto": _read_into,
    "pread": lambda number, size, at: _descriptions[number].read(size, at),
    "write": lambda number, data: _descriptions[number].write(data),
    "pwrite": lambda number, data, at: _descriptions[number].write(data, at),
    "lseek": lambda number, offset, whence: _descriptions[number].seek(offset, whence),
    "fstat": lambda number: _descriptions[number].node.status(),
    "ftruncate": lambda number, size: _descriptions[number].truncate(size),
    "isatty": lambda number: False,
    "fsync": lambda number: None,
    "fdatasync": lambda number: None,
    "get_inheritable": lambda number: False,
    "set_inheritable": lambda number, value: None,
    "get_blocking": lambda number: True,
    "set_blocking": lambda number, value: None,
    "posix_fadvise": lambda number, *_: None,
}


def _with_descriptor(name: str) -> Callable[..., Any]:
    inside, host = DESCRIPTOR_FUNCTIONS[name], _host[name]

    def function(fd: int, *arguments: Any, **keywords: Any) -> Any:
        chosen = inside if isinstance(fd, int) and fd in _descriptions else host
        return chosen(fd, *arguments, **keywords)

    function.__name__ = function.__qualname__ = name
    return function


def _closerange(low: int, high: int, /) -> None:
    for number in [number for number in _descriptions if low <= number < high]:
        _close(number)
    _host["closerange"](low, min(high, FIRST_DESCRIPTOR))


# -- io


class _FileIOKind(abc.ABCMeta):
    """`io.FileIO` makes, and recognises, the platform's objects as well as those for files in memory."""

    def __call__(cls, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> Any:
        if isinstance(file, int) and not isinstance(file, bool):
            inside = file in _descriptions
        else:
            inside = opener is None and _located(file) is not None
        if cls is FileIO and not inside:
            if opener is None and not isinstance(file, int):
                return _host["FileIO"](file, mode, closefd, opener=_host_opener)
            return _host["FileIO"](file, mode, closefd, opener=opener)
        return super().__call__(file, mode, closefd, opener)

    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) or (cls is FileIO and isinstance(instance, _host["FileIO"]))


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
        self._file = description = _descriptions[self._descriptor]
        if description.node.entries is not None:
            self.close()
            raise _error(errno.EISDIR, file)
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
        return _read_into(self._descriptor, buffer)

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
            if self.closefd and _descriptions.get(self._descriptor) is getattr(self, "_file", None):
                _descriptions.pop(self._descriptor, None)


def _flags(mode: str) -> int:
    """What `os.open` is asked for, from a raw file's mode; raises ValueError."""
    kinds, plus = [letter for letter in mode if letter in "rwax"], "+" in mode
    if len(kinds) != 1 or set(mode) - set("rwaxb+") or mode.count("+") > 1:
        raise ValueError("Must have exactly one of create/read/write/append mode and at most one plus")
    access = os.O_RDWR if plus else os.O_RDONLY if kinds[0] == "r" else os.O_WRONLY
    return access | CREATING[kinds[0]]


def _host_opener(path: Any, flags: int) -> int:
    """Opens a host's file, so that the object made of it has the name that the program gave."""
    return int(_to_host("open", path, flags, 0o666))


def _open(
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
        if file not in _descriptions:
            return _host["io.open"](file, mode, buffering, encoding, errors, newline, closefd, opener)
        source = file
    else:
        file = os.fspath(file)
        if opener is None and _located(file) is None:
            return _host["io.open"](file, mode, buffering, encoding, errors, newline, closefd, _host_opener)
        if opener is None:
            source = file
        elif (source := opener(file, _flags(mode.replace("t", "")) | os.O_CLOEXEC)) not in _descriptions:
            return _host["io.open"](file, mode, buffering, encoding, errors, newline, closefd, lambda *_: source)
    binary, updating = "b" in mode, "+" in mode
    if "t" in mode and binary:
        raise ValueError("can't have text and binary mode at once")
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    raw = FileIO(source, mode.replace("t", ""), closefd)
    try:
        raw.name = file
        if buffering == 0:
            if not binary:
                raise ValueError("can't have unbuffered text I/O")
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering in (-1, 1) else buffering
        kind = io.BufferedRandom if updating else io.BufferedReader if "r" in mode else io.BufferedWriter
        buffer: Any = kind(raw, size)
        if binary:
            return buffer
        text = io.TextIOWrapper(buffer, io.text_encoding(encoding), errors, newline, line_buffering=buffering == 1)
        text.mode = mode  # type: ignore[misc]
        return text
    except BaseException:
        raw.close()
        raise


def _open_code(path: str) -> Any:
    return _open(path, "rb")


# -- databases


def adapt_sqlite(module: ModuleType) -> None:
    """Let `sqlite3` open files in memory: SQLite itself opens files below Python.

    Such a database is a copy in SQLite's memory.  It is read again before a statement that begins outside a transaction, if the
    file is another by then, and written back when a transaction ends; one that ends after another connection wrote the file is
    refused, as "database is locked".
    """
    connect_host, plain, locked = module.connect, module.Connection, module.OperationalError

    class Cursor(module.Cursor):  # type: ignore[name-defined,misc]
        """Reads the file before a statement, and writes it after one, unless a transaction is going on."""

        def _around(self, name: str, sql: str, *arguments: Any) -> Any:
            self.connection.read_again()
            changes = self.connection.total_changes
            result = getattr(super(), name)(sql, *arguments)
            reading = sql.lstrip()[:6].upper() in ("SELECT", "PRAGMA", "EXPLAI")
            if not reading or self.connection.total_changes != changes:
                self.connection.write_back()
            return result

        def execute(self, sql: str, *arguments: Any) -> Any:
            return self._around("execute", sql, *arguments)

        def executemany(self, sql: str, *arguments: Any) -> Any:
            return self._around("executemany", sql, *arguments)

        def executescript(self, sql: str) -> Any:
            return self._around("executescript", sql)

    def kept(base: type) -> type:
        class Connection(base):  # type: ignore[misc]
            """A connection to a database in memory that has a file there."""

            place: Place | None = None
            _seen: tuple[int, int] = (0, 0)

            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, *arguments: Any) -> Any:
                return self.cursor().execute(*arguments)

            def executemany(self, *arguments: Any) -> Any:
                return self.cursor().executemany(*arguments)

            def executescript(self, sql: str) -> Any:
                return self.cursor().executescript(sql)

            def commit(self) -> None:
                if self.place is not None and self.in_transaction and self._seen != _version(self.place):
                    raise locked("database is locked")
                super().commit()
                self.write_back()

            def rollback(self) -> None:
                super().rollback()
                self.read_again()

            def close(self) -> None:
                self.place = None
                super().close()

            def __exit__(self, *error: Any) -> Any:
                if error[0] is None:
                    self.commit()
                else:
                    self.rollback()
                return False

            def read_again(self) -> None:
                if self.place is not None and not self.in_transaction and self._seen != _version(self.place):
                    content = self.place.node.content() if self.place.node is not None else b""
                    if content:
                        self.deserialize(bytes(content))
                    self._seen = _version(self.place)

            def write_back(self) -> None:
                if self.place is not None and not self.in_transaction:
                    if self._seen != _version(self.place):
                        raise locked("database is locked")
                    _write(self.place, self.serialize())
                    self._seen = _version(self.place)

        Connection.__name__ = Connection.__qualname__ = base.__name__
        return Connection

    def connect(database: Any, *arguments: Any, **keywords: Any) -> Any:
        text, query = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else "", ""
        if keywords.get("uri") and text.startswith("file:"):
            text, _, query = text[5:].partition("?")
            text = _unquoted(text.removeprefix("//localhost").removeprefix("//"))
        special = text in ("", ":memory:") or "mode=memory" in query
        place = None if special else _located(text)
        if place is None:
            if special or _directory == "/":
                return connect_host(database, *arguments, **keywords)
            path = _absolute(text)
            return connect_host(f"file:{path}?{query}" if query else path, *arguments, **keywords)
        reading = place.folder.fixed or "mode=ro" in query or "immutable=1" in query
        missing = place.node is None and (reading or "mode=rw&" in f"{query}&")
        if missing or (place.node is not None and place.node.entries is not None):
            raise locked("unable to open database file")
        keywords.pop("uri", None)
        factory = keywords.pop("factory", plain)
        connection = connect_host(":memory:", *arguments, factory=factory if reading else kept(factory), **keywords)
        if place.node is not None and place.node.size:
            connection.deserialize(bytes(place.node.content()))
        if reading:
            connection.execute("PRAGMA query_only = ON")
        else:
            if place.node is None:
                place.node = _write(place, b"")
            connection.place, connection._seen = place, _version(place)
        return connection

    for where in (module, sys.modules.get("sqlite3")):
        if where is not None:
            vars(where).update(connect=connect)


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _version(place: Place) -> tuple[int, int]:
    """Another one each time that the file at a place was written."""
    node = place.folder.entries.get(place.name) if place.folder.entries is not None else None
    place.node = node
    return (0, 0) if node is None else (id(node.data), node.changed)


def _write(place: Place, content: bytes | bytearray) -> Node:
    node = place.changing().setdefault(place.name, Node())
    node.data = bytearray(content)
    node.changed = max(time.time_ns(), node.changed + 1)
    return node


def adapt_numpy(module: ModuleType) -> None:
    """Let `numpy.save` and `numpy.load` read and write files in memory as they do any object with ``read`` and ``write``: numpy
    hands the descriptors of what it takes for files to C."""
    is_file = module.isfileobj
    vars(module).update(isfileobj=lambda file: is_file(file) and file.fileno() < FIRST_DESCRIPTOR)


#: What to change in modules that open files below Python, by their names.
ADAPTED: dict[str, Callable[[ModuleType], None]] = {
    "sqlite3.dbapi2": adapt_sqlite,
    "numpy.lib._format_impl": adapt_numpy,
}


# -- taking over


def install() -> None:
    """Put all this in the place of the platform's functions, once, while the component is built."""
    replaced: dict[int, Any] = {}

    def replace(module: Any, name: str, function: Any, key: str | None = None) -> None:
        _host[key or name] = old = getattr(module, name)
        replaced[id(old)] = function
        setattr(module, name, function)

    for name in PATH_FUNCTIONS:
        replace(posix, name, _with_path(name))
    for name in DESCRIPTOR_FUNCTIONS:
        if hasattr(posix, name):
            _host[name] = getattr(posix, name)
            replace(posix, name, _with_descriptor(name))
    replace(posix, "closerange", _closerange)
    replace(posix, "chdir", _chdir)
    replace(posix, "getcwd", lambda: _directory)
    replace(posix, "getcwdb", lambda: os.fsencode(_directory))
    for name in ("rename", "replace"):
        replace(posix, name, _rename)
    replace(posix, "link", _link)
    replace(posix, "symlink", _symlink)
    replace(io, "open", _open, "io.open")
    replace(io, "open_code", _open_code)
    replace(io, "FileIO", FileIO)
    os.supports_follow_symlinks.update((posix.stat, posix.access, posix.utime))
    for module in list(sys.modules.values()):
        if module.__name__ != __name__:
            _replace_in(vars(module), replaced)


def _replace_in(namespace: dict[str, Any], replaced: dict[int, Any]) -> None:
    """Exchange the functions that a module has imported, or keeps in its classes and as defaults of parameters."""
    for name, value in list(namespace.items()):
        if id(value) in replaced:
            namespace[name] = replaced[id(value)]
        elif isinstance(value, FunctionType):
            _replace_defaults(value, replaced)
        elif isinstance(value, type) and value.__module__ == namespace.get("__name__"):
            for key, attribute in list(vars(value).items()):
                function = getattr(attribute, "__func__", attribute)
                if id(function) in replaced and isinstance(attribute, staticmethod):
                    setattr(value, key, staticmethod(replaced[id(function)]))
                elif isinstance(function, FunctionType):
                    _replace_defaults(function, replaced)


def _replace_defaults(function: FunctionType, replaced: dict[int, Any]) -> None:
    if function.__defaults__ and not replaced.keys().isdisjoint(map(id, function.__defaults__)):
        function.__defaults__ = tuple(replaced.get(id(value), value) for value in function.__defaults__)
