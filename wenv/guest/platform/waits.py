"""Waits for the host, which can be cut into slices: what runs is stopped or interrupted between two of them."""

import select
import time
from collections.abc import Callable
from typing import Any

from . import absent

#: Seconds for which the host is waited for at a time, where waits are sliced.
SLICE = 0.05
#: Called after each slice of a wait; None where waits are not sliced.
_between: Callable[[], object] | None = None


def slice_waits(check: Callable[[], object] = bool) -> None:
    """From now on, return from each wait for the host to the interpreter twenty times a second, and call `check` if given.

    What runs is stopped or interrupted there: a call of the host's cannot be.
    """
    global _between
    _between = check


def are_sliced() -> bool:
    """Whether waits are sliced."""
    return _between is not None


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


def make_divisible() -> None:
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
        _between()
        return absent.waited(time.monotonic() - begun)

    def sliced_select(read: Any, write: Any, failed: Any, timeout: float | None = None, /) -> Any:
        begun = time.monotonic()
        try:
            return chosen(read, write, failed, timeout)
        finally:
            absent.waited(time.monotonic() - begun)

    def chosen(read: Any, write: Any, failed: Any, timeout: float | None) -> Any:
        if not (read or write or failed):
            idle(timeout)
            return [], [], []
        if found := let_others_run(lambda: wait(read, write, failed, 0), any, timeout):
            return found
        if _between is None:
            return wait(read, write, failed, timeout)
        return sliced(lambda seconds: wait(read, write, failed, seconds), any, timeout)

    class Poll:
        """A poll object of `select` that waits in slices; the interpreter ends a program that waits for no file."""

        def __init__(self) -> None:
            self._poll = make_poll()
            self._known: set[int] = set()
            self.modify = self._poll.modify

        def register(self, file: Any, *mask: int) -> None:
            self._poll.register(file, *mask)
            self._known.add(file if isinstance(file, int) else file.fileno())

        def unregister(self, file: Any, /) -> None:
            self._poll.unregister(file)
            self._known.discard(file if isinstance(file, int) else file.fileno())

        def poll(self, timeout: float | None = None, /) -> Any:
            seconds = None if timeout is None or timeout < 0 else timeout / 1000
            if not self._known:
                idle(seconds)
                return []
            if found := let_others_run(lambda: self._poll.poll(0), bool, seconds):
                return found
            if _between is None:
                return self._poll.poll(timeout)
            return sliced(lambda seconds: self._poll.poll(seconds * 1000), bool, seconds)

    time.sleep = Builtin(sleep, sliced_sleep)
    select.select = Builtin(wait, sliced_select)
    if make_poll is not None:
        setattr(select, "poll", Builtin(make_poll, Poll))  # noqa: B010 - a type to mypy


def let_others_run(look: Callable[[], Any], is_something: Callable[[Any], bool], timeout: float | None) -> Any:
    """What is found by looking, while threads that were started run; None if all have run and nothing was found."""
    from . import threads  # it is above this

    until = deadline(timeout)
    while threads.queued and not is_past(until):
        if is_something(found := look()):
            return found
        if not threads.run_next(lambda: is_something(look()) or is_past(until)):
            return None
    return None


def idle(timeout: float | None) -> None:
    """Wait for time alone.  Raises DeadlockError if that has no end."""
    from . import threads

    begun = time.monotonic()
    let_others_run(lambda: None, bool, timeout)
    left = None if timeout is None else max(0.0, timeout - (time.monotonic() - begun))
    if left != 0:
        threads.wait_idly(left, lambda: False, "a wait for no file and no time")


def deadline(timeout: float | None) -> float | None:
    """When a timeout (seconds, None for none) is over, by the clock of `time.monotonic`."""
    return None if timeout is None else time.monotonic() + timeout


def is_past(until: float | None) -> bool:
    """Whether a deadline is over."""
    return until is not None and time.monotonic() >= until


def patiently(work: Callable[[float | None], Any], timeout: float | None) -> Any:
    """Do what waits for at most `timeout` seconds (None: without end) and raises TimeoutError then, a slice at a time."""
    begun = time.monotonic()
    try:
        if _between is None or timeout == 0:
            return work(timeout)
        until = None if timeout is None else begun + timeout
        while True:
            left = SLICE if until is None else max(0.0, until - time.monotonic())
            try:
                return work(min(SLICE, left))
            except TimeoutError as error:
                if (until is not None and left <= SLICE) or error.errno is not None:
                    raise
            _between()
    finally:
        absent.waited(time.monotonic() - begun)


def sliced(wait: Callable[[float], Any], is_something: Callable[[Any], bool], timeout: float | None) -> Any:
    """Wait until there is something or the timeout (in seconds) has passed, a slice at a time."""
    until = deadline(timeout)
    while True:
        left = SLICE if until is None else until - time.monotonic()
        found = wait(max(0.0, min(SLICE, left)))
        if is_something(found) or (left <= SLICE and until is not None):
            return found
        if _between is not None:
            _between()
