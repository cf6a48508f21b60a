"""Starting programs and waiting for them: what `_posixsubprocess` and `os` have for that."""

import errno
import os
import posix
import signal
import stat
import sys
from types import ModuleType
from typing import Any

from ..imports import replaced
from ..network import door
from ..platform import absent, waits
from ..request import EXECUTABLE
from . import ends, waiting

WORDS = "the sandbox has no programs but Python and the scripts of its packages"
REFUSED = "no program can be started here"
WNOHANG = 1
#: The file by which a program hears that it is interrupted (wenv/launcher/private_folders.py).
INTERRUPT = "interrupt"
#: Options of the interpreter's that are true of every run, or change nothing here.
IMPLIED = ("faulthandler", "utf8", "utf8=1")
#: Numbers of the programs that were started and not waited for.
_started: set[int] = set()
#: What is added to the numbers that the host has for programs: the first one has this.
_first: int = os.getpid()
_own = _first


def begin(number: int, control: str) -> None:
    """A run begins of a program that another one has started: its number, and where a file says that it is interrupted."""
    global _own
    _own = _first + number
    waits.slice_waits(lambda: _hear(f"{control}/{INTERRUPT}"))


def _hear(path: str) -> None:
    """Raises KeyboardInterrupt if whoever started this program wants that."""
    try:
        posix.unlink(path)
    except OSError:
        return
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, sys._getframe())
    elif handler != signal.SIG_IGN:
        raise KeyboardInterrupt


def fork_exec(
    args: Any, executables: Any, close_fds: Any, passed: Any, folder: Any, environment: Any,
    stdin: int, _1: int, _2: int, stdout: int, _3: int, stderr: int, _4: int, failed: int, *_: Any,
) -> int:  # fmt: skip
    """As `_posixsubprocess.fork_exec`: returns the number of the program.  Raises OSError; nothing is ever said by `failed`."""
    words = [os.fsdecode(word) for word in args]
    words = _program([os.fsdecode(path) for path in executables], words)
    directory = os.getcwd() if folder is None else os.path.abspath(os.fsdecode(folder))
    if not stat.S_ISDIR(os.stat(directory).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory)
    if environment is None:
        variables = dict(os.environ)
    else:
        variables = {name: value for name, _, value in (os.fsdecode(each).partition("=") for each in environment)}
    if "children" not in door.granted:
        raise PermissionError(errno.EACCES, REFUSED)
    order: dict[str, Any] = {"words": words, "directory": directory, "environment": variables}
    opened: list[int] = []
    after: list[tuple[int, Any]] = []
    try:
        streams = [_stream(number, given, opened, after) for number, given in enumerate((stdin, stdout, stderr))]
        order["passed"] = [
            [number, ends.handle_of(number)] for number in {*map(int, passed)} - {failed} if ends.is_open(number)
        ]
        answer = door.ask("child.start", 0, {**order, "streams": streams})[0]
    except BaseException:
        for handle, _ in after:
            door.ask("child.close", handle)
        raise
    finally:
        for handle in opened:
            door.ask("child.close", handle)
    for handle, work in after:
        work(handle)
    for descriptor, handle in enumerate(answer["forward"], 1):
        if handle is not None:
            waiting.forward(handle, descriptor)
    number: int = answer["number"] + _first
    _started.add(number)
    return number


def _stream(number: int, given: int, opened: list[int], after: list[tuple[int, Any]]) -> object:
    """What a program gets as a standard stream, as the host is told: one of its own, nothing, or an end."""
    if given == -1:
        given = number
    if given in (0, 1, 2) and (given == 0) == (number == 0):
        return str(given)
    if given >= ends.FIRST:
        return ends.handle_of(given)
    status, nothing = os.fstat(given), os.stat(os.devnull)
    if (status.st_dev, status.st_ino) == (nothing.st_dev, nothing.st_ino):
        return "nothing"
    data = b""
    if number == 0:
        while part := os.read(given, ends.CHUNK):
            data += part
    mine, theirs = door.ask("child.pair")[0]
    opened.append(theirs)
    after.append(
        (mine, (lambda handle: waiting.feed(handle, data)) if number == 0 else lambda handle: waiting.forward(handle, given))
    )
    return theirs


def _program(candidates: list[str], words: list[str]) -> list[str]:
    """The command line of a program, the interpreter or a script of a package's first.  Raises OSError."""
    for path in candidates:
        name = path.rpartition("/")[2]
        is_python = name == "python" or (name.startswith("python") and name[6:].replace(".", "").isdecimal())
        if path == EXECUTABLE or is_python:
            return [EXECUTABLE, *_options(words[1:])]
    for path in candidates:
        if "/" in path and os.path.isfile(path):
            with open(path, "rb") as file:
                first = file.readline(200)
            if first.startswith(b"#!") and b"python" in first:
                return [EXECUTABLE, path, *words[1:]]
            raise PermissionError(errno.EACCES, f"not a program of Python's, and {WORDS}", path)
    name = candidates[-1].rpartition("/")[2] if candidates else ""
    if all(os.path.dirname(path) in ("/bin", "/usr/bin", "/usr/local/bin", "/python/bin") for path in candidates):
        from importlib.metadata import entry_points

        if any(entry.name == name for entry in entry_points(group="console_scripts")):
            return [name, *words[1:]]
    raise FileNotFoundError(errno.ENOENT, WORDS, words[0])


def _options(words: list[str]) -> list[str]:
    """Python's arguments without options that change nothing."""
    kept = list(words)
    at = 0
    while at < len(kept) and kept[at].startswith("-") and kept[at] not in ("-", "-c", "-m"):
        if kept[at] == "-X" and at + 1 < len(kept) and kept[at + 1] in IMPLIED:
            del kept[at : at + 2]
        elif kept[at].startswith("-X") and kept[at][2:] in IMPLIED:
            del kept[at]
        else:
            at += 2 if kept[at] in ("-W", "-X") else 1
    return kept


def waitpid(number: int, options: int, /) -> tuple[int, int]:
    """As `os.waitpid`."""
    if number in (-1, 0):
        if not _started:
            raise ChildProcessError(errno.ECHILD, os.strerror(errno.ECHILD))
        wanted = -1
    elif number not in _started:
        raise ChildProcessError(errno.ECHILD, os.strerror(errno.ECHILD))
    else:
        wanted = number - _first
    ended, status, _ = waiting.wait([], wanted, 0 if options & WNOHANG else None)
    if not ended:
        return 0, 0
    _started.discard(ended + _first)
    return ended + _first, status << 8 if status >= 0 else -status


def waitstatus_to_exitcode(status: int) -> int:
    """As `os.waitstatus_to_exitcode`."""
    return -(status & 0x7F) if status & 0x7F else status >> 8


def kill(number: int, which: int, /) -> None:
    """As `os.kill`."""
    if number not in _started:
        absent._kill(number if number != _own else os.getpid(), which)
        return
    name = signal.Signals(which).name if which else ""
    try:
        door.ask("child.signal", number - _first, name)
    except ChildProcessError:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from None


def processors() -> tuple[int, int]:
    """How many processors the host has, and how many programs may be alive at once; ones where none can be started."""
    if "children" not in door.granted:
        return 1, 0
    count, most = door.ask("child.processors")[0]
    return count, most


def install() -> None:
    """Put it where the standard library looks for it."""

    def getpid() -> int:
        return _own

    def wait() -> tuple[int, int]:
        return waitpid(-1, 0)

    functions: dict[str, Any] = {
        "waitpid": waitpid, "wait": wait, "kill": kill, "getpid": getpid, "WNOHANG": WNOHANG,
        "waitstatus_to_exitcode": waitstatus_to_exitcode, "WIFSTOPPED": lambda status: False, "WSTOPSIG": lambda status: 0,
        "WIFEXITED": lambda status: not status & 0x7F, "WEXITSTATUS": lambda status: status >> 8,
        "WIFSIGNALED": lambda status: bool(status & 0x7F), "WTERMSIG": lambda status: status & 0x7F,
    }  # fmt: skip
    for name, function in functions.items():
        if callable(function):
            function.__name__ = function.__qualname__ = name
            function.__module__ = "posix"  # where `pickle` finds it
    for module in (os, posix):
        vars(module).update(functions)
    made = ModuleType("_posixsubprocess")
    vars(made).update(fork_exec=fork_exec)
    replaced.put("_posixsubprocess", made)
