"""`select.epoll` over `select.poll`, for libraries that know no other: trio."""

import errno
import os
import select
from typing import Any, Self

#: Source: epoll_ctl(2), as `select` has them on Linux.
EVENTS = {
    "EPOLLIN": 0x1, "EPOLLPRI": 0x2, "EPOLLOUT": 0x4, "EPOLLERR": 0x8, "EPOLLHUP": 0x10, "EPOLLRDNORM": 0x40,
    "EPOLLRDBAND": 0x80, "EPOLLWRNORM": 0x100, "EPOLLWRBAND": 0x200, "EPOLLMSG": 0x400, "EPOLLRDHUP": 0x2000,
    "EPOLLEXCLUSIVE": 1 << 28, "EPOLLWAKEUP": 1 << 29, "EPOLLONESHOT": 1 << 30, "EPOLLET": 1 << 31, "EPOLL_CLOEXEC": 0x80000,
}  # fmt: skip
#: Events that are waited for and told, as `poll` has them.
PAIRS = (
    (0x1, int(select.POLLIN)), (0x2, int(select.POLLPRI)), (0x4, int(select.POLLOUT)), (0x8, int(select.POLLERR)),
    (0x10, int(select.POLLHUP)),
)  # fmt: skip
ONCE = EVENTS["EPOLLONESHOT"]


class epoll:  # noqa: N801 - the name of what it stands for
    """As `select.epoll`; edges are not told apart from levels."""

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        self._poll: Any = select.poll()
        self._wanted: dict[int, int] = {}
        self._spent: set[int] = set()
        self.closed = False

    def _number(self, thing: Any) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed epoll object")
        number: int = thing if isinstance(thing, int) else thing.fileno()
        return number

    def register(self, fd: Any, eventmask: int = 0x7) -> None:
        number = self._number(fd)
        if number in self._wanted:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._set(number, eventmask)

    def modify(self, fd: Any, eventmask: int) -> None:
        number = self._number(fd)
        if number not in self._wanted:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._set(number, eventmask)

    def _set(self, number: int, mask: int) -> None:
        self._wanted[number] = mask
        self._spent.discard(number)
        self._poll.register(number, sum(theirs for ours, theirs in PAIRS if mask & ours))

    def unregister(self, fd: Any) -> None:
        number = self._number(fd)
        if self._wanted.pop(number, None) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if number not in self._spent:
            self._poll.unregister(number)
        self._spent.discard(number)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        self._number(0)
        found = self._poll.poll(None if timeout is None or timeout < 0 else timeout * 1000)
        found = found if maxevents < 0 else found[:maxevents]
        told = [(number, sum(ours for ours, theirs in PAIRS if events & theirs)) for number, events in found]
        for number, _ in told:
            if self._wanted.get(number, 0) & ONCE:
                self._spent.add(number)
                self._poll.unregister(number)
        return told

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return self._number(-1)

    def __enter__(self) -> Self:
        self._number(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def install() -> None:
    """Put it beside `poll`; `selectors`, and so asyncio, keep to that."""
    import selectors  # noqa: F401  it has chosen by now

    epoll.__module__ = "select"
    vars(select).update(EVENTS, epoll=epoll)
