"""Instances, and how the code in wenv/guest is called in each of the two kinds."""

from typing import Protocol

import wasmtime
from wasmtime import component as component_model

from wenv.engine.deep import deeply
from wenv.engine.door import Door, serve
from wenv.engine.engine import Compiled
from wenv.engine.module import ModuleGuest
from wenv.launcher.c_api import INTERFACE


class Guest(Protocol):
    """An instance."""

    def main(self, request: str) -> int:
        """Run the program that a request names; returns its exit status."""

    def call(self, name: str, argument: str) -> tuple[bool, str]:
        """Call a service: (True, its result as JSON), or (False, a traceback)."""

    def interrupt(self) -> bool:
        """See `wenv.engine.session.Session.interrupt`."""


def guest_of(compiled: Compiled, store: wasmtime.Store, door: Door | None = None) -> Guest:
    """A new instance, whose orders are answered by `door`."""
    if isinstance(compiled.program, wasmtime.Module):
        return ModuleGuest(compiled, store, door)
    if door is not None:
        serve(store, door)
    return ComponentGuest(compiled, store)


class ComponentGuest:
    """A component that exports wenv's own interface (wenv/guest/wit)."""

    def __init__(self, compiled: Compiled, store: wasmtime.Store) -> None:
        assert isinstance(compiled.program, component_model.Component)
        self._store, program = store, compiled.program
        instance = deeply(lambda: compiled.engine.linker.instantiate(store, program))
        interface = instance.get_export_index(store, INTERFACE.decode())

        def exported(name: str) -> component_model.Func:
            index = instance.get_export_index(store, name, interface)
            function = instance.get_func(store, index) if index is not None else None
            assert function is not None, f"the component does not export {name}"
            return function

        self._main, self._call = exported("main"), exported("call")

    def main(self, request: str) -> int:
        status: int = deeply(lambda: self._main(self._store, request))
        return status

    def call(self, name: str, argument: str) -> tuple[bool, str]:
        reply = deeply(lambda: self._call(self._store, name, argument))
        return reply.ok, reply.value

    def interrupt(self) -> bool:
        return False
