"""Threads on a platform without: one that was started runs when somebody waits, on the waiter's stack, to its end.

Whoever would wait (for a lock, and so for every condition, event, queue and future; for a thread's end; for time) runs what was
started, the oldest first, until what it waits for is there.  Real threads could have been scheduled like that.  What they could
do besides is to wait for something that a frame below them will do: here nobody is left to run then, and the wait raises
DeadlockError.  In a daemon that is its quiet end, as daemons wait for ever when a program ends.

No wait hangs.  A thread that waits again and again while what its waiter below waited for is long there, is ended as well.
"""

import _thread
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from . import waits
from .waits import deadline, is_past

WORDS = "would wait for what another thread is to do; here (WebAssembly) a thread runs while others wait, to its end"
NO_SERVER = "a server in a thread would answer nobody: threads run only while others wait here (WebAssembly)"
#: Threads on one stack, at most.
MOST = 40
#: Seconds for which a thread may go on to wait after what is waited for below it is there.
GRACE = 5.0

_sleep: Callable[[float], None] = time.sleep
_idents = iter(range(2, 1 << 62))
_main_ident: int = _thread.get_ident()


class DeadlockError(RuntimeError):
    """A wait that nobody could end."""


DeadlockError.__module__ = "threading"


class Handle:
    """A thread that was started, or work of an executor: as CPython's own handle of a thread."""

    def __init__(self) -> None:
        self.ident: int = next(_idents)
        self.work: Callable[[], object] | None = None
        self.is_daemon = self._is_done = False
        #: While it runs: whether what is waited for below it is there, and since when it is known to be.
        self.is_there_below: Callable[[], bool] = bool
        self.there_since: float | None = None
        #: Of work of an executor: the executor, and the future.
        self.executor: object = None
        self.future: Any = None

    def is_done(self) -> bool:
        return self._is_done

    def _set_done(self) -> None:
        self._is_done = True

    def join(self, timeout: float | None = None) -> None:
        until = deadline(timeout)
        while not self._is_done and not is_past(until):
            if not run_next(lambda: self._is_done or is_past(until), wanted=self):
                break
        if not self._is_done and timeout is None:
            raise DeadlockError(f"a join {WORDS}")


#: What was started and has not run; what runs, each on the stack of the one before.
queued: deque[Handle] = deque()
_running: list[Handle] = []
_is_interrupted = False
#: How many were started in this run.
started = 0


def start(handle: Handle) -> None:
    """Have it run when somebody waits."""
    global started
    started += 1
    queued.append(handle)


def get_ident() -> int:
    """As `threading.get_ident`."""
    return _running[-1].ident if _running else _main_ident


def is_nested() -> bool:
    """Whether a thread runs, on the stack of one that waits."""
    return bool(_running)


def run_next(is_there: Callable[[], bool], wanted: Handle | None = None) -> bool:
    """Run `wanted`, if it has not run, else what was started first; returns whether anything ran."""
    global _is_interrupted
    if len(_running) >= MOST:
        return False
    if wanted is not None and wanted in queued:
        queued.remove(wanted)
        handle = wanted
    elif queued:
        handle = queued.popleft()
    else:
        return False
    handle.is_there_below = is_there
    _running.append(handle)
    try:
        assert handle.work is not None
        handle.work()
    finally:
        handle.work = None
        handle._set_done()
        _running.pop()
    if _is_interrupted and not _running:
        _is_interrupted = False
        raise KeyboardInterrupt
    return True


def wait_idly(seconds: float | None, is_there: Callable[[], bool], what: str) -> None:
    """Wait while nobody is left to run; returns when the time is up.  Raises DeadlockError where that would be for nothing."""
    if seconds is None:
        raise DeadlockError(f"{what} {WORDS}")
    until = time.monotonic() + seconds
    while not is_there() and (left := until - time.monotonic()) > 0:
        if not _running:
            _sleep(left)
            return
        give_way(what)
        _sleep(min(left, 0.05))


def give_way(what: str) -> None:
    """Called now and then by what waits in a thread.  Raises DeadlockError if what is waited for below it is long there."""
    nested = _running[-1]
    if nested.is_there_below():
        nested.there_since = nested.there_since or time.monotonic()
        if nested.is_daemon or time.monotonic() - nested.there_since > GRACE:
            raise DeadlockError(f"{what} {WORDS}")


class Lock:
    """As `threading.Lock`; who would wait for it lets others run."""

    __slots__ = ("__weakref__", "_is_held")

    def __init__(self) -> None:
        self._is_held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._is_held:
            self._is_held = True
            return True
        if not blocking:
            if timeout != -1:
                raise ValueError("can't specify a timeout for a non-blocking call")
            return False
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        until = deadline(None if timeout == -1 else timeout)
        is_there = lambda: not self._is_held or is_past(until)  # noqa: E731
        while self._is_held and not is_past(until):
            if not run_next(is_there):
                wait_idly(None if until is None else until - time.monotonic(), is_there, "a lock")
        return self.acquire(False)

    def release(self) -> None:
        if not self._is_held:
            raise RuntimeError("release unlocked lock")
        self._is_held = False

    def locked(self) -> bool:
        return self._is_held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self._is_held else 'unlocked'} _thread.lock object at {id(self):#x}>"

    def _at_fork_reinit(self) -> None:
        self._is_held = False

    acquire_lock, release_lock, locked_lock = acquire, release, locked


def sleep(seconds: float, /) -> None:
    """As `time.sleep`."""
    if not queued and not _running:
        _sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    until = time.monotonic() + seconds
    is_there: Callable[[], bool] = lambda: is_past(until)  # noqa: E731
    while not is_there() and run_next(is_there):
        pass
    wait_idly(max(0.0, until - time.monotonic()), is_there, "a sleep")


def start_new_thread(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] = {}, /) -> int:  # noqa: B006
    """As `_thread.start_new_thread`."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    handle = Handle()
    handle.is_daemon = True
    handle.work = lambda: _unraised(lambda: function(*args, **kwargs))
    start(handle)
    return handle.ident


def _unraised(work: Callable[[], object]) -> None:
    try:
        work()
    except (SystemExit, DeadlockError):
        pass
    except KeyboardInterrupt:
        interrupt_main()
    except BaseException:
        sys.excepthook(*sys.exc_info())


def start_joinable_thread(function: Any, handle: Handle | None = None, daemon: bool = True) -> Handle:
    """As `_thread.start_joinable_thread`."""
    handle = handle or Handle()
    handle.is_daemon, handle.work = daemon, function
    thread = getattr(function, "__self__", None)
    if getattr(getattr(thread, "_target", None), "__name__", "") == "serve_forever":
        raise RuntimeError(NO_SERVER)
    if thread is not None:  # `Thread.start` waits until the thread says that it runs
        thread._ident = thread._native_id = handle.ident
        thread._started.set()
        hook = thread._invoke_excepthook

        def invoke(thread: Any) -> None:
            error = sys.exception()
            if isinstance(error, KeyboardInterrupt):
                interrupt_main()
            elif not (daemon and isinstance(error, DeadlockError)):
                hook(thread)

        thread._invoke_excepthook = invoke
    start(handle)
    return handle


def interrupt_main() -> None:
    """It is the main thread that Ctrl-C interrupts, once it goes on."""
    global _is_interrupted
    _is_interrupted = True


def finish() -> None:
    """Run the threads that are not daemons to their end, as a program's end does."""
    while (left := next((handle for handle in queued if not handle.is_daemon), None)) and run_next(bool, wanted=left):
        pass


def forget() -> None:
    """A run begins, of which nothing has been started."""
    global started
    started = 0
    queued.clear()


def install() -> None:
    """Put it in the place of the interpreter's functions, before they are imported by name."""
    global _sleep
    _sleep = time.sleep
    vars(time).update(sleep=waits.Builtin(_sleep, sleep))
    vars(_thread).update(
        start_new_thread=start_new_thread, start_new=start_new_thread, start_joinable_thread=start_joinable_thread,
        _ThreadHandle=Handle, allocate_lock=Lock, allocate=Lock, lock=Lock, LockType=Lock, get_ident=get_ident,
    )  # fmt: skip
