"""Answers the orders of one run: it owns the real sockets, and nothing is reached that its checks do not allow.

An order is what wenv/guest/network/door.py sends, believed in nothing: whatever it says, the answer is a result or an error.
The guest knows numbers; those of sockets are above every descriptor of its own.
"""

import errno
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wenv.network.checks import Checks, RefusedError, StoppedError
from wenv.network.functions import FunctionError
from wenv.network.grants import Grants
from wenv.network.lane import MOST, Lane, packed, unpacked
from wenv.network.record import Record
from wenv.network.secrets import Vault
from wenv.network.socket_orders import SocketOrders
from wenv.network.tls import error_parts
from wenv.network.tls_orders import TLSOrders

#: Bytes of an order's first line.
LONGEST = 1 << 20


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


class Broker(SocketOrders, TLSOrders):
    """See the module.  `say` has words for the user; `authority` are certificates (PEM) that the user trusts besides."""

    def __init__(
        self,
        grants: Grants,
        *,
        record: Record | None = None,
        say: Callable[[str], object] = lambda words: None,
        lane: Lane | None = None,
        functions: Functions | None = None,
        vault: Vault | None = None,
        authority: str = "",
        checks: Checks | None = None,
    ) -> None:
        super().__init__(grants, record or Record(), checks, vault, authority)
        self._say, self._lane, self._functions = say, lane, functions
        self._has_network = bool(grants) or self.record.is_written
        #: Whether the guest's door takes bytes (a module's), or texts.
        self.takes_bytes = False

    def ask(self, order: bytes) -> bytes:
        """The answer to an order.  Raises nothing: whatever an order is, the guest gets an error and not our traceback."""
        try:
            return b"+" + self._answer(order)
        except Exception as error:
            try:
                return b"-" + _dumped(_parts(error))
            except Exception:
                return b"-" + _dumped(["ValueError", None, type(error).__name__])

    def _answer(self, order: bytes) -> bytes:
        head, has_payload, payload = order.partition(b"\n")
        if len(head) > (LONGEST if self._functions is None else self._functions.largest_order):
            raise ValueError("an order that is too long")
        operation, handle, *arguments = json.loads(head)
        method = _ORDERS.get(operation) if isinstance(operation, str) else None
        if method is None or type(handle) is not int:
            raise ValueError("no such order")
        if operation != "call" and not self._has_network:
            raise RefusedError("")
        if has_payload:
            arguments.append(payload[1 : 1 + 2 * MOST] if self.takes_bytes else unpacked(payload, self._lane))
        result = method(self, handle, *arguments)
        if isinstance(result, _Written):
            return result.text.encode()
        if isinstance(result, tuple):
            value, data = result
            return _dumped(value) + b"\n" + (b":" + data if self.takes_bytes else packed(data, self._lane))
        return _dumped(result)

    def close(self) -> None:
        """Close everything."""
        for handle in list(self._entries):
            self._close(handle)
        self._objects.clear()
        if self._lane is not None:
            self._lane.close()

    def _call(self, _: int, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if self._functions is None:
            raise FunctionError("AttributeError", "the host has no functions for this sandbox")
        return _Written(self._functions.call(name, arguments, keywords, self._is_stopped))


def broker_of(
    told: Mapping[str, Any], listener: Callable[[dict[str, Any]], object], functions: Functions | None = None
) -> Broker:
    """What answers a guest in a process of its own, from what that is told (`wenv.run.outside.RemoteOutside.order`)."""
    grants = Grants.parse(told["net"], told["listen"], told["bytes"])
    return Broker(
        grants,
        record=Record(listener if told["logged"] else None),
        lane=Lane(told["lane"]) if told["lane"] else None,
        functions=functions,
        vault=Vault.read(told["secrets"], grants),
        authority=told["authority"],
    )


#: What can be ordered.
_ORDERS: dict[str, Callable[..., Any]] = {
    name: getattr(Broker, f"_{name}")
    for name in (
        "socket", "pair", "close", "connect", "send", "recv", "bind", "listen", "accept", "shutdown", "name", "setoption",
        "getoption", "resolve", "poll", "context", "authorities", "ciphers", "wrap", "handshake", "read", "write", "unwrap",
        "pending", "certificate", "object", "step", "forget", "call",
    )
}  # fmt: skip


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
    kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
    return ["ValueError", None, f"{kind}{str(error)[:300]}"]


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()
