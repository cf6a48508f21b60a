"""The interpreter's own sockets, in a packed file, which imports those of its host: closed while the file is made.

A socket that was opened then would be saved with the memory, and every run would trap on a handle that it does not have.  They
stay closed unless the file was packed with a network.
"""

import _socket as native
import errno
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..imports import replaced
from .socket_constants import copied

CLOSED = "this packed file has no network; `wenv pack --net` makes one that reaches what its host grants"
NO_TLS = "a packed file has no TLS; `wenv run --net` does it on the host"
FUNCTIONS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "socketpair", "dup")

#: Whether this is a packed file, and whether its sockets may be used by now.
is_linked = _is_open = False


class socket(native.socket):  # noqa: N801 - the name of what it stands for
    """What `socket.socket` is a subclass of."""

    __slots__ = ()

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        _check()
        super().__init__(*arguments, **keywords)


def link() -> None:
    """Say that this is a packed file; before `install`."""
    global is_linked
    is_linked = True


def begin(*, is_open: bool) -> None:
    """A run begins."""
    global _is_open
    _is_open = is_open


def install() -> None:
    """Put the closed ones in place, before `socket` is imported."""
    module = copied()
    socket.__module__ = "_socket"
    vars(module).update(socket=socket, SocketType=socket)
    for name in FUNCTIONS:
        if hasattr(native, name):
            setattr(module, name, _closed(getattr(native, name)))
    replaced.put("_socket", module)


def _closed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        _check()
        return function(*arguments, **keywords)

    return called


def _check() -> None:
    if not _is_open:
        raise PermissionError(errno.EACCES, CLOSED)
