"""`_multiprocessing`: semaphores that several programs share.  One is a pipe with as many bytes in it as it counts."""

import os
import time
from types import ModuleType
from typing import Any, Self

from ..platform import threads
from . import ends, pipes, waiting

#: Kinds: one that whoever holds it may take again, and others.
RECURSIVE, PLAIN = 0, 1
MOST = 2**15 - 1
#: What an end's number is below.
HALF = 1 << 32


class SemLock:
    """As `_multiprocessing.SemLock`."""

    SEM_VALUE_MAX = MOST

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        self._set(ends.pipe(), kind, maxvalue, name)
        os.write(self._ends[1], b"!" * value)

    def _set(self, ends: tuple[int, int], kind: int, maxvalue: int, name: str) -> None:
        self._ends, self.kind, self.maxvalue, self.name = ends, kind, maxvalue, name
        self._held, self._holder = 0, 0

    @classmethod
    def _rebuild(cls, handle: int, kind: int, maxvalue: int, name: str) -> Self:
        made = cls.__new__(cls)
        made._set(divmod(handle, HALF), kind, maxvalue, name)
        return made

    @property
    def handle(self) -> int:
        """Both ends in one number: another program makes it of that, which has the ends then."""
        from multiprocessing import context

        starting: Any = context.get_spawning_popen()
        if starting is not None:
            for number in self._ends:
                starting.duplicate_for_child(number)
        return self._ends[0] * HALF + self._ends[1]

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        if self.kind == RECURSIVE and self._is_mine():
            self._held += 1
            return True
        until = None if timeout is None else time.monotonic() + max(0.0, timeout)
        while True:
            left = (None if until is None else max(0.0, until - time.monotonic())) if block else 0.0
            if not waiting.wait([(self._ends[0], "r")], 0, left)[2]:
                return False
            pipes.set_blocking(self._ends[0], False)
            try:
                os.read(self._ends[0], 1)
            except BlockingIOError:  # another program was quicker
                continue
            finally:
                pipes.set_blocking(self._ends[0], True)
            self._held, self._holder = self._held + 1, threads.get_ident()
            return True

    def release(self) -> None:
        if self.kind == RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._held > 1:
                self._held -= 1
                return
        elif self.maxvalue != MOST and self._get_value() >= self.maxvalue:
            raise ValueError("semaphore or lock released too many times")
        self._held -= 1
        pipes.set_blocking(self._ends[1], False)
        try:
            os.write(self._ends[1], b"!")
        except BlockingIOError:  # many single bytes take more room than all of them together
            os.write(self._ends[1], self._taken() + b"!")
        finally:
            pipes.set_blocking(self._ends[1], True)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _is_mine(self) -> bool:
        return self._held > 0 and self._holder == threads.get_ident()

    def _is_zero(self) -> bool:
        return not waiting.wait([(self._ends[0], "r")], 0, 0.0)[2]

    def _count(self) -> int:
        return self._held

    def _get_value(self) -> int:
        """What it counts: all that is in it, taken out for a moment."""
        data = self._taken()
        os.write(self._ends[1], data)
        return len(data)

    def _taken(self) -> bytes:
        """All that is in it now."""
        data = b""
        pipes.set_blocking(self._ends[0], False)
        try:
            while part := os.read(self._ends[0], MOST):
                data += part
        except BlockingIOError:
            pass
        finally:
            pipes.set_blocking(self._ends[0], True)
        return data

    def _after_fork(self) -> None:
        """There is no fork."""


def module() -> ModuleType:
    """`_multiprocessing`."""
    made = ModuleType("_multiprocessing")
    SemLock.__module__ = "_multiprocessing"
    vars(made).update(SemLock=SemLock, sem_unlink=lambda name: None, flags={})
    return made
