"""Names and addresses as they are granted and asked for, and which addresses are public.

The tables are our own: what the standard library calls global differs between its versions.
Source: IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and what updates it).
"""

import ipaddress
import re
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What belongs to nobody in particular, of IPv4, and of the part of IPv6 that is in use.
NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        [
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",  # at which Azure tells machines about themselves
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",
            "2001:db8::/32",
            "2620:4f:8000::/48",
            "3fff::/20",
        ],
    )
)
#: All of IPv6 that is given out to anybody.
GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
#: Where IPv4 addresses hide in IPv6's, and how many bits from the end: NAT64, 6to4.
HIDING = ((ipaddress.IPv6Network("64:ff9b::/96"), 0), (ipaddress.IPv6Network("2002::/16"), 80))
LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def address_of(text: str) -> Address | None:
    """The address that a text is, None for a name.  One of IPv6 that means one of IPv4 is that; a zone makes it none."""
    if len(text) > 64 or not text.isascii():
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        return None if found.scope_id else (found.ipv4_mapped or found)
    return found


def is_public(address: Address) -> bool:
    """Whether it may be anybody's: not in a network of one's own, not of this machine, and not for a special purpose."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        for network, shift in HIDING:
            if address in network:
                return is_public(ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF))
        if address not in GIVEN_OUT:
            return False
    known = any(address.version == network.version and address in network for network in NOT_PUBLIC)
    return not known and not _is_this_machines(address)


def _is_this_machines(address: Address) -> bool:
    """Whether it is an address of the host's own: what is sent there would come from it.  Nothing is sent."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((str(address), 9))
            return str(sock.getsockname()[0]) == str(address)
    except OSError:  # there is no way to it
        return False


def canonical(name: str) -> str:
    """A name as names are compared: lower-case, in IDNA, without a last dot.  Raises ValueError for what is none.

    What ends in a number is none: systems read such texts (``127.1``, ``0x7f.1``) as addresses.
    """
    text = name.removesuffix(".").lower()
    if not text.isascii():
        text = text.encode("idna").decode("ascii").lower()
    labels = text.split(".")
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"not a name: {name[:100]!r}")
    return text


def is_local(name: str) -> bool:
    """Whether a name means this machine by definition (RFC 6761)."""
    return name == "localhost" or name.endswith(".localhost")
