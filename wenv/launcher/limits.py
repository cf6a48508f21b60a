"""What a run may keep on the disk and have open, and looking at what it does.

wasmtime's C library bounds memory and computation only.  So the process in which a program runs is given limits by the system
(descriptors; the size of a file, where the program's output is no file itself), and its private folders are measured a few
times a second while it runs: the sum of the lengths of files, holes included, and the number of files, folders and links.
"""

import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

#: What holds if nothing else is said: bytes and number of files in private folders, files open at once.
DISK, FILES, OPEN_FILES = 1 << 30, 100_000, 256
#: The same for the programs that a program has started, which are alive at once.
CHILDREN = 16
#: Sockets that a program may have at once, if it is granted any (wenv/network/broker.py), and files that go with them.
SOCKETS = 256 + 8
#: Bytes of output that are kept for a caller, if nothing else is said.
CAPTURED = 64 << 20
#: Descriptors that are looked at, at most: further ones would take longer than the program itself.
MOST_OPEN = 1 << 14
#: Descriptors that the host itself may need while a program runs; further ones while it measures.
SLACK, MEASURING = 8, 20
#: Seconds between two looks, at least; a look takes at most half of the time.
LOOK = 0.05
#: Folders in folders are held open down to this level; below, the way back up is followed and checked.
HELD = 12
#: After so many looks in a row at folders that moved away under it, a program is stopped.
ELUSIVE = 20
#: Why it is stopped.
TOO_LARGE = "its files take more than {} bytes, its disk limit (--max-disk)"
TOO_MANY = "it keeps more than {} files, its limit (--max-files)"
TOO_ELUSIVE = "its folders change too quickly to be measured against its disk limit"
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Bounds:
    """The limits of one run; numbers as above."""

    __slots__ = ("children", "descriptors", "disk", "files", "open_files")

    def __init__(self, policy: "Mapping[str, Any]") -> None:
        """`policy` is what `wenv.policy.policy.Policy.as_json` says."""
        chosen = (policy.get(name) for name in ("disk", "files", "open_files", "children"))
        self.disk, self.files, self.open_files, self.children = (
            default if given is None else given
            for given, default in zip(chosen, (DISK, FILES, OPEN_FILES, CHILDREN), strict=True)
        )
        #: Files and, where some may be opened, the host's sockets for it.
        self.descriptors = self.open_files + (SOCKETS if policy.get("net") or policy.get("listen") else 0)


class Usage:
    """What was found: bytes, a number of files, and whether all could be looked at."""

    __slots__ = ("files", "size", "whole")

    def __init__(self) -> None:
        self.size = self.files = 0
        self.whole = True


class Watch:
    """Looks at private folders while a program runs.  `folders` are host paths, `since` ones are counted from now on only."""

    def __init__(self, bounds: Bounds, folders: "Iterable[str]", since: "Iterable[str]" = ()) -> None:
        self.bounds, self._folders, self._since = bounds, tuple(folders), tuple(since)
        self._started = time.time()
        self._first = _lowest_free()
        self._next = time.monotonic() + LOOK
        self._elusive = 0
        self.largest = 0

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._next - time.monotonic())

    def look(self) -> "str | None":
        """Why the program must be stopped, None if it need not; nothing is done before the time of the next look."""
        before = time.monotonic()
        if before < self._next:
            return None
        _allow_open_files(self._first + self.bounds.descriptors + SLACK + MEASURING)
        found = Usage()
        for folder in self._folders:
            measure(folder, found, self.bounds)
        for folder in self._since:
            measure(folder, found, self.bounds, self._started)
        found.size += unnamed_size(self._first, self._first + self.bounds.descriptors + SLACK + MEASURING)
        _allow_open_files(self._first + self.bounds.descriptors + SLACK)
        after = time.monotonic()
        self._next = after + max(LOOK, after - before)
        self.largest = max(self.largest, found.size)
        self._elusive = 0 if found.whole else self._elusive + 1
        if found.size > self.bounds.disk:
            return TOO_LARGE.format(self.bounds.disk)
        if found.files > self.bounds.files:
            return TOO_MANY.format(self.bounds.files)
        if self._elusive > ELUSIVE:
            return TOO_ELUSIVE
        return None


def measure(folder: str, found: Usage, bounds: Bounds, since: float = 0.0) -> None:
    """Add what is in a folder to `found`; ends as soon as that is beyond a limit.  `since`: only files changed after then."""
    if not hasattr(os, "fchdir"):  # Windows
        _measure_paths(folder, found, since)
        return
    linked: set[tuple[int, int]] = set()
    #: Of each folder above: its descriptor (-1 if it was closed), who it is, and what is left to do in it.
    above: list[tuple[int, tuple[int, int], list[str]]] = []
    try:
        current = os.open(folder, FOLDER)
    except OSError:
        found.whole = False
        return
    try:
        left = _look_at(current, found, bounds, linked, since)
        while found.size <= bounds.disk and found.files <= bounds.files:
            if left:
                try:
                    inner = os.open(left.pop(), FOLDER, dir_fd=current)
                except FileNotFoundError:
                    continue
                held = len(above) < HELD
                above.append((current if held else -1, _identity(current), left))
                if not held:
                    os.close(current)
                current = inner
                left = _look_at(current, found, bounds, linked, since)
            elif above:
                descriptor, identity, left = above.pop()
                if descriptor < 0:
                    descriptor = os.open("..", FOLDER, dir_fd=current)
                os.close(current)
                current = descriptor
                if _identity(current) != identity:
                    raise OSError
            else:
                return
    except OSError:
        found.whole = False
    finally:
        os.close(current)
        for descriptor, _, _ in above:
            if descriptor >= 0:
                os.close(descriptor)


def _look_at(folder: int, found: Usage, bounds: Bounds, linked: "set[tuple[int, int]]", since: float) -> "list[str]":
    """Count what is directly in a folder, up to the bounds; returns the folders in it."""
    inner = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                inner.append(entry.name)
            if status.st_ctime < since:
                continue
            found.files += 1
            if found.files > bounds.files:
                break
            if stat.S_ISREG(status.st_mode):
                if status.st_nlink > 1:
                    if (status.st_dev, status.st_ino) in linked:
                        continue
                    linked.add((status.st_dev, status.st_ino))
                found.size += status.st_size
    return inner


def _measure_paths(folder: str, found: Usage, since: float) -> None:
    for path, folders, files in os.walk(folder):
        found.files += len(folders) + len(files)
        for name in files:
            try:
                status = os.lstat(os.path.join(path, name))
            except OSError:
                continue
            found.size += status.st_size if status.st_mtime >= since else 0


def _identity(descriptor: int) -> "tuple[int, int]":
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def unnamed_size(first: int, last: int) -> int:
    """Bytes of files that are open under descriptors from `first` up to `last` and have no name any more."""
    size = 0
    for descriptor in range(first, min(last, first + MOST_OPEN)):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and not status.st_nlink:
            size += status.st_size
    return size


def _lowest_free() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def limit_process(bounds: Bounds, *, writes_elsewhere: bool) -> None:
    """Give this process the system's limits for a program that is about to start in it.

    No file grows beyond the disk limit, unless the program may write to folders that are shared (`writes_elsewhere`), or its
    output is a file: these are the user's.
    """
    _allow_open_files(_lowest_free() + bounds.descriptors + SLACK)
    if writes_elsewhere or any(_is_file(descriptor) for descriptor in (1, 2)):
        return
    _set_soft("RLIMIT_FSIZE", bounds.disk)


def lift_limits() -> None:
    """Take back what `limit_process` set."""
    lift_open_files()
    _set_soft("RLIMIT_FSIZE", None)


def lift_open_files() -> None:
    """Allow as many descriptors as the system does."""
    _set_soft("RLIMIT_NOFILE", None)


def _allow_open_files(count: int) -> None:
    _set_soft("RLIMIT_NOFILE", count)


def _set_soft(name: str, value: "int | None") -> None:
    """Set the soft limit of a resource, to the hard one for None."""
    try:
        import resource
    except ImportError:  # Windows
        return
    number = getattr(resource, name)
    hard = resource.getrlimit(number)[1]
    try:
        resource.setrlimit(number, (hard if value is None or 0 <= hard < value else value, hard))
    except (OSError, ValueError):
        pass


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False
