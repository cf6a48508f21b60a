"""The engine: one configuration for everything that wenv runs, and compiled components kept in the store.

A compiled component is native code: it is taken from our own store only, and is valid for one version of wasmtime, one
configuration and one kind of processor, all of which are part of its key.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import wasmtime
from wasmtime import _bindings  # the package has no names yet for the pool
from wasmtime import component as component_model

from cache.store import Store
from wenv.host.compiled import COMPILED, compiled_key
from wenv.launcher.clibrary import STACK

#: Sessions that may live at once in a process.
SESSIONS = 256
#: Bytes of a session's memory that stay with the process when it ends, to be reset for the next one by copying: each page that
#: is given back costs a fault when it is next touched, and a session touches 500 while it starts.
RESIDENT = 12 << 20
#: What the pool is laid out for, far above what any component needs; it is address space, not memory.
POOL = {
    "total_memories": SESSIONS,
    "total_stacks": SESSIONS,
    "total_tables": SESSIONS * 8,
    "total_component_instances": SESSIONS,
    "total_core_instances": SESSIONS * 1000,
    "max_tables_per_module": 8,
    "max_tables_per_component": 1000,
    "max_memories_per_component": 1000,
    "table_elements": 1 << 20,
    "max_core_instance_size": 16 << 20,
    "max_component_instance_size": 16 << 20,
    "linear_memory_keep_resident": RESIDENT,
    "table_keep_resident": 1 << 20,
    "async_stack_keep_resident": 1 << 18,
}


@cache
def engine() -> wasmtime.Engine:
    """The process's engine; sessions take their memory from a pool, where the system has the address space for one."""
    try:
        return wasmtime.Engine(_config(pooled=True))
    except wasmtime.WasmtimeError:
        return wasmtime.Engine(_config(pooled=False))


def _config(*, pooled: bool) -> wasmtime.Config:
    config = wasmtime.Config()
    config.wasm_component_model = True
    config.epoch_interruption = True
    config.max_wasm_stack = STACK
    if pooled:
        pool = _bindings.wasmtime_pooling_allocation_config_new()
        for name, value in POOL.items():
            getattr(_bindings, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
        _bindings.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
        _bindings.wasmtime_pooling_allocation_config_delete(pool)
    return config


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
