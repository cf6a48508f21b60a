"""`_socket`, under the standard library's own `socket`: each call is an order to the host, which has the real sockets.

The interpreter's own module keeps its constants and its conversions.  What the platform lacks of constants has numbers of our
own: the host is told names.
"""

import _socket as native
import errno
import os
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from ..imports import replaced
from ..platform import threads, waits
from ..processes import ends
from . import door, pairs
from .door import ask_network
from .names import NAMING, as_text
from .socket_constants import FAMILIES, FIRST, FLAGS, KINDS, LEVELS, module

#: Families and kinds of the sockets that are open, by number, for ``socket(fileno=...)``, and addresses of the other sides.
_open: dict[int, tuple[int, int]] = {}
_peers: dict[int, Any] = {}
_default_timeout: float | None = None


class socket:  # noqa: N801 - the name of what it stands for
    """What `socket.socket` is a subclass of; with slots, as it adds ``__weakref__``."""

    __slots__ = ("_family", "_handle", "_kind", "_proto", "_timeout")

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> None:
        self._timeout = _default_timeout
        self._handle = -1
        if fileno is not None:
            if isinstance(fileno, bytes):
                raise OSError(errno.ENOTSUP, "sockets cannot be shared between programs here")
            if int(fileno) not in _open:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self._handle = int(fileno)
            self._family, self._kind = _open[self._handle]
            self._proto = max(proto, 0)
            return
        self._family = int(native.AF_INET) if family in (-1, None) else int(family)
        self._kind = int(native.SOCK_STREAM) if type in (-1, None) else int(type)
        if self._kind not in KINDS:
            self._kind &= ~FLAGS
        self._proto = 0 if proto in (-1, None) else int(proto)
        if self._family not in FAMILIES:
            raise OSError(errno.EAFNOSUPPORT, "the sandbox has sockets of IPv4 and IPv6 only")
        self._handle, _ = ask_network("socket", 0, FAMILIES[self._family], KINDS.get(self._kind, ""))
        _open[self._handle] = self._family, self._kind

    family = property(lambda self: self._family)
    type = property(lambda self: self._kind)
    proto = property(lambda self: self._proto)
    timeout = property(lambda self: self._timeout)

    def __repr__(self) -> str:
        return f"<socket object, fd={self._handle}, family={self._family}, type={self._kind}, proto={self._proto}>"

    def __del__(self) -> None:
        if getattr(self, "_handle", -1) >= 0:
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, 2, self)
                self.close()
            except Exception:
                pass

    def fileno(self) -> int:
        return self._handle

    def detach(self) -> int:
        handle, self._handle = self._handle, -1
        return handle

    def close(self) -> None:
        handle = self.detach()
        if handle >= 0:
            close(handle)

    def settimeout(self, value: float | None) -> None:
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._timeout = None if value is None else float(value)

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        return self._timeout != 0.0

    def _patiently(self, operation: str, *arguments: object, payload: Any = None, wait: bool = True) -> tuple[Any, bytes]:
        handle = self._handle
        if handle < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        timeout = self._timeout if wait else 0
        if handle >= ends.FIRST:
            return pairs.order(operation, handle, arguments, payload, timeout)
        if operation in ("recv", "accept") and timeout != 0 and (threads.queued or threads.is_nested()):
            look: Callable[[], Any] = lambda: ask_network("poll", 0, [[handle, "r"]], 0)[0]  # noqa: E731
            if not waits.let_others_run(look, bool, timeout) and operation == "accept" and threads.is_nested() and not look():
                raise threads.DeadlockError(f"a server in a thread {threads.WORDS}")
        work = lambda seconds: ask_network(operation, handle, *arguments, seconds, payload=payload)  # noqa: E731
        answer: tuple[Any, bytes] = waits.patiently(work, timeout)
        return answer

    def _at_once(self, operation: str, *arguments: object) -> Any:
        if self._handle < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self._handle >= ends.FIRST:
            return pairs.order_at_once(operation, self._handle, arguments)
        return ask_network(operation, self._handle, *arguments)[0]

    def connect(self, address: Any) -> None:
        host, port = _address(self._family, address)
        peer = self._patiently("connect", host, port)[0]
        _peers[self._handle] = tuple(peer)

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except TimeoutError:
            return errno.EAGAIN
        except OSError as error:
            if error.errno is None or isinstance(error, native.gaierror):
                raise
            return error.errno
        return 0

    def send(self, data: Any, flags: int = 0) -> int:
        self._check_flags(flags, ("MSG_DONTWAIT", "MSG_NOSIGNAL"))
        view = memoryview(data).cast("B")
        count: int = self._patiently("send", payload=view[: door.CHUNK], wait=not flags & module.MSG_DONTWAIT)[0]
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        view = memoryview(data).cast("B")
        while len(view):
            view = view[self.send(view, flags) :]

    def sendto(self, data: Any, *_: Any) -> int:
        return self.send(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if size < 0:
            raise ValueError("negative buffersize in recv")
        self._check_flags(flags, ("MSG_PEEK", "MSG_DONTWAIT", "MSG_WAITALL"))
        names = ["MSG_PEEK"] if flags & module.MSG_PEEK else []
        wait = not flags & module.MSG_DONTWAIT
        data = self._patiently("recv", size, names, wait=wait)[1]
        while flags & module.MSG_WAITALL and wait and not names and len(data) < size:
            more = self._patiently("recv", size - len(data), names)[1]
            if not more:
                break
            data += more
        return data

    def _check_flags(self, flags: int, known: tuple[str, ...]) -> None:
        if flags & ~sum(getattr(module, name) for name in known):
            raise OSError(errno.EOPNOTSUPP, f"sockets here know no flags but {', '.join(known)}")

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        if nbytes < 0 or nbytes > len(view):
            raise ValueError(
                "negative buffersize in recv_into" if nbytes < 0 else "nbytes is greater than the length of the buffer"
            )
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        return self.recv(size, flags), None

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        return self.recv_into(buffer, nbytes, flags), None

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
        if list(ancdata):
            raise OSError(errno.EOPNOTSUPP, "nothing can be sent beside the data here")
        return self.send(b"".join(map(bytes, buffers)), flags)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[Any], int, Any]:
        return self.recv(bufsize, flags), [], 0, None

    def recvmsg_into(self, buffers: Any, ancbufsize: int = 0, flags: int = 0) -> tuple[int, list[Any], int, Any]:
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        data, done = self.recv(sum(map(len, views)), flags), 0
        for view in views:
            part = data[done : done + len(view)]
            view[: len(part)] = part
            done += len(part)
        return done, [], 0, None

    def bind(self, address: Any) -> None:
        self._at_once("bind", *_address(self._family, address))

    def listen(self, backlog: int = 128) -> None:
        self._at_once("listen", max(0, int(backlog)))

    def _accept(self) -> tuple[int, Any]:
        (handle, address), _ = self._patiently("accept")
        _open[handle] = self._family, self._kind
        _peers[handle] = tuple(address)
        return handle, tuple(address)

    def shutdown(self, how: int) -> None:
        names = {native.SHUT_RD: "SHUT_RD", native.SHUT_WR: "SHUT_WR", native.SHUT_RDWR: "SHUT_RDWR"}
        if how not in names:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at_once("shutdown", names[how])
        _peers.pop(self._handle, None)  # ask the system again whether it is connected

    def getpeername(self) -> Any:
        return _peers.get(self._handle) or tuple(self._at_once("name", "peer"))

    def getsockname(self) -> Any:
        return tuple(self._at_once("name", "own"))

    def setsockopt(self, level: int, option: int, value: Any = None, optlen: int = 0) -> None:
        names = _option(level, option)
        if names is not None and isinstance(value, int):  # others change nothing that a program could see
            self._at_once("setoption", *names, value)

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> Any:
        names = _option(level, option)
        if names is None:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        if names[1] == "SO_TYPE":
            return self._kind
        value = self._at_once("getoption", *names)
        number = getattr(errno, value, errno.EIO) if isinstance(value, str) else value
        return number.to_bytes(4, "little", signed=True)[:buflen] if buflen else number


def _address(family: int, address: Any) -> tuple[str, int]:
    if not isinstance(address, tuple) or len(address) < 2:
        raise TypeError(f"{FAMILIES.get(family, 'AF_INET')} address must be tuple, not {type(address).__name__}")
    host, port = as_text(address[0]), address[1]
    if not isinstance(host, str) or not isinstance(port, int):
        raise TypeError("a host is a text, a port a number")
    if not 0 <= port <= 65535:
        raise OverflowError("port must be 0-65535.")
    return host, port


@cache
def _option(level: int, option: int) -> tuple[str, str] | None:
    for name, prefix in LEVELS:
        if getattr(module, name, None) == level:
            for each, value in vars(module).items():
                if each.startswith(prefix) and value == option:
                    return name, each
    return None


def socketpair(family: int = -1, type: int = -1, proto: int = 0) -> tuple[socket, socket]:
    one, other = ask_network("pair")[0] if "network" in door.granted else ends.pair()
    for handle in (one, other):
        _open[handle] = int(native.AF_INET), int(native.SOCK_STREAM)
    return socket(fileno=one), socket(fileno=other)


def dup(handle: int) -> int:
    raise OSError(errno.ENOTSUP, "descriptors cannot be duplicated here")


def close(handle: int) -> None:
    if handle < FIRST:
        return os.close(handle)
    _peers.pop(handle, None)
    if handle >= ends.FIRST:
        _open.pop(handle, None)
        return ends.close(handle)
    if _open.pop(handle, None) is not None and "network" in door.granted:
        ask_network("close", handle)
    return None


def setdefaulttimeout(value: float | None) -> None:
    global _default_timeout
    if value is not None and value < 0:
        raise ValueError("Timeout value out of range")
    _default_timeout = value


def getdefaulttimeout() -> float | None:
    return _default_timeout


def install() -> None:
    """Put it in place, before `socket` is imported."""
    for function in (socket, *NAMING, socketpair, dup, close, setdefaulttimeout, getdefaulttimeout):
        function.__module__ = "_socket"
        setattr(module, function.__name__, function)
    module.SocketType = socket
    replaced.put("_socket", module)
    inheritable(FIRST)


def inheritable(first: int) -> None:
    """Let `os.set_inheritable`, which `socket` calls, take sockets: there are no programs that could inherit them."""
    change, look = getattr(os, "set_inheritable", None), getattr(os, "get_inheritable", None)
    if change is not None and look is not None:
        os.set_inheritable = lambda fd, flag, /: None if fd >= first else change(fd, flag)
        os.get_inheritable = lambda fd, /: False if fd >= first else look(fd)
