"""Looks at what the sessions of this process keep on the disk and have open, while code runs in them.

The system's limits are the whole process's, so a session in somebody's process can only be looked at: twenty times a second,
by one thread for all sessions, which sleeps while nothing runs.  What a session has open is known where the system lists a
process's files (Linux); files of the environment itself are counted for all sessions that run at that moment.
"""

import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Protocol

from wenv.launcher.limits import LOOK, Bounds, Usage, measure

#: Where Linux lists what a process has open.
OPEN = "/proc/self/fd"
#: Seconds without a call after which the thread waits to be woken.
QUIET = 0.5


class Watched(Protocol):
    """A session, as far as it is looked at."""

    bounds: Bounds
    #: Host folders that it can fill; those in which it can open files.
    measured: list[str]
    reached: list[str]

    @property
    def is_running(self) -> bool:
        """Whether code runs in it, or did since the last time that this was asked."""

    def end(self, reason: str) -> None:
        """Stop what runs in it."""


_sessions: "weakref.WeakSet[Watched]" = weakref.WeakSet()
_awake = threading.Event()
_lock = threading.Lock()
_thread: list[threading.Thread] = []


def watch(session: Watched) -> None:
    """Look at a session from now on, as long as it exists."""
    with _lock:
        _sessions.add(session)
        if not _thread or not _thread[0].is_alive():  # after a fork the thread is in the other process
            _thread[:] = [threading.Thread(target=_look, name="wenv-watching", daemon=True)]
            _thread[0].start()


def wake() -> None:
    """Something is about to run."""
    if not _awake.is_set():
        _awake.set()


def _look() -> None:
    quiet_since = time.monotonic()
    while True:
        _awake.wait()
        time.sleep(LOOK)
        before = time.monotonic()
        with _lock:
            running = [session for session in _sessions if session.is_running]
        for session in running:
            if reason := _reason(session):
                session.end(reason)
        after = time.monotonic()
        if running:
            quiet_since = after
            running.clear()  # a session ends when its owner lets go of it
            time.sleep(min(1.0, after - before))
        elif after - quiet_since > QUIET:
            _awake.clear()


def _reason(session: Watched) -> str | None:
    """Why a session must be stopped, if it must."""
    found = Usage()
    for folder in session.measured:
        measure(folder, found, session.bounds)
    count = 0
    for path, descriptor in _open_files():
        name = path.removesuffix(" (deleted)")
        if any(name.startswith(folder + "/") for folder in session.reached):
            count += 1
            if name != path and any(name.startswith(folder + "/") for folder in session.measured):
                found.size += _size(descriptor)
    if found.size > session.bounds.disk:
        return f"its files take more than {session.bounds.disk} bytes, its disk limit"
    if found.files > session.bounds.files:
        return f"it keeps more than {session.bounds.files} files, its limit"
    if count > session.bounds.open_files:
        return f"it has more than {session.bounds.open_files} files open, its limit"
    return None


def _open_files() -> Iterator[tuple[str, int]]:
    """The files that the process has open, with their descriptors; none where the system does not tell."""
    try:
        names = os.listdir(OPEN)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(f"{OPEN}/{name}"), int(name)  # noqa: PTH115 - a text is compared
        except (OSError, ValueError):
            continue


def _size(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_size
    except OSError:
        return 0
