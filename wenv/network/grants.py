"""What a sandbox may reach, as users write it: ``HOST[:PORT]``, and ``[HOST:]PORT`` to listen on."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wenv.network.addresses import LOOPBACK, Address, Network, address_of, canonical, is_local, is_public

EVERYTHING = "all"
#: The addresses of this machine alone, as networks.
OWN: tuple[Network, ...] = tuple(ipaddress.ip_network(str(address)) for address in LOOPBACK)
_PORT = re.compile("[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Grant:
    """A host that may be connected to: a name, ``*.name``, an address or network, or `EVERYTHING` that is public.

    `port` is None for all; `networks` are what is granted by number.
    """

    host: str
    port: int | None = None
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Grant":
        """Read ``HOST[:PORT]``; raises ValueError with words."""
        if "://" in text:
            raise ValueError("the address of a page, not a host")
        host, port = _parted(text)
        if host == EVERYTHING:
            return cls(EVERYTHING, port)
        try:
            network = ipaddress.ip_network(host)
        except ValueError as error:
            if "/" in host:
                raise ValueError(f"not a network: {error}") from None
        else:
            return cls(str(network) if "/" in host else str(network.network_address), port, (_unmapped(network),))
        name = canonical(host.removeprefix("*."))
        own = OWN if is_local(name) else ()
        return cls(f"*.{name}" if host.startswith("*.") else name, port, own)

    def has_port(self, port: int | None) -> bool:
        """Whether a port is granted; None asks for any."""
        return self.port is None or port is None or self.port == port

    def names(self, name: str) -> bool:
        """Whether a canonical name is granted."""
        if self.host == EVERYTHING:
            return not is_local(name)
        return name == self.host or (self.host.startswith("*.") and name.endswith(self.host[1:]))

    def holds(self, address: Address) -> bool:
        """Whether an address is granted by number."""
        return any(address.version == network.version and address in network for network in self.networks)

    def reaches(self, address: Address) -> bool:
        """Whether an address is granted, by number or as one that is public."""
        return self.holds(address) or (self.host == EVERYTHING and is_public(address))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port is not None else self.host
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listening:
    """An address of this machine that may be listened on; port 0 for one that the system picks."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listening":
        """Read ``[HOST:]PORT``; raises ValueError with words."""
        if _PORT.fullmatch(text):
            return cls(str(LOOPBACK[0]), _number(text, least=0))
        host, port = _parted(text, least=0)
        if port is None:
            raise ValueError("no port is said")
        host = str(LOOPBACK[0]) if host == "localhost" else host
        address = address_of(host)
        if address is None:
            raise ValueError(f"{host} is not an address of this machine")
        return cls(str(address), port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Grants:
    """All that a run may reach; `bytes` limits what it moves both ways, None for no limit."""

    connect: tuple[Grant, ...] = ()
    listen: tuple[Listening, ...] = ()
    bytes: int | None = None

    @classmethod
    def parse(cls, connect: Iterable[str], listen: Iterable[str], most: int | None) -> "Grants":
        """Read what users write; `most` is the limit in bytes.  Raises ValueError with words."""
        return cls(tuple(map(Grant.parse, connect)), tuple(map(Listening.parse, listen)), most)

    def __bool__(self) -> bool:
        return bool(self.connect or self.listen)

    def allows_name(self, name: str, port: int | None) -> bool:
        """Whether a canonical name is granted with a port; None asks for any."""
        return any(grant.names(name) and grant.has_port(port) for grant in self.connect)

    def allows_number(self, address: Address, port: int | None) -> bool:
        """Whether an address is granted as such, with a port; None asks for any."""
        return any(grant.reaches(address) and grant.has_port(port) for grant in self.connect)

    def may_lead(self, name: str, address: Address, port: int | None) -> bool:
        """Whether it counts that a granted name leads to an address.

        A name server says what it likes: what is not public must have been granted by number, with this very port.
        """
        if is_local(name):
            return address in LOOPBACK
        holding = (grant for grant in self.connect if grant.holds(address))
        return is_public(address) or any(grant.has_port(port) for grant in holding)


def _parted(text: str, least: int = 1) -> tuple[str, int | None]:
    """A host and its port.  Raises ValueError."""
    host, port = text, ""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError("not [ADDRESS]:PORT")
        port = port[1:] or ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError("no port is said")
    if not host or host != host.strip():
        raise ValueError("no host is said")
    if "%" in host:
        raise ValueError("an address with a zone is one of a network of its own")
    return host, _number(port, least) if port else None


def _number(text: str, least: int) -> int:
    if not _PORT.fullmatch(text) or not least <= int(text) <= 65535:
        raise ValueError(f"not a port: {text}")
    return int(text)


def _unmapped(network: Network) -> Network:
    """A network of IPv6 that means one of IPv4 is that."""
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network
