"""Engines, and compiled components and modules kept in the store.

Native code that can be stopped from another thread looks at every turn of a loop whether it is to stop, which costs imports a
tenth of their time.  Only sandboxes that live in somebody's process need it: what a command runs is stopped by ending the
command.  So there are two engines, each with code of its own.

What was compiled is native code: it is taken from our own store only, and is valid for one version of wasmtime, one
configuration and one kind of processor, all of which are part of its key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import wasmtime
from wasmtime import _bindings  # the package has no names yet for the pool
from wasmtime import component as component_model

from wenv.derived_entries import COMPILED
from wenv.engine import door
from wenv.engine.compiled import FILE, Format, compiled_key
from wenv.errors import RuntimeBuildError
from wenv.launcher.c_api import STACK
from wenv_cache.store import Store

#: Sessions that may live at once in a process.
SESSIONS = 256
#: Bytes of a session's memory that stay with the process when it ends, to be reset for the next one by copying: each page that
#: is given back costs a fault when it is next touched, and a session touches 500 while it starts.
RESIDENT = 20 << 20
#: What the pool is laid out for, far above what any component needs; it is address space, not memory.
POOL = {
    "total_memories": SESSIONS,
    "total_stacks": 1,  # for calls that wait without a thread, of which there are none
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


@dataclass(frozen=True)
class Engine:
    """One configuration of wasmtime; sessions of a `stoppable` engine can be stopped from other threads."""

    kind: Format
    stoppable: bool

    @cached_property
    def wasmtime(self) -> wasmtime.Engine:
        """Sessions that can be stopped, of which there may be many, take their memory from a pool, where the system has the
        address space for one."""
        if self.stoppable:
            try:
                return wasmtime.Engine(_config(self, pooled=True))
            except wasmtime.WasmtimeError:
                pass
        return wasmtime.Engine(_config(self, pooled=False))

    @cached_property
    def linker(self) -> component_model.Linker:
        """What components import, linked once for all sessions."""
        linker = component_model.Linker(self.wasmtime)
        linker.add_wasip2()
        door.link(linker)
        return linker

    def stop(self) -> None:
        """Have all sessions look whether they are to stop; may be called from any thread."""
        if self.stoppable:
            self.wasmtime.increment_epoch()


@cache
def engine(kind: Format = Format.COMPONENT, *, stoppable: bool = False) -> Engine:
    """The process's engine of a kind."""
    return Engine(kind, stoppable)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A component or module, ready to instantiate in its engine; a module's fresh memory is given what `memory` holds."""

    engine: Engine
    program: component_model.Component | wasmtime.Module
    memory: Path | None = None


def _config(engine: Engine, *, pooled: bool) -> wasmtime.Config:
    config = wasmtime.Config()
    config.wasm_component_model = engine.kind is Format.COMPONENT
    config.wasm_exceptions = True  # C++ and setjmp
    config.epoch_interruption = engine.stoppable
    _bindings.wasmtime_config_async_stack_size_set(config.ptr(), STACK)  # not used here, but wasmtime wants it as large
    config.max_wasm_stack = STACK
    if pooled:
        pool = _bindings.wasmtime_pooling_allocation_config_new()
        for name, value in POOL.items():
            getattr(_bindings, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
        _bindings.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
        _bindings.wasmtime_pooling_allocation_config_delete(pool)
    return config


def compiled(
    store: Store,
    key: str,
    source: Callable[[], Path],
    announce: Callable[[], None],
    *,
    kind: Format = Format.COMPONENT,
    stoppable: bool = False,
) -> Compiled:
    """The component or module that is kept under `key`, ready to instantiate; compiled (a component in 5 to 9 s) and kept if
    this is the first time on this host.

    `source` returns the .wasm file and is called only then, `announce` just before.
    """
    chosen, derived = engine(kind, stoppable=stoppable), compiled_key(key, kind, stoppable=stoppable)
    made = component_model.Component if kind is Format.COMPONENT else wasmtime.Module

    def build(folder: Path) -> None:
        announce()
        path = source()
        try:
            (folder / FILE).write_bytes(made.from_file(chosen.wasmtime, str(path)).serialize())
        except wasmtime.WasmtimeError as error:
            raise RuntimeBuildError(f"{path} cannot be compiled: {error}", f"delete {path.parent}: it is made again") from error

    def loaded(folder: Path) -> Compiled:
        return Compiled(chosen, made.deserialize_file(chosen.wasmtime, str(folder / FILE)))

    folder = store.derive(COMPILED, derived, build)
    try:
        return loaded(folder)
    except wasmtime.WasmtimeError:
        # made on another processor that shares this store: what it may use is not known before it is tried
        store.discard(folder)
        return loaded(store.derive(COMPILED, derived, build))
