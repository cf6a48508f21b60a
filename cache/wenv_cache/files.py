"""Files written so that a reader, another process or a power cut never meets a half of one."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from wenv_cache.errors import FullDiskError

CHUNK = 1 << 20
#: What a file system answers when it has no hard links, or no more of them for this file.
NO_LINK = {errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


def digest_of_file(path: Path) -> str:
    """The sha256, in hexadecimal, of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_stream(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    """Copy all of `source`; returns the sha256 in hexadecimal and the size in bytes."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        target.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


@contextmanager
def replacing(path: Path, *, executable: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name `path` when all of it is on the disk; on an error nothing is left of it.

    Raises FullDiskError, and OSError that names `path`.
    """
    temporary = None
    try:
        with reporting_full_disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o755 if executable else 0o644)
            os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError) and str(error.filename).startswith(str(path.parent / f".{path.name}.")):
            error.filename, error.filename2 = str(path), None
        raise
    flush_folder(path.parent)


def write_atomically(path: Path, text: str | bytes, *, executable: bool = False) -> None:
    """Replace `path` by a file that holds `text`, flushed before it takes the name."""
    with replacing(path, executable=executable) as file:
        file.write(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)


def rewrite(path: Path, text: str) -> None:
    """Replace what a user's file holds: a link goes on leading to it, and it keeps its permission bits."""
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    write_atomically(target, text)
    if mode is not None:
        target.chmod(mode)


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` share the content of `source`: by hard link, else by reflink, else by copy.

    Raises FileExistsError if `target` exists.
    """
    try:
        os.link(source, target)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
    if target.exists():
        raise FileExistsError(target)
    descriptor, temporary = tempfile.mkstemp(prefix=".copy-", dir=target.parent)
    try:
        with source.open("rb") as old, os.fdopen(descriptor, "wb") as new:
            if not _clone(old, new):
                shutil.copyfileobj(old, new, CHUNK)
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(source, temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _clone(source: BinaryIO, target: BinaryIO) -> bool:
    """Copy inside the kernel, which file systems with reflinks answer by sharing blocks; False if nothing was copied."""
    if not hasattr(os, "copy_file_range"):
        return False
    size, done = os.fstat(source.fileno()).st_size, 0
    try:
        while done < size:
            copied = os.copy_file_range(source.fileno(), target.fileno(), size - done, done, done)
            if not copied:
                break
            done += copied
    except OSError:
        if done:
            raise
        return False
    return done == size


def flush(paths: Iterable[Path]) -> None:
    """Bring the named files to the disk; where the platform can flush everything at once, that (30 times faster for 2,000)."""
    if hasattr(os, "sync"):
        os.sync()
        return
    for path in paths:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Bring a folder's own entries to the disk, where the platform can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Delete a folder and all in it, read-only files too; a folder that is not there is no error."""

    def writable(function: object, path: str, _: object) -> None:
        with suppress(OSError):
            os.chmod(path, 0o700)
            os.unlink(path) if not os.path.isdir(path) else os.rmdir(path)

    shutil.rmtree(folder, onerror=writable)


@contextmanager
def reporting_full_disk(path: Path) -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" into FullDiskError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise FullDiskError(path) from error
        raise


def is_full(folder: Path) -> bool:
    """Whether next to nothing can be written to the disk that holds a folder."""
    try:
        return shutil.disk_usage(folder).free < 2 * CHUNK
    except OSError:
        return False


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes; whatever else has the name is not waited for.

    Raises OSError, FileNotFoundError among them.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"more than {most} bytes", str(path))
        return file.read(most)
