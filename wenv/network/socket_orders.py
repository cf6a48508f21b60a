"""Orders of sockets: each is a method, with the guest's arguments, believed in nothing."""

import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from wenv.network.addresses import LOOPBACK, address_of
from wenv.network.checks import TURN, RefusedError, StoppedError
from wenv.network.handles import CONNECTIONS, Entry, Handles, wait_for
from wenv.network.lane import MOST
from wenv.network.proxies import LARGEST, Proxy

#: Seconds that a connection may take to be made, whatever the guest allows.
CONNECT = 60.0
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


class SocketOrders(Handles):
    """See the module.  `_say` has words for the user."""

    _say: Callable[[str], object]

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
        second = self._keep(other)
        self._entries[first].is_pair = self._entries[second].is_pair = True
        return [first, second]

    def _close(self, handle: int) -> None:
        entry = self._entries.pop(handle, None)
        if entry is not None:
            with suppress(OSError):
                self._push(entry, 0)
            entry.sock.close()
            if entry.host:
                self.record.event("close", entry.host, entry.port, "allowed", sent=entry.sent, received=entry.received)

    def _connect(self, handle: int, host: str, port: int, timeout: Any) -> list[Any]:
        """Returns the address of the other side: TLS asks for it each time."""
        entry = self._entry(handle)
        if (entry.host and not entry.is_connecting) or isinstance(entry.sock, ssl.SSLSocket):
            raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))
        if not entry.host:
            where, name, address = self._checks.target(str(host), int(port), entry.sock.family)
            reached = name or str(address)
            proxy = self._checks.proxy_for(reached, int(port))
            entry.name, entry.host, entry.port, entry.is_connecting = name, reached, int(port), True
            if proxy is not None:
                self._connect_through(entry, proxy)
                return self._name(handle, "peer")
            code = entry.sock.connect_ex(where)
            if code in (errno.EINPROGRESS, errno.EWOULDBLOCK) and timeout == 0:
                raise OSError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))
        else:  # the guest goes on waiting for what has begun
            code = errno.EALREADY
            if timeout == 0 and not wait_for([(entry.sock, False, True)], 0):
                raise OSError(errno.EALREADY, os.strerror(errno.EALREADY))
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY):
            self._ready(entry.sock, True, None if timeout is None else float(timeout), CONNECT)
            code = entry.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._connected(entry, code)
        return self._name(handle, "peer")

    def _connected(self, entry: Entry, code: int, words: str = "") -> None:
        """Note that a connection was made, or failed: raises OSError for a `code`, with the system's words if no others."""
        entry.is_connecting = False
        self.record.event("connect", entry.host, entry.port, "failed" if code else "allowed")
        if code:
            entry.host = ""
            raise OSError(code, words or os.strerror(code))

    def _connect_through(self, entry: Entry, proxy: Proxy) -> None:
        """Connect by way of the host's proxy, which is waited for whatever the guest allows."""
        try:
            sock = _through(proxy, entry.host, entry.port)
        except OSError as error:
            self._connected(entry, errno.ECONNREFUSED, f"the host's proxy: {error}")
        else:
            entry.sock.close()
            entry.sock = sock
            self._connected(entry, 0)

    def _send(self, handle: int, timeout: Any, data: bytes) -> int:
        entry = self._entry(handle)
        self._checks.check_size(len(data))
        count: int = self._tried(entry, timeout, lambda: entry.sock.send(data[:MOST]), True)
        self._checks.count(count)
        entry.sent += count
        return count

    def _recv(self, handle: int, size: int, flags: list[str], timeout: Any) -> tuple[None, bytes]:
        entry = self._entry(handle)
        peek = socket.MSG_PEEK if "MSG_PEEK" in flags else 0
        data: bytes = self._tried(entry, timeout, lambda: entry.sock.recv(min(size, MOST), peek), False)
        self._checks.count(max(0, len(data) - entry.peeked))
        if peek:
            entry.peeked = max(entry.peeked, len(data))
        else:
            entry.peeked = max(0, entry.peeked - len(data))
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
            shown = f"[{where[0]}]" if ":" in where[0] else where[0]
            self._say(f"listening on {shown}:{entry.sock.getsockname()[1]}")

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
        if name == "SO_ERROR" and entry.is_connecting and wait_for([(entry.sock, False, True)], 0):
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
        for _handle, entry, _asked in entries:
            self._push(entry, 0)
        waiting = [(entry.sock, "r" in letters, "w" in letters) for _, entry, letters in entries]
        until = None if timeout is None else time.monotonic() + float(timeout)
        pending = [isinstance(e.sock, ssl.SSLSocket) and "r" in letters and e.sock.pending() > 0 for _, e, letters in entries]
        while True:
            left = TURN if until is None else max(0.0, min(TURN, until - time.monotonic()))
            ready = wait_for(waiting, 0.0 if any(pending) else left)
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


def _through(proxy: Proxy, host: str, port: int) -> socket.socket:
    """A connection to a host by way of a proxy.  Raises OSError."""
    sock = socket.create_connection((proxy.host, proxy.port), timeout=CONNECT)
    try:
        sock.sendall(proxy.request(host, port))
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < LARGEST and (part := sock.recv(1)):
            answer += part
        status = answer.split(b"\r\n", 1)[0].decode("latin-1")
        if status.split(" ")[1:2] != ["200"]:
            raise OSError(status[:100] or "no answer")
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
