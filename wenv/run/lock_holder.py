"""Holds a lock on a database of SQLite's until standard input ends: a program of its own, which `locked` (databases.py) starts.

A process cannot hold such a lock for a guest of its own: POSIX drops all locks that a process has on a file as soon as it
closes any descriptor of it, and the guest's are the process's.  Prints ``locked``, or what is wrong.
"""

import os
import signal
import sys

#: Where SQLite's own locks are, in bytes: source: SQLite's os.h (PENDING_BYTE, RESERVED_BYTE, SHARED_FIRST, SHARED_SIZE).
FIRST, LENGTH = 0x40000000, 512


def hold(path: str) -> None:
    """Lock a file against every other program; raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, FIRST, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, LENGTH)
    else:
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, LENGTH, FIRST)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's: this ends after it
    try:
        hold(sys.argv[1])
    except (BlockingIOError, PermissionError):
        print("another program uses it, or it may not be written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
    else:
        print("locked", flush=True)
        sys.stdin.read()
