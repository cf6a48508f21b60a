"""Orders of TLS: on a socket, and between buffers that the guest carries."""

import errno
import json
import os
import ssl
from collections.abc import Callable
from typing import Any

from wenv.network.addresses import address_of, canonical
from wenv.network.handles import Entry, Handles
from wenv.network.lane import MOST
from wenv.network.secrets import Exchange
from wenv.network.tls import error_parts, facts_of


class TLSOrders(Handles):
    """See the module.  `_say` has words for the user."""

    _say: Callable[[str], object]

    def _context(self, _: int, protocol: int, settings: dict[str, Any]) -> int:
        self._contexts.made(int(protocol), settings)
        key = json.dumps([protocol, settings], sort_keys=True)
        handle = self._known_contexts.get(key)
        if handle is None:  # programs make many that are alike, and let go of them
            handle = self._known_contexts[key] = self._keep_object((int(protocol), settings))
        return handle

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
        if not entry.host and not entry.is_pair:  # what it is connected to decides on names and secrets
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        real = self._real(context, bool(server_side))
        if not server_side:
            self._checks.check_server_name(server_hostname, entry.name, entry.port)
            named = server_hostname is not None and address_of(server_hostname) is None
            name = canonical(str(server_hostname)) if named else entry.name  # several names may lead to one address
            exchange = None if entry.is_pair else self.vault.for_host(name, entry.port)
            if exchange is not None:
                entry.exchange, real, server_hostname = exchange, self._contexts.verified(), name
        entry.sock = real.wrap_socket(
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

    def _handshake(self, handle: int, wrapping: Any, timeout: Any) -> dict[str, Any]:
        """`wrapping` is what `_wrap` takes if that is to be done first: an order less for each connection."""
        if wrapping is not None:
            self._wrap(handle, *wrapping)
        entry, sock = self._tls(handle)
        self._tried(entry, timeout, sock.do_handshake, False)
        return facts_of(sock)

    def _read(self, handle: int, size: int, timeout: Any) -> tuple[None, bytes]:
        entry, sock = self._tls(handle)
        size = min(int(size), MOST)
        self._push(entry, timeout)
        data = self._come(entry, sock, size, timeout)
        while data and entry.exchange is not None and not (passed := entry.exchange.incoming.feed(data)):
            data = self._come(entry, sock, size, timeout)  # all of it was held back
        if entry.exchange is not None:
            data = passed if data else entry.exchange.incoming.flush()
        self._checks.count(len(data))
        entry.received += len(data)
        return None, data

    def _come(self, entry: Entry, sock: ssl.SSLSocket, size: int, timeout: Any) -> bytes:
        """What has come, at most `size` bytes; nothing at the end."""
        data: bytes = self._tried(entry, timeout, lambda: sock.read(size), False)
        more = data
        while more and len(data) < size:  # a record has 16 KiB at most: take what else has come
            try:
                more = sock.read(size - len(data))
                data += more
            except OSError:
                break  # the next call meets it again
        return data

    def _write(self, handle: int, timeout: Any, data: bytes) -> int:
        entry, sock = self._tls(handle)
        self._checks.check_size(len(data))
        if entry.exchange is not None:
            self._checks.count(len(data))
            entry.unsent += entry.exchange.outgoing.feed(data)
            self._push(entry, timeout, ended=False)
            entry.sent += len(data)
            return len(data)
        count: int = self._tried(entry, timeout, lambda: sock.write(data), True)
        self._checks.count(count)
        entry.sent += count
        return count

    def _unwrap(self, handle: int, timeout: Any) -> None:
        entry, sock = self._tls(handle)
        self._push(entry, timeout)
        entry.exchange = None
        entry.sock = self._tried(entry, timeout, sock.unwrap, False)

    def _certificate(self, handle: int) -> tuple[Any, bytes]:
        """The other side's, decoded and as it is."""
        tls = self._tls(handle)[1] if handle in self._entries else self._objects[handle][0]
        return tls.getpeercert(), tls.getpeercert(True) or b""

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
        exchange = None
        if not server_side and server_hostname is not None and address_of(server_hostname) is None:
            exchange, kept = self.vault.for_buffers(canonical(server_hostname))
            for name in kept:
                self._say(f"{name} is not sent by asyncio: it is for one port, and others of {server_hostname} may be reached")
        if exchange is not None:  # wherever the guest sends it: only that server can read it
            real, server_hostname = self._contexts.verified(), canonical(str(server_hostname))
        tls = real.wrap_bio(incoming, outgoing, bool(server_side), server_hostname)
        return self._keep_object((tls, incoming, outgoing, exchange))

    def _step(self, handle: int, step: str, size: int, received: int, ended: bool, data: bytes) -> tuple[Any, bytes]:
        """One step: the first `received` bytes have come from the other side, the rest is to be written."""
        tls, incoming, outgoing, exchange = self._objects[handle]
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
                _flush(tls, exchange)
                taken = _taken(tls, min(int(size), MOST), exchange)
            elif step == "write":
                count = _given(tls, data[received:], exchange)
            elif step == "shutdown":
                _flush(tls, exchange)
                tls.unwrap()
            else:
                raise ValueError("no such step")
        except ssl.SSLError as error:
            problem = error_parts(error)
        sent = outgoing.read()
        return [problem, facts, count, tls.pending(), len(sent)], sent + taken

    def _forget(self, handle: int) -> None:
        if len(self._objects.get(handle, ())) == 4:  # a connection: contexts stay
            del self._objects[handle]


def _flush(tls: ssl.SSLObject, exchange: Exchange | None) -> None:
    """Send what was held back of what the guest has written."""
    if exchange is not None and (held := exchange.outgoing.flush()):
        tls.write(held)


def _given(tls: ssl.SSLObject, data: bytes, exchange: Exchange | None) -> int:
    """Take what the guest writes; returns how much of it."""
    if exchange is None:
        return tls.write(data)
    if sent := exchange.outgoing.feed(data):
        tls.write(sent)  # it is kept in memory: all of it is taken
    return len(data)


def _taken(tls: ssl.SSLObject, size: int, exchange: Exchange | None) -> bytes:
    """What there is for the guest.  Raises SSLWantReadError."""
    if exchange is None:
        return tls.read(size)
    while data := tls.read(size):
        if passed := exchange.incoming.feed(data):
            return passed
    return exchange.incoming.flush()
