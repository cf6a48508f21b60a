"""The engine: one configuration for everything that wenv runs, and compiled components kept in the store.

A compiled component is native code: it is taken from our own store only, and is valid for one version of wasmtime, one
configuration and one kind of processor, all of which are part of its key.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import wasmtime
from wasmtime import component as component_model

from cache.store import Store
from wenv.host.compiled import COMPILED, compiled_key
from wenv.launcher.clibrary import STACK


@cache
def engine() -> wasmtime.Engine:
    """The process's engine."""
    config = wasmtime.Config()
    config.wasm_component_model = True
    config.epoch_interruption = True
    config.max_wasm_stack = STACK
    return wasmtime.Engine(config)


def compiled(
    store: Store, component_key: str, component: Callable[[], Path], announce: Callable[[], None] = lambda: None
) -> component_model.Component:
    """The component, ready to instantiate; compiled (5 to 9 s) and kept if this is the first time on this host.

    `component` returns the .wasm file and is called only then, `announce` just before.
    """

    def build(folder: Path) -> None:
        announce()
        (folder / "component.cwasm").write_bytes(component_model.Component.from_file(engine(), str(component())).serialize())

    folder = store.derive(COMPILED, compiled_key(component_key), build)
    try:
        return component_model.Component.deserialize_file(engine(), str(folder / "component.cwasm"))
    except wasmtime.WasmtimeError:
        # made on another processor that shares this store: what it may use is not known before it is tried
        store.discard(folder)
        folder = store.derive(COMPILED, compiled_key(component_key), build)
        return component_model.Component.deserialize_file(engine(), str(folder / "component.cwasm"))
