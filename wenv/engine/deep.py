"""Calls of a guest, in threads whose stacks are deep enough for them.

A thread is kept for the next call: to start one with such a stack takes longer than the call.
"""

import _thread
import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from wenv.launcher.stacks import start_deep

Result = TypeVar("Result")

#: Seconds for which a thread waits for its next call before it ends, and gives back what its stack holds.
IDLE = 10.0

#: Whether this thread's stack is deep enough.
_here = threading.local()


class Running(Generic[Result]):
    """A call in another thread, which is a daemon: nobody has to wait for it."""

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function: Callable[[], Result] | None = function
        self._result: list[Result] = []
        self._failure: BaseException | None = None
        self._is_over = False
        self._running = _thread.allocate_lock()
        self._running.acquire()

    def _call(self) -> None:
        function, self._function = self._function, None
        assert function is not None
        try:
            self._result.append(function())
        except BaseException as error:
            self._failure = error

    def _end(self) -> None:
        self._is_over = True
        self._running.release()

    def wait(self, seconds: float = -1) -> bool:
        """Whether it is over, after at most so many seconds; below zero: however long it takes."""
        if not self._is_over and self._running.acquire(timeout=seconds):
            self._running.release()  # for others who wait; a signal's exception before this line is why there is a flag
        return self._is_over

    def result(self) -> Result:
        """What it returned; raises what it raised."""
        if self._failure is not None:
            raise self._failure
        return self._result[0]


class _Worker:
    """A thread that makes one call after the other."""

    def __init__(self) -> None:
        self._next: Running[Any] | None = None
        self._waiting = _thread.allocate_lock()
        self._waiting.acquire()
        _workers.add(self)
        start_deep(threading.Thread(target=self._work, name="guest", daemon=True).start)

    def make(self, call: Running[Any]) -> None:
        self._next = call
        self._waiting.release()

    def _work(self) -> None:
        _here.is_deep = True
        while True:
            if not self._waiting.acquire(timeout=IDLE):
                try:
                    _idle.remove(self)
                except ValueError:  # taken for a call just now
                    continue
                _workers.remove(self)
                return
            call, self._next = self._next, None
            assert call is not None
            call._call()
            _idle.append(self)  # first, so that the caller's next call finds it
            call._end()
            del call


#: All of them, and those that wait for a call.
_workers: set[_Worker] = set()
_idle: list[_Worker] = []
if hasattr(os, "register_at_fork"):  # a child has no threads but the one that forked
    os.register_at_fork(after_in_child=_workers.clear)
    os.register_at_fork(after_in_child=_idle.clear)


def is_calling() -> bool:
    """Whether any call has not ended."""
    return len(_workers) > len(_idle)


def start_deeply(function: Callable[[], Result]) -> Running[Result]:
    """Have another thread call `function`, where `deeply` needs none."""
    call = Running(function)
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    worker.make(call)
    return call


def deeply(function: Callable[[], Result]) -> Result:
    """What `function`, which calls a guest, returns; raises what it raises.

    A signal's exception is raised when it has returned, as it is by Python during a call of C code.
    """
    if getattr(_here, "is_deep", False):
        return function()
    call, interruption = start_deeply(function), None
    while True:
        try:
            call.wait()
            break
        except BaseException as error:
            interruption = error
    if interruption is not None:
        raise interruption
    return call.result()
