"""Runtimes: CPythons built for WASI, each described by one module."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cache.store import Store
from resolver.progress import Progress
from resolver.target import Target

if TYPE_CHECKING:
    from wasmtime.component import Component


class Runtime(Protocol):
    """A CPython for WASI, kept in a store.

    Everything here but `name` and `identity` may do work the first time (seconds), which is announced through `progress` and
    kept; `prepare` does all of it.
    """

    store: Store
    name: str
    """For people: ``CPython 3.14``."""
    identity: str
    """What it comes from, with its version: ``componentize-py 0.25.1``."""

    def is_prepared(self) -> bool:
        """Whether `prepare` would have nothing to do."""

    def prepare(self, progress: Progress) -> None:
        """Make everything that a run needs, so that the first run is as quick as the next."""

    def target(self, progress: Progress) -> Target:
        """What wheels must be made for, read from the guest itself."""

    def standard_library(self, progress: Progress) -> str:
        """Digest of the layer that holds the standard library."""

    def component(self, progress: Progress) -> "Component":
        """The component, ready to instantiate."""

    def code_archive(self, layer: str, guest_base: str, progress: Progress) -> Path:
        """The folder with a layer's compiled code, for a layer mounted at `guest_base`."""

    def has_code_archive(self, layer: str, guest_base: str) -> bool:
        """Whether `code_archive` would have nothing to do."""

    def code_entry(self, layer: str, guest_base: str) -> str:
        """The store's entry behind `code_archive`, as ``name/key``."""

    def layers(self) -> frozenset[str]:
        """Digests of the layers that the runtime itself needs, as far as they have been made."""

    def derived_entries(self) -> frozenset[str]:
        """The store's entries that the runtime itself needs, as ``name/key``."""


def default_runtime(store: Store) -> Runtime:
    """The runtime that environments get when nothing else is asked for."""
    from wenv.runtimes.componentize import ComponentizeRuntime

    return ComponentizeRuntime(store)
