"""What WebAssembly compiles to, by name: for those who only ask whether it is there.  Imports nothing of wasmtime."""

import hashlib
import platform
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from wenv.derived_entries import COMPILED
from wenv.launcher.c_api import STACK
from wenv_cache.store import Store

FILE = "component.cwasm"


class Format(StrEnum):
    """The two things that wasmtime compiles."""

    COMPONENT = "component"
    MODULE = "module"


#: What of the engine's configuration native code depends on (wenv/engine/engine.py sets it).
FEATURES = {Format.COMPONENT: "component-model exceptions", Format.MODULE: "exceptions"}


def compiled_key(key: str, kind: Format = Format.COMPONENT, *, stoppable: bool = False) -> str:
    """Key of what a component or module that is kept under `key` compiles to on this host."""
    configuration = f"{FEATURES[kind]} max-wasm-stack={STACK}" + " epoch-interruption" * stoppable
    parts = (key, version("wasmtime"), configuration, platform.machine(), platform.processor(), platform.system())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def compiled_file(store: Store, key: str, kind: Format = Format.COMPONENT) -> Path:
    """Where the native code lies, whether it is there or not."""
    return store.derived_folder(COMPILED, compiled_key(key, kind)) / FILE


@dataclass(frozen=True, slots=True)
class Executable:
    """What a run loads: native code for this host, and for a module the image that its memory starts from."""

    code: Path
    memory: Path | None = None

    @property
    def is_there(self) -> bool:
        """Whether it has been made."""
        return self.code.is_file() and (self.memory is None or self.memory.is_file())
