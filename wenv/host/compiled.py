"""What a component compiles to, by name: for those who only ask whether it is there.  Imports nothing of wasmtime."""

import hashlib
import platform
from importlib.metadata import version

from cache.store import Store

COMPILED = "compiled"
#: Bytes of stack for WebAssembly code.  wasmtime aborts the process unless this stays below its 2 MiB fibre stack.
STACK = (2 << 20) - (64 << 10)
#: What of the engine's configuration native code depends on (wenv/host/engine.py sets it).
CONFIGURATION = f"component-model epoch-interruption max-wasm-stack={STACK}"


def compiled_key(component_key: str) -> str:
    """Key of what a component compiles to on this host."""
    parts = (component_key, version("wasmtime"), CONFIGURATION, platform.machine(), platform.processor(), platform.system())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_compiled(store: Store, component_key: str) -> bool:
    """Whether compiling would have nothing to do."""
    return store.derived_folder(COMPILED, compiled_key(component_key)).is_dir()
