"""The one function of the host's that components import: orders of sandboxes, each answered by what its session has for it."""

import ctypes
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import wasmtime
from wasmtime import component as component_model

from wenv.launcher.c_api import ASK, HOST_INTERFACE, REFUSED

if TYPE_CHECKING:
    from wenv.network.broker import Broker

#: By the address of a session's store.
_brokers: "WeakValueDictionary[int, Broker]" = WeakValueDictionary()


def link(linker: component_model.Linker) -> None:
    """Define it, once for all sessions of a linker."""
    with linker.root() as root, root.add_instance(HOST_INTERFACE.decode()) as instance:
        instance.add_func(ASK.decode(), _ask)


def serve(store: wasmtime.Store, broker: "Broker") -> None:
    """Have the orders of a session answered as long as the broker is there."""
    _brokers[_address(store)] = broker


def _ask(store: Any, order: str) -> str:
    broker = _brokers.get(_address(store))
    return REFUSED.decode() if broker is None else broker.ask(order.encode()).decode()


def _address(store: Any) -> int:
    return ctypes.cast(store._context(), ctypes.c_void_p).value or 0
