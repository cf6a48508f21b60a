"""Functions that this platform lacks and programs call without asking: each raises what the program is prepared for.

An AttributeError out of the middle of a library says nothing; that there is no terminal, no such clock or no timer does.
"""

import errno
import os
import posix
import signal
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

#: Seconds that the program has waited for, which a clock of work does not count.
_waited = 0.0
#: Names of locales that there are.
LOCALES = ("", "C", "POSIX", "C.UTF-8", "C.utf8")
#: Functions that only fail, and how.
REFUSED = {
    "get_terminal_size": errno.ENOTTY,
    "ttyname": errno.ENOTTY,
    "statvfs": errno.ENOTSUP,
    "fstatvfs": errno.ENOTSUP,
}
#: Modules of the standard library that are programs, and cannot do here what they are for; what does it.
PROGRAMS = {
    "asyncio": "its prompt runs in a thread, and this platform (WebAssembly) has none; `wenv shell` is a prompt",
    "ensurepip": "environments are made outside of the sandbox: `wenv install PACKAGE` adds packages",
    "idlelib": "there is no display in the sandbox; `wenv shell` is a prompt",
    "pip": "environments are made outside of the sandbox: `wenv install PACKAGE` adds packages",
    "venv": "environments are made outside of the sandbox: `wenv create`",
}


def apply() -> None:
    """Add them, once."""
    for name, number in REFUSED.items():
        _add(name, _refusing(number))
    _add("getppid", lambda: 1)
    _add("kill", _kill)
    signal.setitimer = _setitimer  # type: ignore[assignment,unused-ignore]
    signal.getitimer = lambda which, /: (0.0, 0.0)  # type: ignore[assignment,unused-ignore]
    signal.alarm = lambda seconds, /: int(_setitimer(0, seconds)[0])  # type: ignore[assignment,unused-ignore]
    signal.set_wakeup_fd = _set_wakeup_fd  # type: ignore[assignment,unused-ignore]
    for value, name in enumerate(("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")):
        vars(signal).setdefault(name, value)
    if not hasattr(signal, "valid_signals"):
        vars(signal).update(valid_signals=lambda: set(signal.Signals))
    for name in ("process_time", "thread_time"):
        vars(time).update({name: _work, f"{name}_ns": lambda: int(_work() * 1e9)})


def waited(seconds: float) -> None:
    """Say that the program has waited."""
    global _waited
    _waited += seconds


_clock = time.process_time
_start = 0.0


def begin() -> None:
    """A run begins: no work has been done."""
    global _waited, _start
    _waited, _start = 0.0, _clock()


def _work() -> float:
    return max(_clock() - _start - _waited, 0.0)


def _add(name: str, function: Callable[..., Any]) -> None:
    if not hasattr(posix, name):
        function.__name__ = function.__qualname__ = name
        for module in (os, posix):
            setattr(module, name, function)


def _refusing(number: int) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse


def _kill(pid: int, number: int, /) -> None:
    """There is one process."""
    if pid != os.getpid():
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
    if number:
        signal.raise_signal(number)


def _setitimer(which: int, seconds: float, interval: float = 0.0, /) -> tuple[float, float]:
    """Nothing is set, so nothing has to be unset."""
    if seconds:
        raise OSError(errno.ENOSYS, "this platform (WebAssembly) has no timers that interrupt a program")
    return 0.0, 0.0


_wakeup = -1


def _set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """Keep the descriptor: no signal comes from outside, so nothing has to be woken by one."""
    global _wakeup
    before, _wakeup = _wakeup, int(fd)
    return before


def check_locales(locale: ModuleType) -> None:
    """Have `locale.setlocale` refuse a locale that there is not: WASI's C library takes any name."""
    host = locale.setlocale

    def setlocale(category: int, wanted: Any = None) -> str:
        name = locale.normalize(locale._build_localename(wanted)) if isinstance(wanted, tuple) else wanted
        if name is not None and name not in LOCALES and ";" not in name:
            raise locale.Error("unsupported locale setting")
        found: str = host(category, wanted)
        return found

    vars(locale).update(setlocale=setlocale)


def refuse_program(name: str) -> None:
    """Raises SystemExit for a module that is a program and cannot do its work here."""
    first = name.partition(".")[0]
    if first in PROGRAMS and (first in sys.stdlib_module_names or not _is_there(first)):
        raise SystemExit(f"python -m {name}: {PROGRAMS[first]}")


def _is_there(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
