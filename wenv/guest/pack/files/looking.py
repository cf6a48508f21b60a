"""Functions of `os` that look at a path: status, access, and what a folder holds."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

from ...platform.modes import DirEntry
from .nodes import Place, failure
from .tree import FILES


def status(place: Place, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    return place.existing().status()


def access(place: Place, mode: int, **_: Any) -> bool:
    node = place.node
    return node is not None and not (mode & os.W_OK and node.fixed) and not (mode & os.X_OK and not node.mode & 0o111)


def listdir(place: Place) -> list[Any]:
    entries = _entries(place)
    return [os.fsencode(name) for name in entries] if isinstance(place.path, bytes) else entries


def _entries(place: Place) -> list[str]:
    node = place.existing()
    if node.entries is None:
        raise failure(errno.ENOTDIR, place.path)
    names = list(node.entries)
    if node is FILES.top:  # with what the host grants
        with suppress(OSError):
            names += [name for name in FILES.host["listdir"]("/") if name not in node.entries]
    return names


class Entry(DirEntry):
    """As `os.DirEntry`, of what is in memory."""

    __slots__ = ()

    def __init__(self, folder: Any, name: Any) -> None:
        self.name, self.path = name, os.path.join(folder, name)

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


class _Scan:
    """What `os.scandir` returns."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def scandir(place: Place) -> _Scan:
    return _Scan(iter([Entry(place.path, name) for name in listdir(place)]))


def readlink(place: Place, **_: Any) -> None:
    place.existing()
    raise failure(errno.EINVAL, place.path)
