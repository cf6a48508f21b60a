"""Permission bits, which WASI does not have: what the program gave a file in this run, else what files usually have.

They are kept by a file's number and the time of its birth, which together no other file has.  Folders are listed here too,
because an entry of a listing has a status, and removing is done here, because what is not there is looked for first.
"""

import errno
import os
import posix
import stat as kinds
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from ..request import EXECUTABLE

#: By the kind of file.
USUAL = {kinds.S_IFREG: 0o644, kinds.S_IFDIR: 0o755, kinds.S_IFLNK: 0o777, kinds.S_IFCHR: 0o666}
UNLISTED = "wenv: {path} cannot be listed, as a file name in it is not UTF-8; its other files can be opened by their names\n"

_host: dict[str, Any] = {}
_given: dict[tuple[int, int], int] = {}
_mask = 0o022
#: Guest folders, and whether they can be written to.
_shared: dict[str, bool] = {}
#: Folders of which was said that they cannot be listed.
_said: set[str] = set()


def apply() -> None:
    """Put these functions in the place of the platform's."""
    for name, function in FUNCTIONS.items():
        old = getattr(posix, name, None)
        _host[name] = old
        for group in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
            if old in group:
                group.add(function)
        for module in (os, posix):
            setattr(module, name, function)
        if old is not None:
            replace_imported(old, function)
    for module in (os, posix):
        vars(module).update(fchmod=chmod, DirEntry=DirEntry)


def replace_imported(old: Any, new: Any) -> None:
    """Exchange a function where a module has imported it by name."""
    for module in list(sys.modules.values()):
        if module.__name__ != "_io" and module.__name__.partition(".")[0] != __name__.partition(".")[0]:
            for name, value in list(vars(module).items()):
                if value is old:
                    vars(module)[name] = new


def set_shared(shared: dict[str, bool]) -> None:
    """Which folders a run shares, and whether they may be written."""
    _shared.clear()
    _shared.update({"/python": False, "/wenv": False, **shared})


def is_unusual(mode: int) -> bool:
    """Whether a new file with this mode would have other bits than files usually have."""
    return masked(mode) != USUAL[kinds.S_IFREG]


def masked(mode: int) -> int:
    """The bits that a new file or folder gets."""
    return mode & ~_mask & 0o7777


def created(path: Any, mode: int, **where: Any) -> None:
    """Remember the bits of a file or folder that was made just now."""
    found = _host["stat"](path, **where)
    _given[_key(found)] = masked(mode)


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_ctime_ns


def _completed(found: os.stat_result) -> os.stat_result:
    """A status with permission bits."""
    mode = found.st_mode
    if mode & 0o7777:
        return found
    given = _given.get(_key(found)) if _given else None
    bits = USUAL.get(kinds.S_IFMT(mode), 0) if given is None else given
    parts: Any = found.__reduce__()
    visible, others = parts[1]
    return os.stat_result((mode | bits, *visible[1:]), others)


def named(path: Any) -> Any:
    """The path; raises FileNotFoundError for an empty one, which WASI takes for the working folder."""
    if not path and path in ("", b""):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return path


def _stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    found = _completed(_host["stat"](named(path), dir_fd=dir_fd, follow_symlinks=follow_symlinks))
    if path == EXECUTABLE:
        parts: Any = found.__reduce__()
        visible, others = parts[1]
        return os.stat_result((visible[0] | 0o111, *visible[1:]), others)
    return found


def _lstat(path: Any, *, dir_fd: int | None = None) -> os.stat_result:
    return _completed(_host["lstat"](named(path), dir_fd=dir_fd))


def _fstat(fd: int) -> os.stat_result:
    return _completed(_host["fstat"](fd))


def _is_fixed(path: Any) -> bool:
    if isinstance(path, int):
        return False
    around = folder_around(os.path.abspath(os.fsdecode(path)), _shared)
    return around is not None and not _shared[around]


def folder_around(path: str, folders: Iterable[str]) -> str | None:
    """The innermost of some folders that a whole path is in, or is; None if it is in none."""
    return max((folder for folder in folders if f"{path}/".startswith(f"{folder.rstrip('/')}/")), key=len, default=None)


def chmod(path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
    """As `os.chmod`, for this run."""
    found = _host["stat"](named(path), dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    if dir_fd is None and _is_fixed(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
    _given[_key(found)] = mode & 0o7777


def _access(
    path: Any, mode: int, *, dir_fd: int | None = None, effective_ids: bool = False, follow_symlinks: bool = True
) -> bool:
    if path in ("", b"") or not _host["access"](
        path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks
    ):
        return False
    if mode & os.W_OK and dir_fd is None and _is_fixed(path):
        return False
    if not mode & os.X_OK:
        return True
    found = _stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    return kinds.S_ISDIR(found.st_mode) or bool(found.st_mode & 0o111)


def _umask(new: int, /) -> int:
    global _mask
    old, _mask = _mask, new & 0o777
    return old


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    is_told = bool(flags & os.O_CREAT) and is_unusual(mode)
    is_new = is_told and (bool(flags & os.O_EXCL) or not _host["access"](path, os.F_OK, dir_fd=dir_fd))
    descriptor: int = _host["open"](named(path), flags, mode, dir_fd=dir_fd)
    if is_new:
        created(descriptor, mode)
    return descriptor


def _mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    _host["mkdir"](named(path), mode, dir_fd=dir_fd)
    if masked(mode) != USUAL[kinds.S_IFDIR]:
        created(path, mode, dir_fd=dir_fd)


# -- removing and renaming


def _removing(name: str) -> Callable[..., None]:
    """A function of `os` that says of what is not there that it is not: WASI says first that the folder is read-only."""

    def remove(path: Any, *others: Any, **where: Any) -> None:
        try:
            _host[name](path, *others, **where)
        except PermissionError as error:
            folder = where.get("dir_fd", where.get("src_dir_fd"))
            if error.errno != errno.EPERM or _is_there(path, folder):
                raise
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    remove.__name__ = remove.__qualname__ = name
    return remove


def _is_there(path: Any, folder: int | None) -> bool:
    try:
        _host["stat"](path, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


# -- listing


def _heard(error: OSError, path: Any) -> OSError:
    """The error, of which the user is told where it would else be passed over in silence: `os.walk` does."""
    if error.errno == errno.EILSEQ and (text := os.fsdecode(path) if not isinstance(path, int) else "a folder") not in _said:
        _said.add(text)
        sys.stderr.write(UNLISTED.format(path=text))
    return error


def _listdir(path: Any = ".") -> list[Any]:
    try:
        found: list[Any] = _host["listdir"](named(path))
        return found
    except OSError as error:
        raise _heard(error, path) from None


class DirEntry:
    """As `os.DirEntry`."""

    __slots__ = ("_entry", "name", "path")

    def __init__(self, entry: Any) -> None:
        self._entry, self.name, self.path = entry, entry.name, entry.path

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return _completed(self._entry.stat(follow_symlinks=follow_symlinks))

    def inode(self) -> int:
        number: int = self._entry.inode()
        return number

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._entry.is_dir(follow_symlinks=follow_symlinks))

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._entry.is_file(follow_symlinks=follow_symlinks))

    def is_symlink(self) -> bool:
        return bool(self._entry.is_symlink())

    def is_junction(self) -> bool:
        return False


class _Scan:
    """What `os.scandir` returns."""

    def __init__(self, path: Any) -> None:
        self._path = path
        try:
            self._entries = _host["scandir"](named(path))
        except OSError as error:
            raise _heard(error, path) from None

    def __iter__(self) -> Iterator[DirEntry]:
        return self

    def __next__(self) -> DirEntry:
        try:
            return DirEntry(next(self._entries))
        except OSError as error:
            raise _heard(error, self._path) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries.close()


def _scandir(path: Any = ".") -> _Scan:
    return _Scan(path)


#: What takes the place of the platform's functions, by name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "stat": _stat, "lstat": _lstat, "fstat": _fstat, "chmod": chmod, "access": _access, "umask": _umask, "open": _open,
    "mkdir": _mkdir, "listdir": _listdir, "scandir": _scandir,
    **{name: _removing(name) for name in ("unlink", "remove", "rmdir", "rename", "replace")},
}  # fmt: skip
