"""Deletes what programs left in their private folders: by descriptors, never through a link, however deep it is.

Folders are entered one by one and left again through their parent, whose identity is checked, so that no path is ever long and
three descriptors are enough.  A program that still runs is stopped by replacing the whole process by one that only deletes
(`stop_and_remove`): whatever its threads are doing, they end there.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
BY_DESCRIPTOR = {os.open, os.unlink, os.rmdir} <= os.supports_dir_fd
#: Seconds for which a folder is emptied to which something may still be added.
PATIENCE = 120.0
#: Seconds that the end of a command waits for the deleting, which goes on afterwards.
WAIT = 3.0
CODE = "import sys; sys.path.append(sys.argv[1]); from wenv.launcher.removal import main; main(sys.argv[2], sys.argv[3:])"
NOT_STARTED = 125


def remove(folder: str, patience: float = PATIENCE) -> None:
    """Delete a folder and all in it; what cannot be deleted stays, without an error.

    `patience` is for how many seconds to go on if something is added meanwhile.
    """
    if not BY_DESCRIPTOR:
        import shutil  # late: only for systems without descriptors of folders

        shutil.rmtree(folder, ignore_errors=True)
        return
    empty(folder, patience)
    try:
        os.rmdir(folder)
    except OSError:
        pass


def empty(folder: str, patience: float = PATIENCE) -> None:
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
        until = time.monotonic() + patience
        while os.listdir(top) and _removed(top) and time.monotonic() < until:
            pass
    finally:
        os.close(top)


def _removed(top: int) -> int:
    """Delete all in a folder, as it is found; returns how much that was.  Ends early if folders are moved meanwhile."""
    #: Of each folder above: who it is, the name of the folder that was entered from it, and what is left to do in it.
    above: list[tuple[tuple[int, int], str, list[str]]] = []
    current, count = os.open(".", FOLDER, dir_fd=top), 0
    try:
        names = os.listdir(current)
        while names or above:
            if not names:
                identity, name, names = above.pop()
                parent = os.open("..", FOLDER, dir_fd=current)
                os.close(current)
                current = parent
                if _identity(current) != identity:
                    break
                count += _done(os.rmdir, name, current)
                continue
            name = names.pop()
            if _done(os.unlink, name, current):
                count += 1
                continue
            try:
                inner = os.open(name, FOLDER, dir_fd=current)
            except OSError:
                continue
            above.append((_identity(current), name, names))
            os.close(current)
            current = inner
            names = os.listdir(current)
    finally:
        os.close(current)
    return count


def _done(function: "Callable[..., None]", name: str, folder: int) -> bool:
    try:
        function(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _identity(folder: int) -> "tuple[int, int]":
    status = os.fstat(folder)
    return status.st_dev, status.st_ino


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


def _remove_apart(folders: "list[str]") -> None:
    """Delete the folders in a process of their own, and wait for it for a while: the caller does not wait for a slow disk."""
    child = os.fork()
    if not child:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nothing, descriptor)
        for folder in folders:
            remove(folder, float("inf"))  # nothing is added any more
        os._exit(0)
    until = time.monotonic() + WAIT
    while not os.waitpid(child, os.WNOHANG)[0] and time.monotonic() < until:
        time.sleep(0.005)


def main(end: str, folders: "list[str]") -> None:
    """What the process becomes: deletes the folders and ends as it was to end."""
    from wenv.launcher.limits import lift_open_files

    lift_open_files()
    _remove_apart(folders)
    if not end.isdecimal():
        import _signal

        number = getattr(_signal, end)
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
        end = str(128 + number)
    os._exit(int(end))
