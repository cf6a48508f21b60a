"""Decides what a run's sockets may reach: names are looked up here, and addresses count only as they were checked."""

import errno
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from wenv.network.addresses import LOOPBACK, Address, address_of, canonical, is_local
from wenv.network.grants import Grants
from wenv.network.proxies import Proxies, Proxy
from wenv.network.record import Record

#: An answer of a name server: family, and address as `socket` has it.
Found = tuple[int, tuple[Any, ...]]
UNSPECIFIED = {4: ipaddress.IPv4Address("0.0.0.0"), 6: ipaddress.IPv6Address("::")}
#: Seconds that a name server may take.
LOOK_UP = 30.0
#: Seconds after which a wait looks whether the run was stopped.
TURN = 0.1


class RefusedError(Exception):
    """What is not granted; the words are for the program and its user."""


class StoppedError(Exception):
    """The run was stopped while it waited."""


class Checks:
    """The checks of one run.  `resolver` is a `socket.getaddrinfo`; `stopped` is asked while a name server is waited for."""

    def __init__(
        self,
        grants: Grants,
        record: Record,
        stopped: Callable[[], bool] = lambda: False,
        resolver: Callable[..., list[Any]] = socket.getaddrinfo,
        proxies: Proxies | None = None,
    ) -> None:
        self.grants, self.record = grants, record
        self.proxies = Proxies.of(os.environ) if proxies is None else proxies
        self._stopped, self._resolver = stopped, resolver
        #: To which names an address was led by a name server in this run.
        self._led: dict[Address, dict[str, None]] = {}
        #: Names that a proxy looks up have addresses of ours, which nobody has.
        self._stand_ins: dict[Address, str] = {}
        self._moved = 0

    # -- names

    def resolve(self, host: str, port: int, family: int) -> list[Found]:
        """The addresses of a granted name that may be connected to.  Raises RefusedError, and OSError from the resolver."""
        literal = address_of(host)
        if literal is not None:
            return _as_found([literal], port, family)
        try:
            name = canonical(host)
        except (ValueError, UnicodeError):
            raise self._refusal(
                host, port, f"the sandbox reaches no {host[:100]!r}: it is neither a name nor an address"
            ) from None
        if is_local(name):
            return self._local(name, port, family)
        if not self.grants.allows_name(name, port or None):
            said = f"{name}:{port}" if port else name
            raise self._refusal(name, port, f"the sandbox may not reach {said}; --net {said} allows it")
        if self.proxy_for(name, port) is not None:
            return _as_found([self._stand_in(name)], port, family)
        allowed, kept_from = [], []
        for each, _, _, _, where in self._looked_up(name, port, family):
            address = address_of(str(where[0]))
            if address is None:
                continue
            if not self.grants.may_lead(name, address, port or None):
                kept_from.append(str(address))
                continue
            self._note(address, name)
            allowed.append((each, where))
        if kept_from and not allowed:
            grant = f"[{kept_from[0]}]" if ":" in kept_from[0] else kept_from[0]
            words = f"{name} leads to {kept_from[0]}, which is not public; --net {grant}:{port or 'PORT'} allows it besides"
            raise self._refusal(name, port, words)
        if not allowed:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return allowed

    def proxy_for(self, host: str, port: int) -> Proxy | None:
        """The host's proxy to a name or address, None for none.  Raises RefusedError for one that cannot be used."""
        try:
            return self.proxies.for_name(host, port)
        except ValueError as error:
            raise self._refusal(host, port, f"the host's proxy cannot be used: {error}") from None

    def _local(self, name: str, port: int, family: int) -> list[Found]:
        """This machine, which no name server is asked for."""
        granted = [each for each in LOOPBACK if self.grants.allows_number(each, port or None)]
        if not granted:
            said = f"{name}:{port}" if port else name
            raise self._refusal(name, port, f"the sandbox may not reach {said}; --net {said} allows it")
        for address in granted:
            self._note(address, name)
        return _as_found(granted, port, family)

    def _note(self, address: Address, name: str) -> None:
        """The last name that led to an address is what a program means that connects to it."""
        led = self._led.setdefault(address, {})
        led.pop(name, None)
        led[name] = None

    def _looked_up(self, name: str, port: int, family: int) -> list[Any]:
        """What the host's resolver says, in a thread: it cannot be interrupted."""
        answer: list[Any] = []

        def work() -> None:
            try:
                answer.append(self._resolver(name, port, family, socket.SOCK_STREAM))
            except Exception as error:
                answer.append(error)

        thread = threading.Thread(target=work, name="wenv-resolving", daemon=True)
        thread.start()
        until = time.monotonic() + LOOK_UP
        while thread.is_alive():
            thread.join(TURN)
            if self._stopped():
                raise StoppedError
            if time.monotonic() > until:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if isinstance(answer[0], UnicodeError):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if isinstance(answer[0], Exception):
            raise answer[0]
        found: list[Any] = answer[0]
        return found

    def _stand_in(self, name: str) -> Address:
        for address, other in self._stand_ins.items():
            if other == name:
                return address
        address = ipaddress.IPv4Address(0xF0000001 + len(self._stand_ins))
        self._stand_ins[address] = name
        return address

    # -- connections

    def target(self, host: str, port: int, family: int) -> tuple[tuple[Any, ...], str | None, Address]:
        """Where a connection may go: the address for the socket, the granted name that led there, and the address as such.

        Raises RefusedError, and OSError from the resolver.
        """
        _, where = self.resolve(host, port, family)[0]
        address = address_of(str(where[0]))
        assert address is not None
        for name in reversed(self._led.get(address, {})):
            local = is_local(name) and self.grants.allows_number(address, port)
            if local or (self.grants.allows_name(name, port) and self.grants.may_lead(name, address, port)):
                return where, name, address
        stand_in = self._stand_ins.get(address)
        if stand_in is not None and self.grants.allows_name(stand_in, port):
            return where, stand_in, address
        if self.grants.allows_number(address, port):
            return where, None, address
        said = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        raise self._refusal(str(address), port, f"the sandbox may not reach {said}; --net {said} allows it")

    def check_server_name(self, asked: str | None, name: str | None, port: int | None) -> None:
        """Whether a server may be asked for by a name in TLS's handshake, on a connection made by another (`name`; None for
        one that was granted by number).  Raises RefusedError."""
        if asked is None or name is None or address_of(asked) is not None:
            return
        try:
            wanted = canonical(asked)
        except (ValueError, UnicodeError):
            raise self._refusal(asked, port, f"{asked[:100]!r} is not a name") from None
        if wanted != name and not self.grants.allows_name(wanted, port):
            said = f"{wanted}:{port}" if port else wanted
            way = f" by way of {name}" if name else ""
            raise self._refusal(wanted, port, f"the sandbox may not speak to {said}{way}; --net {said} allows it")

    def listening(self, host: str, port: int, family: int) -> tuple[str, int] | None:
        """The host and port to bind to.  A program that would listen on all addresses listens on the granted one.

        None for an end of this machine's own, on which must not be listened: programs try whether they could have one.  Raises
        RefusedError.
        """
        wanted = host or ("::" if family == socket.AF_INET6 else "0.0.0.0")
        address = LOOPBACK[family == socket.AF_INET6] if is_local(wanted) else address_of(wanted)
        for grant in self.grants.listen:
            if address is None or grant.port not in (0, port):
                continue
            granted: Address = ipaddress.ip_address(grant.host)
            if granted == LOOPBACK[0]:  # this machine, by either family
                granted = LOOPBACK[family == socket.AF_INET6]
            if granted.version == address.version and (
                granted.is_unspecified or address in (granted, UNSPECIFIED[granted.version])
            ):
                return str(address if granted.is_unspecified else granted), grant.port and port
        is_own = address is not None and (address in LOOPBACK or address.is_unspecified)
        if is_own and port == 0:
            return None
        raise self.may_not_listen(wanted, port, is_own)

    def may_not_listen(self, host: str, port: int, is_own: bool) -> RefusedError:
        """The words for it."""
        shown = host if address_of(host) is not None or is_local(host) else repr(host[:100])
        said = f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"
        words = f"the sandbox may not listen on {said}; --listen {port if is_own else said} allows it"
        return self._refusal(host, port, words, "listen")

    def check_size(self, size: int) -> None:
        """Whether so many bytes may be moved besides.  Raises RefusedError."""
        limit = self.grants.bytes
        if limit is not None and self._moved + size > limit:
            raise self._refusal("", None, f"the sandbox has moved {limit} bytes, as many as it may; --max-net allows more")

    def count(self, size: int) -> None:
        """Count bytes that were moved.  Raises RefusedError beyond the limit."""
        self.check_size(size)
        self._moved += size

    def _refusal(self, host: str, port: int | None, words: str, event: str = "connect") -> RefusedError:
        self.record.event(event, host, port or None, "refused")
        self.record.refused(words)
        return RefusedError(words)


def _as_found(addresses: list[Address], port: int, family: int) -> list[Found]:
    """Addresses as a resolver would give them; those of the other family are left out.  Raises gaierror for none."""
    found: list[Found] = []
    for address in addresses:
        own = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        if family in (0, own):
            found.append((own, (str(address), port, 0, 0) if address.version == 6 else (str(address), port)))
    if not found and family == socket.AF_INET6:
        found = [(socket.AF_INET6, (f"::ffff:{address}", port, 0, 0)) for address in addresses]
    if not found:
        raise socket.gaierror(getattr(socket, "EAI_FAMILY", errno.EINVAL), "Address family for hostname not supported")
    return found
