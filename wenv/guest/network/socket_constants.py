"""Names and numbers of `_socket`: those that cross to the host are names, as the numbers differ between systems."""

import _socket as native
from types import ModuleType
from typing import Any

#: A socket's number is above this, far above every descriptor of a file.
FIRST = 1 << 24
FAMILIES: dict[int, str] = {int(native.AF_INET): "AF_INET", int(native.AF_INET6): "AF_INET6"}
NUMBERS = {name: number for number, name in FAMILIES.items()}
KINDS: dict[int, str] = {int(native.SOCK_STREAM): "SOCK_STREAM", int(native.SOCK_DGRAM): "SOCK_DGRAM"}
SERVICES = {
    "ftp": 21, "ssh": 22, "smtp": 25, "domain": 53, "http": 80, "pop3": 110, "imap": 143, "imap2": 143, "ldap": 389,
    "https": 443, "submission": 587, "ldaps": 636, "imaps": 993, "pop3s": 995, "mysql": 3306, "postgresql": 5432,
}  # fmt: skip
#: What a Python elsewhere has, and this one lacks in part.
LACKING = [
    "AF_UNSPEC",
    "AI_PASSIVE",
    "AI_CANONNAME",
    "AI_NUMERICHOST",
    "AI_NUMERICSERV",
    "AI_ADDRCONFIG",
    "AI_V4MAPPED",
    "AI_ALL",
    "EAI_NONAME",
    "EAI_FAMILY",
    "EAI_AGAIN",
    "EAI_FAIL",
    "EAI_SERVICE",
    "INADDR_ANY",
    "INADDR_LOOPBACK",
    "INADDR_BROADCAST",
    "INADDR_NONE",
    "IPPROTO_IP",
    "IPPROTO_IPV6",
    "IPPROTO_TCP",
    "IPPROTO_UDP",
    "IPV6_V6ONLY",
    "MSG_DONTWAIT",
    "MSG_NOSIGNAL",
    "MSG_PEEK",
    "MSG_WAITALL",
    "NI_DGRAM",
    "NI_MAXHOST",
    "NI_MAXSERV",
    "NI_NUMERICHOST",
    "NI_NUMERICSERV",
    "SOL_SOCKET",
    "SOMAXCONN",
    "SO_ACCEPTCONN",
    "SO_BROADCAST",
    "SO_DONTROUTE",
    "SO_ERROR",
    "SO_KEEPALIVE",
    "SO_LINGER",
    "SO_RCVBUF",
    "SO_REUSEADDR",
    "SO_REUSEPORT",
    "SO_SNDBUF",
    "SO_TYPE",
    "TCP_KEEPCNT",
    "TCP_KEEPIDLE",
    "TCP_KEEPINTVL",
    "TCP_NODELAY",
    "TCP_QUICKACK",
    "TCP_USER_TIMEOUT",
]
#: Those that are more than names: their usual numbers.
USUAL = {"AF_UNSPEC": 0, "IPPROTO_IP": 0, "IPPROTO_TCP": 6, "IPPROTO_UDP": 17, "IPPROTO_IPV6": 41, "SOMAXCONN": 128,
         "INADDR_ANY": 0, "INADDR_LOOPBACK": 0x7F000001, "INADDR_BROADCAST": 0xFFFFFFFF, "INADDR_NONE": 0xFFFFFFFF,
         "NI_MAXHOST": 1025, "NI_MAXSERV": 32, "EAI_NONAME": -2, "EAI_AGAIN": -3, "EAI_FAIL": -4, "EAI_FAMILY": -6,
         "EAI_SERVICE": -8, "AI_PASSIVE": 1, "AI_CANONNAME": 2, "AI_NUMERICHOST": 4, "AI_V4MAPPED": 8, "AI_ALL": 16,
         "AI_ADDRCONFIG": 32, "AI_NUMERICSERV": 1024, "MSG_PEEK": 1, "MSG_WAITALL": 2, "MSG_DONTWAIT": 64,
         "MSG_NOSIGNAL": 0x4000, "NI_NUMERICHOST": 1, "NI_NUMERICSERV": 2, "NI_DGRAM": 16}  # fmt: skip
LEVELS = (("SOL_SOCKET", "SO_"), ("IPPROTO_TCP", "TCP_"), ("IPPROTO_IPV6", "IPV6_"))
#: Bits that a kind of socket may carry on other systems.
FLAGS = 0o4000 | 0o2000000


def copied() -> ModuleType:
    """A module with what the interpreter's own has."""
    made = ModuleType("_socket", native.__doc__)
    vars(made).update({name: value for name, value in vars(native).items() if not name.startswith("__")})
    return made


#: What takes the place of the interpreter's own, see `sockets`.
module: Any = copied()
for _number, _name in enumerate(LACKING, 0x4000):
    if not hasattr(module, _name):
        setattr(module, _name, USUAL.get(_name, _number))
