"""Names and addresses of `_socket`: the host looks them up."""

import _socket as native
import errno
from typing import Any

from . import door
from .door import ask_network
from .socket_constants import FAMILIES, KINDS, NUMBERS, SERVICES, module

door.KINDS["gaierror"] = lambda kind, name, words, *_: native.gaierror(getattr(module, name or "", module.EAI_NONAME), words)


def as_text(host: Any) -> Any:
    """A host or service as a text, if it is bytes."""
    return host.decode("ascii") if isinstance(host, (bytes, bytearray)) else host


def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
    host, port = as_text(host), as_text(port)
    if isinstance(port, str) and port:
        port = int(port) if port.isdecimal() else getservbyname(port)
    if port is not None and port != "" and not 0 <= int(port) <= 65535:
        raise native.gaierror(module.EAI_SERVICE, "Servname not supported for ai_socktype")
    passive = bool(flags & module.AI_PASSIVE)
    kind = KINDS.get(type, "")
    if proto not in (0, module.IPPROTO_TCP):
        kind = "SOCK_DGRAM"  # which the host refuses with a reason
    if host is None or host == "":
        host = "" if passive else "localhost"
    numeric = bool(flags & module.AI_NUMERICHOST)
    found, _ = ask_network("resolve", 0, host, int(port or 0), FAMILIES.get(family, ""), kind, passive, numeric)
    return [(NUMBERS[name], native.SOCK_STREAM, module.IPPROTO_TCP, "", tuple(address)) for name, address in found]


def gethostbyname(host: Any) -> str:
    found: str = getaddrinfo(host, 0, native.AF_INET)[0][4][0]
    return found


def gethostbyname_ex(host: Any) -> tuple[str, list[str], list[str]]:
    return host, [], [each[4][0] for each in getaddrinfo(host, 0, native.AF_INET)]


def gethostbyaddr(host: Any) -> tuple[str, list[str], list[str]]:
    """No addresses are looked up: it says what programs expect of one that nobody knows."""
    if "network" not in door.granted:
        raise PermissionError(errno.EACCES, door.without)
    raise native.herror(1, "Unknown host")


def gethostname() -> str:
    return "localhost"


def inet_pton(family: int, text: str) -> bytes:
    if family != native.AF_INET6:
        return native.inet_pton(family, text)
    import ipaddress  # not each runtime's own knows IPv6

    try:
        return ipaddress.IPv6Address(text.partition("%")[0]).packed
    except ValueError:
        raise OSError("illegal IP address string passed to inet_pton") from None


def inet_ntop(family: int, packed: Any) -> str:
    if family != native.AF_INET6:
        return native.inet_ntop(family, packed)
    import ipaddress

    if len(packed) != 16:
        raise ValueError("invalid length of packed IP address string")
    return str(ipaddress.IPv6Address(bytes(packed)))


def getservbyname(name: str, protocol: str = "tcp") -> int:
    if name not in SERVICES:
        raise OSError("service/proto not found")
    return SERVICES[name]


def getservbyport(port: int, protocol: str = "tcp") -> str:
    for name, number in SERVICES.items():
        if number == port:
            return name
    raise OSError("port/proto not found")


def getnameinfo(address: Any, flags: int) -> tuple[str, str]:
    """Numbers: no addresses are looked up."""
    return str(address[0]), str(address[1])


NAMING = (
    getaddrinfo, gethostbyname, gethostbyname_ex, gethostbyaddr, gethostname, getservbyname, getservbyport, inet_pton,
    inet_ntop, getnameinfo,
)  # fmt: skip
