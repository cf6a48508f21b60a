"""Runtimes: CPythons built for WASI, each described by one module."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wenv.engine.compiled import Executable
from wenv.environment.kinds import Kind
from wenv.environment.manifest import NativeLayer
from wenv.errors import WenvError
from wenv.runtimes.contents import Contents
from wenv_cache.store import Store
from wenv_resolver.progress import Progress
from wenv_resolver.target import Target

if TYPE_CHECKING:
    from wenv.engine.engine import Compiled
    from wenv.guest.pack.archive import Pack
    from wenv.guest.request import Service
    from wenv.policy.mounts import Mount


@dataclass(frozen=True, slots=True)
class Baking:
    """What to save in a component's memory: `modules` imported from a snapshot whose image lies in `image`.

    `variables` are the environment variables that these look at, None for one that is not set.  `trees` are the snapshot's
    layers by the name of the guest folder they are mounted at.
    """

    image_key: str
    image: Path
    trees: Mapping[str, Path]
    modules: tuple[str, ...]
    variables: tuple[tuple[str, str | None], ...]
    stubs: tuple[str, ...]

    @property
    def key(self) -> str:
        """Digest of all of it."""
        return hashlib.sha256(json.dumps([self.image_key, self.modules, self.variables, self.stubs]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Packing:
    """What a packed component holds besides: `archives` by their name in wenv/guest/pack/archive.py, and its order there."""

    archives: Mapping[str, Path]
    order: "Pack"


class Linker(Protocol):
    """What a runtime can do into which extension modules are linked."""

    def build_variables(self, progress: Progress) -> Mapping[str, object]:
        """The configuration that CPython says of itself (sysconfig), for building extension modules."""


class Packer(Protocol):
    """What a runtime can do that is one WebAssembly component of its own."""

    def component_file(self, progress: Progress) -> Path:
        """The component without extension modules, as WebAssembly."""

    def pack(
        self, output: Path, natives: tuple[NativeLayer, ...], baking: Baking, packing: Packing, progress: Progress
    ) -> None:
        """Write a component that holds all its files and runs without a host of wenv's."""


class Runtime(Protocol):
    """A CPython for WASI, kept in a store.

    There is one component for each set of layers with extension modules (`natives`, in any order) and what is baked into it.

    What not every runtime can do is a capability: `linker` and `packer` are None where it cannot, and `contents` is empty where
    it holds nothing.  Whatever depends on a runtime asks these, never its kind.

    The methods may do work the first time (seconds), which is announced through `progress` and kept; `prepare` does all of it.
    """

    store: Store
    kind: Kind
    name: str
    """For people: ``CPython 3.14``."""
    identity: str
    """What it comes from, with its version: ``componentize-py 0.25.1``."""
    forks_memory: bool
    """Whether a baked start is a copy of a memory that has run before: modules are then renewed (wenv/guest/bake)."""

    linker: Linker | None
    """What links extension modules into it."""
    packer: Packer | None
    """What packs it and a program into one component."""

    @property
    def contents(self) -> Contents:
        """The packages that it holds itself, in the layer of the standard library."""

    def is_prepared(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> bool:
        """Whether `prepare` and `component` would have nothing to do."""

    def prepare(self, progress: Progress) -> None:
        """Make everything that a run without extension modules needs."""

    def target(self, progress: Progress) -> Target:
        """What wheels must be made for, read from the guest itself."""

    def standard_library(self, progress: Progress) -> str:
        """Digest of the layer that holds the standard library."""

    def component(
        self,
        progress: Progress,
        natives: tuple[NativeLayer, ...] = (),
        baking: Baking | None = None,
        *,
        stoppable: bool = False,
    ) -> "Compiled":
        """The component, ready to instantiate.  Raises LinkError for extension modules that cannot be linked.

        `baking` must be what `wenv.bake` found to be fit for it.  What a `stoppable` one runs can be stopped and leave
        the process as it was; it is somewhat slower.
        """

    def executable(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> Executable:
        """The files behind `component`, whether they are there or not."""

    def call(self, service: "Service", argument: object, mounts: "Sequence[Mount]", progress: Progress) -> Any:
        """Call one of the guest's services (wenv/guest/entry/services.py) in a sandbox of its own that sees `mounts`."""

    def code_archive(self, layer: str, guest_base: str, progress: Progress) -> Path:
        """The folder with a layer's compiled code, for a layer mounted at `guest_base`."""

    def has_code_archive(self, layer: str, guest_base: str) -> bool:
        """Whether `code_archive` would have nothing to do."""

    def code_entry(self, layer: str, guest_base: str) -> str:
        """The store's entry behind `code_archive`, as ``name/key``."""

    def layers(self) -> frozenset[str]:
        """Digests of the layers that the runtime itself needs, as far as they have been made."""

    def derived_entries(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> frozenset[str]:
        """The store's entries that the runtime needs for `component`, as ``name/key``."""


def linker_of(runtime: Runtime) -> Linker:
    """What builds extension modules for a runtime; raises WenvError where nothing does."""
    if runtime.linker is None:
        raise WenvError(f"nothing can be built for {runtime.name}", "--runtime default builds extension modules")
    return runtime.linker


def packer_of(runtime: Runtime) -> Packer:
    """What packs an environment of a runtime; raises WenvError where nothing does."""
    if runtime.packer is None:
        raise WenvError(
            f"{runtime.name} cannot be packed or taken along: it is no component",
            "`wenv export` without --with-runtime writes the environment to a file for other hosts",
        )
    return runtime.packer


def default_runtime(store: Store) -> Runtime:
    """The runtime that environments get when nothing else is asked for."""
    return runtime_of(store, Kind.DEFAULT)


def runtime_of(store: Store, kind: Kind) -> Runtime:
    """The runtime of a kind.  This is the only place that knows what a kind stands for."""
    if kind is Kind.DEFAULT:
        from wenv.runtimes.default import ComponentizeRuntime

        return ComponentizeRuntime(store)
    from wenv.runtimes.scientific import ScientificRuntime

    return ScientificRuntime(store)
