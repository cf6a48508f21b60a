"""Where the platform lacks something, the standard library is adapted: made to work another way, absent rather than broken,
or failing with a sentence that says what is missing.

Facts about WASI as CPython sees it: no threads, no processes, no network unless the host grants one, no
``dup``, no user database.
"""

import _thread
import errno
import importlib.machinery
import os
import posix
import select
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from ..imports import importer
from ..request import Request
from . import absent, databases, modes, packages, stubs

_leave, _control = os._exit, ""
#: Seconds for which the host is waited for at a time, where waits are sliced.
SLICE = 0.05
#: Called after each slice of a wait; None where waits are not sliced.
_between: Callable[[], object] | None = None
#: How often somebody has tried to start a thread.
refused_threads = 0

NO_THREADS = "this platform (WebAssembly) has no threads; asyncio, or concurrent code without threads, works"
NO_NETWORK = "the sandbox has no network"


def apply() -> None:
    """Adapt the interpreter, once, before its memory is saved."""
    for name in ("dup", "dup2"):  # they exist and always fail; programs ask whether they exist
        for module in (os, posix):
            if hasattr(module, name):
                delattr(module, name)
    for name in ("getuid", "geteuid", "getgid", "getegid"):  # consistent with what stat() says of every file
        setattr(os, name, lambda: 0)
    for name in ("chown", "lchown"):  # what the superuser does when it unpacks archives: everything is owned by it already
        setattr(os, name, lambda path, uid, gid, **_: os.lstat(path) and None)
    modes.apply()
    absent.apply()
    _find_where_nothing_can_be_listed()
    os._exit = _exit
    _refuse_threads()
    _make_waits_divisible()
    importer.after_import.update(
        {
            "socket": _refuse_connections,
            "asyncio.selector_events": _without_self_pipe,
            "asyncio.base_events": _without_executor_threads,
            "asyncio.unix_events": _without_signal_handlers,
            "locale": absent.check_locales,
            "sqlite3.dbapi2": databases.adapt,
            **packages.ADAPTED,
        }
    )
    if "locale" in sys.modules:
        absent.check_locales(sys.modules["locale"])


class _Everything:
    """In place of the names in a folder that cannot be listed: each is looked for."""

    def __contains__(self, name: object) -> bool:
        return True


def _find_where_nothing_can_be_listed() -> None:
    """WASI gives no listing of a folder in which one name is not UTF-8; its other files can be opened."""
    finder: Any = importlib.machinery.FileFinder
    fill = finder._fill_cache

    def fill_cache(self: Any) -> None:
        try:
            fill(self)
        except OSError as error:
            if error.errno != errno.EILSEQ:
                raise
            self._path_cache = self._relaxed_path_cache = _Everything()

    finder._fill_cache = fill_cache


def set_run(request: Request) -> None:
    """What differs between runs."""
    global _control
    _control, terminal, shared = request["control"], request["terminal"], request["shared"]
    modes.set_shared(shared)
    databases.set_run(shared, request["databases"])
    absent.begin()
    if terminal:
        size = os.terminal_size(terminal)
        os.get_terminal_size = lambda fd=1: size


def add_stubs(names: list[str]) -> None:
    """Make the stub of each named standard module importable, in place of the one that cannot work here."""
    for name in names:
        sys.modules[name] = stubs.MODULES[name]


def _exit(status: int) -> NoReturn:
    """WASI knows only success and failure, or statuses up to 125: the status itself goes through a file."""
    if _control:
        with open(f"{_control}/exit-status", "w") as file:
            file.write(str(status & 0xFF))
    _leave(int(status & 0xFF != 0))


def _refuse_threads() -> None:
    def start(*_: object, **__: object) -> NoReturn:
        global refused_threads
        refused_threads += 1
        raise RuntimeError(NO_THREADS)

    _thread.start_new_thread = start
    _thread.start_new = start
    _thread.start_joinable_thread = start
    if "threading" in sys.modules:  # it keeps a reference of its own
        sys.modules["threading"]._start_joinable_thread = start  # type: ignore[attr-defined]


def _refuse_connections(socket: ModuleType) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermissionError(2, NO_NETWORK)

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        setattr(socket, name, refuse)
    make = socket.socket.__init__

    def init(self: Any, *arguments: object, **keywords: object) -> None:
        try:
            make(self, *arguments, **keywords)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES, errno.ENOTSUP):
                refuse()
            raise

    socket.socket.__init__ = init


def _without_self_pipe(selector_events: ModuleType) -> None:
    """The loop's self-pipe wakes it from other threads, of which there are none; here it would need the network."""

    def nothing(self: object, *_: object) -> None:
        return None

    loop = selector_events.BaseSelectorEventLoop
    loop._make_self_pipe = loop._close_self_pipe = loop._write_to_self = nothing


def _without_executor_threads(base_events: ModuleType) -> None:
    """`run_in_executor`, and so `asyncio.to_thread`, runs the function at once and returns a finished future."""

    def run_in_executor(self: Any, executor: Any, function: Callable[..., Any], *arguments: object) -> Any:
        future = self.create_future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    base_events.BaseEventLoop.run_in_executor = run_in_executor


def _without_signal_handlers(unix_events: ModuleType) -> None:
    """The loop hears of signals through a pair of sockets: here it says, as on Windows, that it does not."""
    loop, plain = unix_events._UnixSelectorEventLoop, unix_events.events.AbstractEventLoop
    loop.add_signal_handler, loop.remove_signal_handler = plain.add_signal_handler, plain.remove_signal_handler


def slice_waits(check: Callable[[], object] = bool) -> None:
    """From now on, return from each wait for the host to the interpreter twenty times a second, and call `check` if given.

    What runs is stopped or interrupted there: a call of the host's cannot be.
    """
    global _between
    _between = check


class Builtin:
    """Stands for a function of C's, and is one to other code: as a class's attribute it is no method, and has its name."""

    def __init__(self, original: Callable[..., Any], function: Callable[..., Any]) -> None:
        self.__name__ = self.__qualname__ = original.__name__
        self.__module__, self.__doc__ = original.__module__, original.__doc__
        self._function = function

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._function(*arguments, **keywords)

    def __repr__(self) -> str:
        return f"<built-in function {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


def _make_waits_divisible() -> None:
    """Let `slice_waits` reach also what is imported and saved before it is called: it must not replace functions then."""
    sleep, wait = time.sleep, select.select
    make_poll: Any = getattr(select, "poll", None)

    def sliced_sleep(seconds: float, /) -> None:
        begun = time.monotonic()
        if _between is None:
            sleep(seconds)
            return absent.waited(time.monotonic() - begun)
        until = begun + seconds
        while (left := until - time.monotonic()) > SLICE:
            sleep(SLICE)
            _between()
        sleep(min(seconds, max(left, 0.0)))
        return absent.waited(time.monotonic() - begun)

    def sliced_select(read: Any, write: Any, failed: Any, timeout: float | None = None, /) -> Any:
        begun = time.monotonic()
        try:
            return chosen(read, write, failed, timeout)
        finally:
            absent.waited(time.monotonic() - begun)

    def chosen(read: Any, write: Any, failed: Any, timeout: float | None) -> Any:
        if _between is None:
            return wait(read, write, failed, timeout)
        return _sliced(lambda seconds: wait(read, write, failed, seconds), any, timeout)

    class Poll:
        """A poll object of `select` that waits in slices."""

        def __init__(self) -> None:
            self._poll = make_poll()
            self.register, self.modify, self.unregister = self._poll.register, self._poll.modify, self._poll.unregister

        def poll(self, timeout: float | None = None, /) -> Any:
            seconds = None if timeout is None or timeout < 0 else timeout / 1000
            return _sliced(lambda seconds: self._poll.poll(seconds * 1000), bool, seconds)

    def poll() -> Any:
        return make_poll() if _between is None else Poll()

    time.sleep = Builtin(sleep, sliced_sleep)
    select.select = Builtin(wait, sliced_select)
    if make_poll is not None:
        setattr(select, "poll", Builtin(make_poll, poll))  # noqa: B010 - a type to mypy


def _sliced(wait: Callable[[float], Any], is_something: Callable[[Any], bool], timeout: float | None) -> Any:
    """Wait until there is something or the timeout (in seconds) has passed, a slice at a time."""
    assert _between is not None
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        left = SLICE if until is None else until - time.monotonic()
        found = wait(max(0.0, min(SLICE, left)))
        if is_something(found) or (left <= SLICE and until is not None):
            return found
        _between()
