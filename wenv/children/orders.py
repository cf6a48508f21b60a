"""What one guest orders of the keeper: programs to start, the ends of ways to them, waiting for both.

The guest knows numbers.  Ways are pairs of sockets: reading and writing them never blocks, whoever else has the same end.
"""

import errno
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wenv.children.errors import RefusedError
from wenv.launcher.children import ANSWER, EVENT, receive
from wenv.network.lane import MOST, packed, unpacked

if TYPE_CHECKING:
    from wenv.children.keeper import Child, Keeper

#: Ends that a guest may have at once, and bytes of an order's first line.
ENDS, LONGEST = 256, 1 << 20
#: Signals that a program may be sent: those that end it, and none that stops it.
ENDING = ("SIGTERM", "SIGKILL", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE")
#: Seconds that one order waits at most: the guest asks again.
LONGEST_WAIT = 10.0
#: What the guest may say in place of an end: nothing, or one of its own streams.
NOTHING, OWN = "nothing", {"0": 0, "1": 1, "2": 2}


class Orders:
    """Answers one guest."""

    def __init__(self, keeper: "Keeper", way: socket.socket, *, takes_bytes: bool) -> None:
        self._keeper, self._way, self._takes_bytes = keeper, way, takes_bytes
        self._ends: dict[int, socket.socket] = {}
        self._children: dict[int, Child] = {}
        self._next = 1
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        #: What it was given by whoever started it: ends by the numbers that they have in both programs.
        self.given: dict[int, int] = {}

    def wake(self) -> None:
        """Have it look whether a program that it waits for has ended."""
        with suppress(OSError):  # it has ended, or is awake
            self._waker.send(b"!")

    def take(self, passed: Mapping[int, socket.socket]) -> None:
        """Give it ends, by the numbers that its parent has for them."""
        self.given = {number: self._keep(end) for number, end in passed.items()}

    def serve(self) -> None:
        """Answer until the other end of the way is closed; then end what it started, and close what it had."""
        try:
            while (order := receive(self._way)) is not None:
                if order[:1] == EVENT:
                    self._keeper.tell(json.loads(order[1:]))
                    continue
                self._keeper.answer(self._way, ANSWER + self._ask(order))
        except OSError:
            pass
        for child in list(self._children.values()):
            child.kill(signal.SIGKILL)
        for end in (*self._ends.values(), self._woken, self._waker, self._way):
            end.close()

    def _ask(self, order: bytes) -> bytes:
        """The answer to an order.  Raises nothing."""
        try:
            return b"+" + self._answer(order)
        except RefusedError as error:
            return b"-" + _dumped(["OSError", error.kind, str(error)])
        except TimeoutError:
            return b"-" + _dumped(["timeout", None, "timed out"])
        except OSError as error:
            return b"-" + _dumped(["OSError", errno.errorcode.get(error.errno or 0, "EIO"), error.strerror or str(error)])
        except Exception as error:
            return b"-" + _dumped(["ValueError", None, f"{type(error).__name__}: {str(error)[:300]}"])

    def _answer(self, order: bytes) -> bytes:
        head, has_payload, payload = order.partition(b"\n")
        if len(head) > LONGEST:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        operation, handle, *arguments = json.loads(head)
        method = _ORDERS.get(operation) if isinstance(operation, str) else None
        if method is None or type(handle) is not int:
            raise ValueError("no such order")
        if has_payload:
            arguments.append(payload[1 : 1 + 2 * MOST] if self._takes_bytes else unpacked(payload, None))
        result = method(self, handle, *arguments)
        if isinstance(result, tuple):
            value, data = result
            return _dumped(value) + b"\n" + (b":" + data if self._takes_bytes else packed(data, None))
        return _dumped(result)

    # -- ends

    def _keep(self, end: socket.socket) -> int:
        if len(self._ends) >= ENDS:
            end.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        handle, self._next = self._next, self._next + 1
        self._ends[handle] = end
        return handle

    def _end(self, handle: object) -> socket.socket:
        end = self._ends.get(handle) if type(handle) is int else None
        if end is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return end

    def _pair(self, _: int) -> list[int]:
        """Two ends of a new way."""
        return [self._keep(end) for end in socket.socketpair()]

    def _close(self, handle: int) -> None:
        self._end(handle).close()
        del self._ends[handle]

    def _read(self, handle: int, size: int, timeout: float | None) -> tuple[None, bytes]:
        end, size = self._end(handle), max(1, min(int(size), MOST))
        return None, self._tried(lambda: end.recv(size, socket.MSG_DONTWAIT), end, select.POLLIN, timeout)

    def _write(self, handle: int, timeout: float | None, data: bytes) -> int:
        end = self._end(handle)
        flags = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
        sent: int = self._tried(lambda: end.send(data, flags), end, select.POLLOUT, timeout)
        return sent

    def _tried(self, work: Callable[[], Any], end: socket.socket, mask: int, timeout: float | None) -> Any:
        """Do what may not be possible yet.  Raises TimeoutError."""
        until = _deadline(timeout)
        while True:
            try:
                return work()
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError from None
                self._wait([(end.fileno(), mask)], left)

    def _wait(self, wanted: list[tuple[int, int]], seconds: float) -> dict[int, int]:
        """Wait for descriptors, and for what wakes: the end of a program, or of this guest.  Returns what is ready."""
        poll = select.poll()
        for descriptor, mask in (*wanted, (self._woken.fileno(), select.POLLIN), (self._way.fileno(), select.POLLIN)):
            poll.register(descriptor, mask)
        ready = dict(poll.poll(max(0.0, seconds) * 1000))
        if self._way.fileno() in ready:
            raise OSError(errno.EINTR, "the program that asked has ended")
        if self._woken.fileno() in ready:
            self._woken.recv(4096, socket.MSG_DONTWAIT)
        return ready

    # -- programs

    def _start(self, _: int, order: dict[str, Any]) -> dict[str, Any]:
        """Start a program; `streams` are what its standard streams are, `passed` numbers and ends that it is given.

        Returns its number, and ends whose output is the guest's own two to pass on, where it cannot have this process's.
        """
        its: dict[int, socket.socket] = {}
        forward: list[int | None] = [None, None]
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            streams = []
            if len(order["passed"]) > ENDS:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            for position, wanted in enumerate(order["streams"]):
                own = OWN.get(wanted) if isinstance(wanted, str) else None
                if own is not None and (own == 0) != (position == 0):
                    raise ValueError("input and output are not exchanged")
                if own is not None and self._keeper.inherits:
                    streams.append(own)
                elif own:
                    if forward[own - 1] is None:
                        mine, its[own] = socket.socketpair()
                        forward[own - 1] = self._keep(mine)
                    streams.append(its[own].fileno())
                elif isinstance(wanted, str):
                    streams.append(nothing)
                else:
                    streams.append(self._end(wanted).fileno())
            if len(streams) != 3:
                raise ValueError("not three streams")
            passed = {int(number): self._end(handle).dup() for number, handle in order["passed"]}
            child = self._keeper.start(order, streams, passed, self)
        except BaseException:
            for handle in filter(None, forward):
                self._close(handle)
            raise
        finally:
            os.close(nothing)
            for end in its.values():
                end.close()
        self._children[child.number] = child
        return {"number": child.number, "forward": forward}

    def _child(self, number: object) -> "Child":
        child = self._children.get(number) if type(number) is int else None
        if child is None:
            raise OSError(errno.ECHILD, os.strerror(errno.ECHILD))
        return child

    def _select(self, number: int, wanted: list[Any], timeout: float | None) -> list[Any]:
        """Wait until a program (0: none, -1: any) has ended, or one of some ends is ready: pairs of an end and letters.

        Returns the program that has ended and its status, or nothing twice, and pairs of an end and the letters of what it is
        ready for: ``r`` and ``w`` as asked for, ``e`` for a way that is broken.
        """
        letters = {"r": select.POLLIN, "w": select.POLLOUT}
        masks = {handle: (self._end(handle).fileno(), sum(letters[each] for each in set(asked))) for handle, asked in wanted}
        until = _deadline(timeout)
        while True:
            ended, status = self._ended(number)
            left = 0.0 if ended else until - time.monotonic()
            ready = self._wait(list(masks.values()), left)
            found = [[handle, _letters(ready[number])] for handle, (number, _) in masks.items() if number in ready]
            if ended or found or left <= 0:
                return [ended, status, found]

    def _ended(self, number: int) -> tuple[int | None, int | None]:
        """A program that has ended, and its status; it is known no more then."""
        looked_at = list(self._children.values()) if number == -1 else [self._child(number)] if number else []
        if number == -1 and not looked_at:
            self._child(0)
        for child in looked_at:
            if child.status is not None:
                del self._children[child.number]
                return child.number, child.status
        return None, None

    def _signal(self, number: int, which: str) -> None:
        child = self._child(number)
        if which == "SIGINT":
            child.interrupt()
        elif which in ENDING:
            child.kill(signal.Signals[which])

    def _given(self, _: int) -> list[list[int]]:
        """Once: what it was given."""
        given, self.given = self.given, {}
        return [[number, handle] for number, handle in given.items()]

    def _processors(self, _: int) -> list[int]:
        """How many processors there are, and how many programs may be alive at once."""
        return [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, self._keeper.most]


#: What can be ordered.
_ORDERS: dict[str, Callable[..., Any]] = {
    f"child.{name}": getattr(Orders, f"_{name}")
    for name in ("pair", "close", "read", "write", "start", "select", "signal", "given", "processors")
}


def _deadline(timeout: float | None) -> float:
    seconds = LONGEST_WAIT if timeout is None else max(0.0, min(float(timeout), LONGEST_WAIT))
    return time.monotonic() + seconds


def _letters(events: int) -> str:
    found = "r" if events & (select.POLLIN | select.POLLHUP) else ""
    found += "w" if events & select.POLLOUT else ""
    return found + ("e" if events & (select.POLLERR | select.POLLNVAL | select.POLLHUP) else "")


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()
