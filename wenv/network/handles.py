"""What a run has open, by the numbers that its guest knows, and waiting for it."""

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from wenv.network.checks import TURN, Checks, StoppedError
from wenv.network.grants import Grants
from wenv.network.record import Record
from wenv.network.secrets import Exchange, Vault
from wenv.network.tls import Contexts

#: A socket's number is this and more (wenv/guest/network/sockets.py).
FIRST = 1 << 24
#: Sockets, and other things of TLS's, that a run may have at once.
CONNECTIONS, OBJECTS = 256, 1024
#: Seconds that a connection may be idle in one wait, whatever the guest allows.
IDLE = 600.0
Socket = socket.socket | ssl.SSLSocket


class Entry:
    """A socket of the guest's: `name` is the granted name by which it was connected, `port` the one that was checked."""

    def __init__(self, sock: Socket) -> None:
        self.sock = sock
        self.name: str | None = None
        self.host, self.port = "", 0
        self.is_bound = self.is_connecting = self.is_pair = False
        #: The secrets that are exchanged on it, and what is still to be sent for that.
        self.exchange: Exchange | None = None
        self.unsent = b""
        self.sent = self.received = 0
        #: Bytes that were looked at and are still to be taken: they are counted once.
        self.peeked = 0


class Handles:
    """The state of one run's broker."""

    def __init__(self, grants: Grants, record: Record, checks: Checks | None, vault: Vault | None, authority: str) -> None:
        self.record = record
        #: Whether the run was stopped; asked while something is waited for.
        self.stopped: Callable[[], bool] = lambda: False
        #: The secrets of the run.
        self.vault = vault or Vault((), grants)
        self._checks = checks or Checks(grants, record, self._is_stopped)
        self._entries: dict[int, Entry] = {}
        self._objects: dict[int, Any] = {}
        self._contexts = Contexts(authority)
        self._known_contexts: dict[str, int] = {}
        self._next = 1

    def _is_stopped(self) -> bool:
        return self.stopped()

    def _entry(self, handle: int) -> Entry:
        entry = self._entries.get(handle)
        if entry is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return entry

    def _keep(self, sock: Socket) -> int:
        if len(self._entries) >= CONNECTIONS:
            sock.close()
            raise OSError(errno.EMFILE, f"a sandbox has at most {CONNECTIONS} sockets")
        sock.setblocking(False)
        handle, self._next = FIRST + self._next, self._next + 1
        self._entries[handle] = Entry(sock)
        return handle

    def _keep_object(self, value: object) -> int:
        if len(self._objects) >= OBJECTS:
            raise OSError(errno.EMFILE, f"a sandbox has at most {OBJECTS} contexts and connections of TLS")
        handle, self._next = self._next, self._next + 1
        self._objects[handle] = value
        return handle

    # -- waiting: sockets never block, and the guest's timeout (seconds, None for none) comes with each order

    def _ready(self, sock: Socket, write: bool, timeout: float | None, ceiling: float) -> None:
        """Wait until a socket can be read or written.  Raises TimeoutError."""
        until = time.monotonic() + (ceiling if timeout is None else min(timeout, ceiling))
        while True:
            left = until - time.monotonic()
            if wait_for([(sock, not write, write)], max(0.0, min(left, TURN))):
                return
            if self.stopped():
                raise StoppedError
            if left <= 0:
                raise TimeoutError("timed out")

    def _tried(self, entry: Entry, timeout: Any, work: Callable[[], Any], write: bool) -> Any:
        """Do what may not be possible yet, as soon as it is."""
        timeout = None if timeout is None else float(timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return work()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                if timeout == 0:
                    raise
                writes = isinstance(error, ssl.SSLWantWriteError)
            except (BlockingIOError, InterruptedError):
                if timeout == 0:
                    raise
                writes = write
            left = None if until is None else max(0.0, until - time.monotonic())
            self._ready(entry.sock, writes, left, IDLE)

    def _push(self, entry: Entry, timeout: Any, *, ended: bool = True) -> None:
        """Send what is still to be sent of a connection with secrets; with `ended` also what was held back."""
        if entry.exchange is None:
            return
        if ended:
            entry.unsent += entry.exchange.outgoing.flush()
        while entry.unsent:
            try:
                count = self._tried(entry, timeout, lambda: entry.sock.send(entry.unsent), True)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return  # the guest does not wait: the next call goes on
            entry.unsent = entry.unsent[count:]


def wait_for(sockets: list[tuple[Socket, bool, bool]], seconds: float) -> list[tuple[Socket, str]]:
    """Wait for one of these to be ready to be read or written; returns those that are, with letters as in `Broker._poll`."""
    if hasattr(select, "poll"):
        poll, by_number = select.poll(), {}
        for sock, reads, writes in sockets:
            poll.register(sock, (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0))
            by_number[sock.fileno()] = sock
        return [(by_number[number], "".join(_letters(events))) for number, events in poll.poll(seconds * 1000)]
    reading, writing = ([sock for sock, *wanted in sockets if wanted[index]] for index in (0, 1))
    if not reading and not writing:
        time.sleep(seconds)
        return []
    readable, writable, failed = select.select(reading, writing, [sock for sock, *_ in sockets], seconds)
    found: dict[int, tuple[Socket, str]] = {}
    for letter, ready in (("r", readable), ("w", writable), ("e", failed)):
        for sock in ready:
            found[id(sock)] = (sock, found.get(id(sock), (sock, ""))[1] + letter)
    return list(found.values())


def _letters(events: int) -> Iterator[str]:
    if events & (select.POLLIN | select.POLLHUP):
        yield "r"
    if events & select.POLLOUT:
        yield "w"
    if events & (select.POLLERR | select.POLLNVAL):
        yield "e"
