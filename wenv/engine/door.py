"""The one function of the host's that components import: orders of sandboxes, each answered by what its session has for it."""

import ctypes
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import wasmtime
from wasmtime import component as component_model

from wenv.launcher.c_api import ASK, CHILD_ORDER, HOST_INTERFACE, REFUSED

if TYPE_CHECKING:
    from wenv.launcher.children import Children
    from wenv.network.broker import Broker


class Door:
    """What answers the orders of one sandbox: those of programs that it starts `children`, all others `broker`."""

    def __init__(self, broker: "Broker | None", children: "Children | None") -> None:
        self._broker, self._children = broker, children

    def take_bytes(self) -> None:
        """Say that the guest's door takes bytes."""
        for each in (self._broker, self._children):
            if each is not None:
                each.takes_bytes = True

    def ask(self, order: bytes) -> bytes:
        """The answer to an order."""
        if self._children is not None and order.startswith(CHILD_ORDER):
            return self._children.ask(order)
        return REFUSED if self._broker is None else self._broker.ask(order)

    def close(self) -> None:
        """Close what is open, and end what was started."""
        for each in (self._broker, self._children):
            if each is not None:
                each.close()


#: By the address of a session's store.
_doors: "WeakValueDictionary[int, Door]" = WeakValueDictionary()


def link(linker: component_model.Linker) -> None:
    """Define it, once for all sessions of a linker."""
    with linker.root() as root, root.add_instance(HOST_INTERFACE.decode()) as instance:
        instance.add_func(ASK.decode(), _ask)


def serve(store: wasmtime.Store, door: Door) -> None:
    """Have the orders of a session answered as long as the door is there."""
    _doors[_address(store)] = door


def _ask(store: Any, order: str) -> str:
    door = _doors.get(_address(store))
    return (REFUSED if door is None else door.ask(order.encode())).decode()


def _address(store: Any) -> int:
    return ctypes.cast(store._context(), ctypes.c_void_p).value or 0
