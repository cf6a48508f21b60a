"""Functions of `os` that change what a path leads to."""

import errno
import os
import posix
import stat as modes
import time
from typing import Any

from ...platform.modes import masked
from .nodes import Node, Place, failure, truncate
from .tree import FILES, absolute, located, to_host


def mkdir(place: Place, mode: int = 0o777, **_: Any) -> None:
    if place.node is not None:
        raise failure(errno.EEXIST, place.path)
    place.changing()[place.name] = node = Node(folder=True)
    node.mode = modes.S_IFDIR | masked(mode)


def unlink(place: Place, **_: Any) -> None:
    if place.existing().entries is not None:
        raise failure(errno.EISDIR, place.path)
    del place.changing()[place.name]


def rmdir(place: Place, **_: Any) -> None:
    node = place.existing()
    if node.entries is None:
        raise failure(errno.ENOTDIR, place.path)
    entries = place.changing()
    if node.entries:
        raise failure(errno.ENOTEMPTY, place.path)
    del entries[place.name]


def chmod(place: Place, mode: int, **_: Any) -> None:
    node = place.existing()
    if node.fixed:
        raise failure(errno.EROFS, place.path)
    node.mode = modes.S_IFMT(node.mode) | mode & 0o7777


def utime(place: Place, times: Any = None, *, ns: Any = None, **_: Any) -> None:
    node = place.existing()
    if node.fixed:
        raise failure(errno.EROFS, place.path)
    if times is not None:
        node.changed = round(times[1] * 1e9)
    else:
        node.changed = time.time_ns() if ns is None else ns[1]


def truncate_path(place: Place, length: int) -> None:
    node = place.existing()
    if node.fixed or node.entries is not None:
        raise failure(errno.EISDIR if node.entries is not None else errno.EROFS, place.path)
    truncate(node, length)


def chdir(path: Any) -> None:
    if isinstance(path, int):
        raise failure(errno.ENOTSUP, path)
    if not modes.S_ISDIR(posix.stat(path).st_mode):
        raise failure(errno.ENOTDIR, path)
    FILES.directory = absolute(os.fsdecode(path))


def rename(source: Any, destination: Any, **keywords: Any) -> None:
    places = _two_places("rename", source, destination, keywords)
    if places is None:
        return
    here, there = places
    node, other = here.existing(), there.node
    entries, target = here.changing(), there.changing()
    if other is node:
        return
    if other is not None:
        if node.entries is None and other.entries is not None:
            raise failure(errno.EISDIR, source, destination)
        if node.entries is not None and other.entries is None:
            raise failure(errno.ENOTDIR, source, destination)
        if other.entries:
            raise failure(errno.ENOTEMPTY, source, destination)
    if node.entries is not None and f"{absolute(os.fsdecode(destination))}/".startswith(f"{absolute(os.fsdecode(source))}/"):
        raise failure(errno.EINVAL, source, destination)
    target[there.name] = node
    if entries is not target or here.name != there.name:
        del entries[here.name]


def link(source: Any, destination: Any, **keywords: Any) -> None:
    places = _two_places("link", source, destination, keywords)
    if places is None:
        return
    here, there = places
    if here.existing().entries is not None or there.node is not None:
        raise failure(errno.EPERM if there.node is None else errno.EEXIST, source, destination)
    there.changing()[there.name] = here.existing()


def symlink(source: Any, destination: Any, **keywords: Any) -> None:
    if located(destination) is not None:
        raise failure(errno.ENOTSUP, source, destination)
    to_host("symlink", source, destination, **keywords) if FILES.directory == "/" else FILES.host["symlink"](
        source, absolute(os.fsdecode(destination)), **keywords
    )


def _two_places(name: str, source: Any, destination: Any, keywords: dict[str, Any]) -> tuple[Place, Place] | None:
    """Where two paths lie in memory; None if both are the host's, which has done it.  Raises OSError, also for one of each."""
    here, there = located(source), located(destination)
    if here is not None and there is not None:
        return here, there
    if here is not None or there is not None:
        raise failure(errno.EXDEV, source, destination)
    paths = [
        path if os.fsdecode(path).startswith("/") else f"{FILES.directory}/{os.fsdecode(path)}"
        for path in (source, destination)
    ]
    try:
        FILES.host[name](*paths, **keywords)
    except OSError as error:
        error.filename, error.filename2 = source, destination
        raise
    return None
