"""What a component compiles to, by name: for those who only ask whether it is there.  Imports nothing of wasmtime."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from cache.store import Store
from wenv.launcher.clibrary import STACK

COMPILED, FILE = "compiled", "component.cwasm"
#: What of the engine's configuration native code depends on (wenv/host/engine.py sets it).
CONFIGURATION = f"component-model max-wasm-stack={STACK}"
STOPPABLE = f"{CONFIGURATION} epoch-interruption"


def compiled_key(component_key: str, *, stoppable: bool = False) -> str:
    """Key of what a component compiles to on this host."""
    configuration = STOPPABLE if stoppable else CONFIGURATION
    parts = (component_key, version("wasmtime"), configuration, platform.machine(), platform.processor(), platform.system())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def compiled_file(store: Store, component_key: str) -> Path:
    """Where the compiled component lies, whether it is there or not."""
    return store.derived_folder(COMPILED, compiled_key(component_key)) / FILE


def is_compiled(store: Store, component_key: str) -> bool:
    """Whether compiling would have nothing to do."""
    return compiled_file(store, component_key).is_file()
