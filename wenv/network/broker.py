"""Answers the orders of one run: it owns the real sockets, and nothing is reached that its checks do not allow.

An order is what wenv/guest/network/door.py sends, believed in nothing: whatever it says, the answer is a result or an error.
The guest knows numbers; those of sockets are above every descriptor of its own.
"""

import errno
import json
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from wenv.network.addresses import LOOPBACK, address_of
from wenv.network.functions import FunctionError
from wenv.network.grants import Grants
from wenv.network.lane import MOST, Lane, packed, unpacked
from wenv.network.policy import TURN, Checks, RefusedError, StoppedError
from wenv.network.proxies import LARGEST
from wenv.network.record import Record
from wenv.network.tls import Contexts, error_parts, facts_of

#: A socket's number is this and more (wenv/guest/network/sockets.py).
FIRST = 1 << 24
#: Sockets, and other things of TLS's, that a run may have at once.
CONNECTIONS, OBJECTS = 256, 1024
#: Seconds that a connection may take to be made, and to be idle in one wait, whatever the guest allows.
CONNECT, IDLE = 60.0, 600.0
#: Bytes of an order's first line.
LONGEST = 1 << 20
BACKLOG = 256
FAMILIES = {"AF_INET": socket.AF_INET, "AF_INET6": socket.AF_INET6}
#: Options of sockets that a guest may set and read, by name: the numbers differ between systems.
OPTIONS = frozenset(
    {("SOL_SOCKET", f"SO_{name}") for name in ("ACCEPTCONN", "ERROR", "KEEPALIVE", "RCVBUF", "REUSEADDR", "SNDBUF")}
    | {("IPPROTO_TCP", f"TCP_{name}") for name in ("KEEPCNT", "KEEPIDLE", "KEEPINTVL", "NODELAY", "QUICKACK", "USER_TIMEOUT")}
    | {("IPPROTO_IPV6", "IPV6_V6ONLY")}
)
#: The largest value of a buffer's size, in bytes.
BUFFER = 4 << 20
Socket = socket.socket | ssl.SSLSocket


class Functions(Protocol):
    """Functions of the host's (wenv/network/functions.py)."""

    @property
    def largest_order(self) -> int:
        """Bytes of an order that calls one."""

    def call(self, name: str, arguments: list[Any], keywords: dict[str, Any], stopped: Callable[[], bool]) -> str:
        """The result as JSON.  Raises FunctionError."""


class _Written:
    """A result that is JSON already."""

    def __init__(self, text: str) -> None:
        self.text = text


class Entry:
    """A socket of the guest's: `name` is the granted name by which it was connected, `port` the one that was checked."""

    def __init__(self, sock: Socket) -> None:
        self.sock = sock
        self.name: str | None = None
        self.host, self.port = "", 0
        self.is_bound = self.is_connecting = False
        self.sent = self.received = 0


class Broker:
    """See the module.  `say` has words for the user."""

    def __init__(
        self,
        grants: Grants,
        *,
        record: Record | None = None,
        stopped: Callable[[], bool] = lambda: False,
        say: Callable[[str], object] = lambda words: None,
        lane: Lane | None = None,
        functions: Functions | None = None,
        checks: Checks | None = None,
    ) -> None:
        self.record = record or Record()
        self._say, self._lane, self._functions = say, lane, functions
        self._has_network = bool(grants) or self.record.is_written
        #: Whether the run was stopped; asked while something is waited for.
        self.stopped = stopped
        #: Whether the guest's door takes bytes (a module's), or texts.
        self.takes_bytes = False
        self._checks = checks or Checks(grants, self.record, self._is_stopped)
        self._entries: dict[int, Entry] = {}
        self._objects: dict[int, Any] = {}
        self._next = 1
        self._contexts = Contexts()

    def _is_stopped(self) -> bool:
        return self.stopped()

    # -- orders

    def ask(self, order: bytes) -> bytes:
        """The answer to an order.  Raises nothing."""
        head, has_payload, payload = order.partition(b"\n")
        try:
            if len(head) > (LONGEST if self._functions is None else self._functions.largest_order):
                raise ValueError("an order that is too long")
            operation, handle, *arguments = json.loads(head)
            method = _ORDERS.get(operation) if isinstance(operation, str) else None
            if method is None or type(handle) is not int:
                raise ValueError("no such order")
            if operation != "call" and not self._has_network:
                raise RefusedError("")
            if has_payload:
                arguments.append(payload[1:] if self.takes_bytes else unpacked(payload, self._lane))
            result = method(self, handle, *arguments)
            if isinstance(result, _Written):
                return b"+" + result.text.encode()
        except Exception as error:  # whatever an order is, the guest gets an error and not our traceback
            return b"-" + _dumped(_parts(error))
        if isinstance(result, tuple):
            value, data = result
            return b"+" + _dumped(value) + b"\n" + (b":" + data if self.takes_bytes else packed(data, self._lane))
        return b"+" + _dumped(result)

    def close(self) -> None:
        """Close everything."""
        for handle in list(self._entries):
            self._close(handle)
        self._objects.clear()
        if self._lane is not None:
            self._lane.close()

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
            if _wait([(sock, not write, write)], max(0.0, min(left, TURN))):
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

    # -- sockets

    def _socket(self, _: int, family: str, kind: str) -> int:
        if kind != "SOCK_STREAM":
            raise RefusedError("the sandbox has no datagram sockets")
        return self._keep(socket.socket(FAMILIES[family], socket.SOCK_STREAM))

    def _pair(self, _: int) -> list[int]:
        one, other = socket.socketpair()
        try:
            first = self._keep(one)
        except OSError:
            other.close()
            raise
        return [first, self._keep(other)]

    def _close(self, handle: int) -> None:
        entry = self._entries.pop(handle, None)
        if entry is not None:
            entry.sock.close()
            if entry.host:
                self.record.event("close", entry.host, entry.port, "allowed", sent=entry.sent, received=entry.received)

    def _connect(self, handle: int, host: str, port: int, timeout: Any) -> None:
        entry = self._entry(handle)
        if entry.host and not entry.is_connecting:
            raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))
        if not entry.host:
            where, entry.name, address = self._checks.target(str(host), int(port), entry.sock.family)
            entry.host, entry.port, entry.is_connecting = entry.name or str(address), int(port), True
            proxy = self._checks.proxies.for_name(entry.host, entry.port)
            if proxy is not None:
                self._connect_through(entry, proxy)
                return
            code = entry.sock.connect_ex(where)
            if code in (errno.EINPROGRESS, errno.EWOULDBLOCK) and timeout == 0:
                raise OSError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))
        else:  # the guest goes on waiting for what has begun
            code = errno.EALREADY
            if timeout == 0 and not _wait([(entry.sock, False, True)], 0):
                raise OSError(errno.EALREADY, os.strerror(errno.EALREADY))
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY):
            self._ready(entry.sock, True, None if timeout is None else float(timeout), CONNECT)
            code = entry.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._connected(entry, code)

    def _connected(self, entry: Entry, code: int) -> None:
        entry.is_connecting = False
        self.record.event("connect", entry.host, entry.port, "failed" if code else "allowed")
        if code:
            entry.host = ""
            raise OSError(code, os.strerror(code))

    def _connect_through(self, entry: Entry, proxy: Any) -> None:
        """Connect by way of the host's proxy, which is waited for whatever the guest allows."""
        try:
            sock = socket.create_connection((proxy.host, proxy.port), timeout=CONNECT)
        except OSError as error:
            entry.host = ""
            raise OSError(errno.ECONNREFUSED, f"the host's proxy: {error}") from error
        try:
            sock.sendall(proxy.request(entry.host, entry.port))
            answer = b""
            while b"\r\n\r\n" not in answer and len(answer) < LARGEST and (part := sock.recv(1)):
                answer += part
        except BaseException:
            sock.close()
            raise
        status = answer.split(b"\r\n", 1)[0].decode("latin-1")
        if status.split(" ")[1:2] != ["200"]:
            sock.close()
            self.record.event("connect", entry.host, entry.port, "failed")
            entry.host = ""
            raise OSError(errno.ECONNREFUSED, f"the host's proxy: {status[:100] or 'no answer'}")
        sock.setblocking(False)
        entry.sock.close()
        entry.sock = sock
        self._connected(entry, 0)

    def _send(self, handle: int, timeout: Any, data: bytes) -> int:
        entry = self._entry(handle)
        self._checks.count(len(data))
        count: int = self._tried(entry, timeout, lambda: entry.sock.send(data[:MOST]), True)
        entry.sent += count
        return count

    def _recv(self, handle: int, size: int, flags: list[str], timeout: Any) -> tuple[None, bytes]:
        entry = self._entry(handle)
        peek = socket.MSG_PEEK if "MSG_PEEK" in flags else 0
        data: bytes = self._tried(entry, timeout, lambda: entry.sock.recv(min(size, MOST), peek), False)
        if not peek:
            self._checks.count(len(data))
            entry.received += len(data)
        return None, data

    def _bind(self, handle: int, host: str, port: int) -> None:
        entry = self._entry(handle)
        where = self._checks.listening(str(host), int(port), entry.sock.family)
        if where is None:
            entry.sock.bind((LOOPBACK[entry.sock.family == socket.AF_INET6].compressed, 0))
            return
        if os.name != "nt":  # there it would let two programs have the same port
            entry.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        entry.sock.bind(where)
        entry.is_bound = True
        if where[1] == 0:
            self._say(f"listening on {where[0]}:{entry.sock.getsockname()[1]}")

    def _listen(self, handle: int, backlog: int) -> None:
        entry = self._entry(handle)
        if not entry.is_bound:
            host, port = entry.sock.getsockname()[:2]
            raise self._checks.may_not_listen(host, 0, True)
        entry.sock.listen(min(int(backlog), BACKLOG))
        host, port = entry.sock.getsockname()[:2]
        self.record.event("listen", host, port, "allowed")

    def _accept(self, handle: int, timeout: Any) -> list[Any]:
        entry = self._entry(handle)
        sock, address = self._tried(entry, timeout, entry.sock.accept, False)
        number = self._keep(sock)
        made = self._entries[number]
        made.host, made.port = address[0], address[1]
        self.record.event("accept", made.host, made.port, "allowed")
        return [number, list(address)]

    def _shutdown(self, handle: int, how: str) -> None:
        ways = {"SHUT_RD": socket.SHUT_RD, "SHUT_WR": socket.SHUT_WR, "SHUT_RDWR": socket.SHUT_RDWR}
        self._entry(handle).sock.shutdown(ways[how])

    def _name(self, handle: int, which: str) -> list[Any]:
        sock = self._entry(handle).sock
        return list(sock.getpeername() if which == "peer" else sock.getsockname())

    def _setoption(self, handle: int, level: str, name: str, value: int) -> None:
        number = getattr(socket, name, None) if (level, name) in OPTIONS else None
        if number is not None and not (os.name == "nt" and name == "SO_REUSEADDR"):
            value = min(int(value), BUFFER)
            self._entry(handle).sock.setsockopt(getattr(socket, level), number, value)

    def _getoption(self, handle: int, level: str, name: str) -> int | str:
        entry, number = self._entry(handle), getattr(socket, name, None)
        if (level, name) not in OPTIONS or number is None:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        value = entry.sock.getsockopt(getattr(socket, level), number)
        if name == "SO_ERROR" and entry.is_connecting and _wait([(entry.sock, False, True)], 0):
            with suppress(OSError):
                self._connected(entry, value)
        return errno.errorcode.get(value, "EIO") if name == "SO_ERROR" and value else value

    def _resolve(self, _: int, host: str, port: int, family: str, kind: str, passive: bool, numeric: bool) -> list[Any]:
        if kind == "SOCK_DGRAM":
            raise RefusedError("the sandbox has no datagram sockets")
        if passive and host == "":
            found: list[Any] = [["AF_INET", ["0.0.0.0", port]], ["AF_INET6", ["::", port, 0, 0]]]
            return [each for each in found if family in ("", each[0])]
        wanted = FAMILIES.get(family, 0)
        if passive and host == "localhost":
            host = "127.0.0.1" if wanted != socket.AF_INET6 else "::1"
        if numeric and address_of(str(host)) is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self._checks.resolve(str(host), int(port), wanted)
        return [[name, list(where)] for each, where in answers for name in FAMILIES if FAMILIES[name] == each]

    def _poll(self, _: int, wanted: list[Any], timeout: Any) -> list[Any]:
        """`wanted` is [handle, letters]: ``r`` to read, ``w`` to write; the answer has what is ready, ``e`` for an error."""
        entries = [(handle, self._entry(handle), str(letters)) for handle, letters in wanted[:CONNECTIONS]]
        waiting = [(entry.sock, "r" in letters, "w" in letters) for _, entry, letters in entries]
        until = None if timeout is None else time.monotonic() + float(timeout)
        pending = [isinstance(e.sock, ssl.SSLSocket) and "r" in letters and e.sock.pending() > 0 for _, e, letters in entries]
        while True:
            left = TURN if until is None else max(0.0, min(TURN, until - time.monotonic()))
            ready = _wait(waiting, 0.0 if any(pending) else left)
            if ready or any(pending) or (until is not None and time.monotonic() >= until):
                break
            if self.stopped():
                raise StoppedError
        found = {id(sock): letters for sock, letters in ready}
        answer = []
        for (handle, entry, _asked), is_pending in zip(entries, pending, strict=True):
            can = found.get(id(entry.sock), "")
            can += "r" if is_pending and "r" not in can else ""
            if can:
                answer.append([handle, can])
        return answer

    # -- TLS

    def _context(self, _: int, protocol: int, settings: dict[str, Any]) -> int:
        self._contexts.made(int(protocol), settings)
        return self._keep_object((int(protocol), settings))

    def _real(self, handle: int, server_side: bool) -> ssl.SSLContext:
        protocol, settings = self._objects[handle]
        return self._contexts.made(protocol, settings, server_side)

    def _authorities(self, handle: int) -> list[Any]:
        return list(self._real(handle, False).get_ca_certs())

    def _ciphers(self, handle: int) -> list[Any]:
        return list(self._real(handle, False).get_ciphers())

    def _wrap(self, handle: int, context: int, server_side: bool, server_hostname: str | None) -> None:
        """TLS on a socket: from here on what the guest reads and writes is plain."""
        entry = self._entry(handle)
        if isinstance(entry.sock, ssl.SSLSocket):
            raise ValueError("TLS within TLS goes through buffers (wrap_bio)")
        if not server_side:
            self._checks.check_server_name(server_hostname, entry.name, entry.port)
        entry.sock = self._real(context, bool(server_side)).wrap_socket(
            entry.sock,
            bool(server_side),
            do_handshake_on_connect=False,
            server_hostname=server_hostname,
            suppress_ragged_eofs=False,
        )

    def _tls(self, handle: int) -> tuple[Entry, ssl.SSLSocket]:
        entry = self._entry(handle)
        if not isinstance(entry.sock, ssl.SSLSocket):
            raise ValueError("no TLS on this socket")
        return entry, entry.sock

    def _handshake(self, handle: int, timeout: Any) -> dict[str, Any]:
        entry, sock = self._tls(handle)
        self._tried(entry, timeout, sock.do_handshake, False)
        return facts_of(sock)

    def _read(self, handle: int, size: int, timeout: Any) -> tuple[None, bytes]:
        entry, sock = self._tls(handle)
        size = min(int(size), MOST)
        data: bytes = self._tried(entry, timeout, lambda: sock.read(size), False)
        more = data
        while more and len(data) < size:  # a record has 16 KiB at most: take what else has come
            try:
                more = sock.read(size - len(data))
                data += more
            except OSError:
                break  # the next call meets it again
        self._checks.count(len(data))
        entry.received += len(data)
        return None, data

    def _write(self, handle: int, timeout: Any, data: bytes) -> int:
        entry, sock = self._tls(handle)
        self._checks.count(len(data))
        count: int = self._tried(entry, timeout, lambda: sock.write(data), True)
        entry.sent += count
        return count

    def _unwrap(self, handle: int, timeout: Any) -> None:
        entry, sock = self._tls(handle)
        entry.sock = self._tried(entry, timeout, sock.unwrap, False)

    def _pending(self, handle: int) -> int:
        return self._tls(handle)[1].pending()

    def _object(self, _: int, context: int, server_side: bool, server_hostname: str | None) -> int:
        """TLS between buffers: the guest carries what is ciphered over a socket that was checked."""
        if not server_side and server_hostname is not None:
            granted = self._checks.grants.connect
            if not any(grant.networks or grant.host == "all" for grant in granted):
                self._checks.check_server_name(server_hostname, "", None)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        real = self._real(context, bool(server_side))
        return self._keep_object((real.wrap_bio(incoming, outgoing, bool(server_side), server_hostname), incoming, outgoing))

    def _step(self, handle: int, step: str, size: int, received: int, ended: bool, data: bytes) -> tuple[Any, bytes]:
        """One step: the first `received` bytes have come from the other side, the rest is to be written."""
        tls, incoming, outgoing = self._objects[handle]
        if received:
            incoming.write(data[:received])
        if ended:
            incoming.write_eof()
        problem, facts, count, taken = None, None, 0, b""
        try:
            if step == "handshake":
                tls.do_handshake()
                facts = facts_of(tls)
            elif step == "read":
                taken = tls.read(min(int(size), MOST))
            elif step == "write":
                count = tls.write(data[received:])
            elif step == "shutdown":
                tls.unwrap()
            else:
                raise ValueError("no such step")
        except ssl.SSLError as error:
            problem = error_parts(error)
        sent = outgoing.read()
        return [problem, facts, count, tls.pending(), len(sent)], sent + taken

    def _forget(self, handle: int) -> None:
        self._objects.pop(handle, None)

    # -- functions

    def _call(self, _: int, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if self._functions is None:
            raise FunctionError("AttributeError", "the host has no functions for this sandbox")
        return _Written(self._functions.call(name, arguments, keywords, self._is_stopped))


#: What can be ordered.
_ORDERS: dict[str, Callable[..., Any]] = {
    name: getattr(Broker, f"_{name}")
    for name in (
        "socket", "pair", "close", "connect", "send", "recv", "bind", "listen", "accept", "shutdown", "name", "setoption",
        "getoption", "resolve", "poll", "context", "authorities", "ciphers", "wrap", "handshake", "read", "write", "unwrap",
        "pending", "object", "step", "forget", "call",
    )
}  # fmt: skip


def _wait(sockets: list[tuple[Socket, bool, bool]], seconds: float) -> list[tuple[Socket, str]]:
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


def _parts(error: Exception) -> list[Any]:
    """What the guest makes an exception of."""
    if isinstance(error, ssl.SSLError):
        return error_parts(error)
    if isinstance(error, FunctionError):
        return ["function", error.kind, str(error)]
    if isinstance(error, RefusedError):
        return ["refused", None, str(error)]
    if isinstance(error, socket.gaierror):
        names = {getattr(socket, name): name for name in ("EAI_AGAIN", "EAI_FAIL", "EAI_FAMILY", "EAI_NONAME")}
        return ["gaierror", names.get(error.errno, "EAI_NONAME"), error.strerror]
    if isinstance(error, TimeoutError) and error.errno is None:
        return ["timeout", None, "timed out"]
    if isinstance(error, StoppedError):
        return ["OSError", "EINTR", "the run was stopped"]
    if isinstance(error, OSError):
        return ["OSError", errno.errorcode.get(error.errno or 0, "EIO"), error.strerror or str(error)]
    return ["ValueError", None, f"{type(error).__name__}: {str(error)[:300]}"]


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()
