"""Where the platform lacks something, the standard library is adapted: made to work another way, absent rather than broken,
or failing with a sentence that says what is missing.

Facts about WASI as CPython sees it: no threads (see `threads`), no processes, no network unless the host grants one, no
``dup``, no user database.
"""

import errno
import importlib.machinery
import os
import posix
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from ..imports import extensions, importer, replaced
from ..network import install
from ..processes import adapt as processes
from ..processes import children
from ..request import Request
from . import absent, configuration, databases, keys, maps, modes, packages, stubs, thread_modules, threads, waits

_leave, _control = os._exit, ""


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
    if extensions.SUFFIX in importlib.machinery.EXTENSION_SUFFIXES:  # a runtime that modules are linked with
        sys.meta_path.append(extensions.StandardFinder)
    os._exit = _exit
    waits.make_divisible()
    thread_modules.install()
    maps.install()
    install.install()
    processes.install()
    importer.after_import.update(
        {
            "hashlib": keys.add,
            "sysconfig": configuration.repair,
            "socketserver": _one_request_after_the_other,
            "asyncio.selector_events": _without_self_pipe,
            "asyncio.base_events": _without_executor_threads,
            "asyncio.unix_events": _without_signal_handlers,
            "locale": absent.check_locales,
            "sqlite3.dbapi2": databases.adapt,
            **packages.ADAPTED,
            **thread_modules.ADAPTED,
            **processes.ADAPTED,
        }
    )
    for name in ("hashlib", "locale", "sysconfig"):
        if name in sys.modules:
            importer.after_import[name](sys.modules[name])


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
    threads.forget()
    if request["process"]:
        children.begin(request["process"], _control)
    if terminal:
        size = os.terminal_size(terminal)
        os.get_terminal_size = lambda fd=1: size


def add_stubs(names: list[str]) -> None:
    """Make the stub of each named standard module importable, in place of the one that cannot work here."""
    for name in names:
        replaced.put(name, stubs.MODULES[name])


def _exit(status: int) -> NoReturn:
    """WASI knows only success and failure, or statuses up to 125: the status itself goes through a file."""
    if _control:
        with open(f"{_control}/exit-status", "w") as file:
            file.write(str(status & 0xFF))
    _leave(int(status & 0xFF != 0))


def _one_request_after_the_other(socketserver: ModuleType) -> None:
    """Let a server that would answer each request in a thread answer it at once."""
    mixed = socketserver.ThreadingMixIn
    mixed.process_request = mixed.process_request_thread


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
    processes.watch_children(unix_events)
