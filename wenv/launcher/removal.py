"""Deletes what programs left in their private folders: by descriptors, never through a link, however deep it is.

Folders in folders are moved up before they are emptied, so that no path is ever long and two descriptors are enough.  A
program that still runs is stopped by replacing the whole process by one that only deletes (`stop_and_remove`): whatever its
threads are doing, they end there.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
BY_DESCRIPTOR = os.unlink in os.supports_dir_fd and os.rename in os.supports_dir_fd
#: Seconds for which a folder is emptied to which something may still be added.
PATIENCE = 120.0
CODE = "import sys; sys.path.append(sys.argv[1]); from wenv.launcher.removal import main; main(sys.argv[2], sys.argv[3:])"
NOT_STARTED = 125


def remove(folder: str) -> None:
    """Delete a folder and all in it; what cannot be deleted stays, without an error."""
    if not BY_DESCRIPTOR:
        import shutil  # late: only for systems without descriptors of folders

        shutil.rmtree(folder, ignore_errors=True)
        return
    empty(folder)
    try:
        os.rmdir(folder)
    except OSError:
        pass


def empty(folder: str) -> None:
    """Delete all in a folder."""
    if not BY_DESCRIPTOR:
        import shutil

        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        return
    try:
        top = os.open(folder, FOLDER)
    except OSError:
        return
    try:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            done = [_removed(top, name) for name in os.listdir(top)]
            if not any(done):
                break
    finally:
        os.close(top)


def _removed(top: int, name: str) -> bool:
    """Delete a file, or a folder after what is in it was deleted or moved up; returns whether anything came of it."""
    try:
        os.unlink(name, dir_fd=top)
        return True
    except OSError:
        pass  # most likely a folder
    try:
        inner = os.open(name, FOLDER, dir_fd=top)
    except OSError:
        return False
    done = False
    try:
        for child in os.listdir(inner):
            try:
                os.unlink(child, dir_fd=inner)
            except OSError:
                try:
                    os.rename(child, os.urandom(12).hex(), src_dir_fd=inner, dst_dir_fd=top)
                except OSError:
                    continue
            done = True
    finally:
        os.close(inner)
    try:
        os.rmdir(name, dir_fd=top)
    except OSError:
        return done
    return True


def stop_and_remove(folders: "list[str]", end: str) -> "NoReturn":
    """End this process with all its threads, and delete the folders.

    `end` is how it ends then: an exit status, or the name of a signal.  Where a process cannot be replaced (Windows), a guest
    that goes on making files may leave some.
    """
    if os.name == "posix":
        import _signal

        for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the process that deletes is not to be disturbed
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
        packages = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                pass
        os.execv(sys.executable, [sys.executable, "-IS", "-c", CODE, packages, end, *folders])
    for folder in folders:
        remove(folder)
    os._exit(int(end) if end.isdecimal() else NOT_STARTED)


def main(end: str, folders: "list[str]") -> None:
    """What the process becomes: deletes the folders and ends as it was to end."""
    from wenv.launcher.limits import lift_open_files

    lift_open_files()
    for folder in folders:
        remove(folder)
    if not end.isdecimal():
        import _signal

        number = getattr(_signal, end)
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
        end = str(128 + number)
    os._exit(int(end))
