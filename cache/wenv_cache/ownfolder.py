"""Folders in which files are written and deleted by descriptor: no link inside them, or put in their place, is ever followed.

A project's folder may have come with a clone or be written to by a program in a sandbox, so what lies in it is not believed: a
file that is replaced is replaced by name in the folder that was opened, whatever its path leads to by then.

Where `os` has no ``dir_fd`` (Windows) paths are used, after a look at whether they are links: a program that exchanges a folder
for a link at that very moment is not noticed there.
"""

import errno
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wenv_cache.errors import CacheError
from wenv_cache.files import reporting_full_disk

#: Whether files can be named in a folder that is open.
BY_DESCRIPTOR = {os.open, os.mkdir, os.unlink, os.rename, os.stat, os.rmdir} <= os.supports_dir_fd
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
#: The name under which a file is written, before it takes its own.
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{12}", re.DOTALL)
#: The most that is read of a file, in bytes.
LARGEST = 16 << 20


class LinkedFolderError(CacheError):
    """A folder of ours that is a link, or something else than a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is a link or no folder: wenv writes and deletes nothing there", f"remove {path} yourself")


class OwnFolder:
    """An open folder.  Names are single names in it."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self._descriptor = path, descriptor

    def names(self) -> list[str]:
        """What is in it."""
        return os.listdir(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH208 - a descriptor

    def leftovers(self, names: Collection[str] | None = None) -> list[str]:
        """What writes of these names (None: of any) that were cut off have left in it."""
        found = [match for each in self.names() if (match := _TEMPORARY.fullmatch(each))]
        return [each[0] for each in found if (names is None or each[1] in names) and self.kind(each[0]) == stat.S_IFREG]

    def kind(self, name: str) -> int:
        """The kind of file that a name stands for, links not followed (``stat.S_IFMT``); 0 if there is none."""
        try:
            return stat.S_IFMT(self._status(name).st_mode)
        except FileNotFoundError:
            return 0

    def read(self, name: str) -> bytes | None:
        """The content of a regular file of moderate size; None for anything else."""
        try:
            with os.fdopen(self._open(name, _FILE), "rb") as file:
                status = os.fstat(file.fileno())
                return file.read(LARGEST) if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST else None
        except OSError:
            return None

    def write(self, name: str, data: str | bytes, *, executable: bool = False) -> None:
        """Replace whatever has the name by a file with this content, flushed before it takes the name.

        Raises FullDiskError, and OSError that names the path.
        """
        content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        temporary = f".{name}.{os.urandom(6).hex()}"
        try:
            with reporting_full_disk(self.path / name):
                with os.fdopen(self._open(temporary, _NEW, 0o600), "wb") as file:
                    file.write(content)
                    if os.name == "posix":
                        os.fchmod(file.fileno(), 0o755 if executable else 0o644)
                    file.flush()
                    os.fsync(file.fileno())
                if stat.S_ISDIR(self.kind(name)):
                    raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), name)
                if self._descriptor is None:
                    os.replace(self.path / temporary, self.path / name)
                else:
                    os.rename(temporary, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException as error:
            self.remove(temporary)
            if isinstance(error, OSError) and isinstance(error.filename, str):
                error.filename, error.filename2 = str(self.path / name), None
            raise

    def holds(self, name: str, data: str | bytes, *, executable: bool) -> bool:
        """Whether a name stands for a regular file with this content, and these rights where there are any."""
        content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        if self.read(name) != content:
            return False
        return os.name != "posix" or bool(self._status(name).st_mode & stat.S_IXUSR) == executable

    def remove(self, name: str) -> None:
        """Delete a file or link; no error if there is none, or if the name is a folder's."""
        try:
            if self._descriptor is None:
                os.unlink(self.path / name)
            else:
                os.unlink(name, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EISDIR, errno.EPERM) or self.kind(name) not in (0, stat.S_IFDIR):
                raise

    def remove_folder(self, name: str) -> None:
        """Delete a folder if it is empty."""
        try:
            if self._descriptor is None:
                os.rmdir(self.path / name)
            else:
                os.rmdir(name, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise

    @contextmanager
    def inside(self, name: str, *, create: bool) -> "Iterator[OwnFolder]":
        """A folder in it; made if it is not there and `create`.  Raises LinkedFolderError and FileNotFoundError."""
        if create and not self.kind(name):
            if self._descriptor is None:
                os.mkdir(self.path / name)
            else:
                os.mkdir(name, 0o755, dir_fd=self._descriptor)
        if self._descriptor is None:
            with own_folder(self.path / name) as found:
                yield found
            return
        with _opened(self.path / name, name, self._descriptor) as found:
            yield found

    def _open(self, name: str, flags: int, mode: int = 0o600) -> int:
        if self._descriptor is not None:
            return os.open(name, flags, mode, dir_fd=self._descriptor)
        if (self.path / name).is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        return os.open(self.path / name, flags | getattr(os, "O_BINARY", 0), mode)

    def _status(self, name: str) -> os.stat_result:
        if self._descriptor is None:
            return os.lstat(self.path / name)
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)


@contextmanager
def own_folder(path: Path, *, create: bool = False) -> Iterator[OwnFolder]:
    """Open a folder, whose last part must be no link; with `create` it is made, with those above it.

    Raises LinkedFolderError; FileNotFoundError if it is not there and not made.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(path, 0o755)
    if BY_DESCRIPTOR:
        with _opened(path, path, None) as found:
            yield found
        return
    if path.is_symlink() or (path.exists() and not path.is_dir()) or getattr(path, "is_junction", bool)():
        raise LinkedFolderError(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    yield OwnFolder(path, None)


@contextmanager
def _opened(path: Path, name: str | Path, within: int | None) -> Iterator[OwnFolder]:
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=within)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            raise LinkedFolderError(path) from error
        raise
    try:
        yield OwnFolder(path, descriptor)
    finally:
        os.close(descriptor)
