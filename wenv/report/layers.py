"""What is told of layers, of the disk and of code."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wenv.bake.baking import baking_of
from wenv.environment.known import all_folders
from wenv.environment.manifest import Environment, load
from wenv.locations import STANDARD_LIBRARY
from wenv.report.packages import kind_of
from wenv.runtimes import Runtime
from wenv_cache.errors import UserError
from wenv_cache.kinds import Kind
from wenv_cache.store import Store
from wenv_resolver.layout import SITE_PACKAGES


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer of a snapshot; `size` in bytes, `shared_by` counts the other environments that have it.

    `kind` is ``standard library``, or what `PackageReport` says.
    """

    title: str
    kind: str
    digest: str
    files: int
    size: int
    shared_by: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def _counts(environments: Iterable[Environment]) -> Counter[str]:
    """How many environments have each layer."""
    return Counter(layer for environment in environments for layer in environment.layers)


def layer_reports(store: Store, environment: Environment) -> list[LayerReport]:
    """The layers of an environment's snapshot, lowest first.  Raises MissingEntryError for one that is not in the store."""
    others = []
    for folder in all_folders():
        with suppress(UserError):
            others.append(load(folder))
    counts = _counts(others)

    def report(title: str, kind: str, digest: str) -> LayerReport:
        manifest = store.manifest(digest)
        return LayerReport(title, kind, digest, len(manifest.files), manifest.size, max(0, counts[digest] - 1))

    library = environment.runtime.standard_library
    return [
        report(environment.runtime.name, "standard library", library),
        *(report(f"{package.name} {package.version}", kind_of(package), package.digest) for package in environment.packages),
    ]


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes that an environment takes in the store, by kind; others may use the same."""

    kind: str
    size: int


def disk_use(runtime: Runtime, environment: Environment) -> list[DiskUse]:
    """What an environment needs on disk.  What is not there counts as nothing."""
    store, library = runtime.store, environment.runtime.standard_library
    bases = {library: str(STANDARD_LIBRARY), **{package.digest: str(package.guest_base) for package in environment.packages}}

    def files(layers: Iterable[str]) -> int:
        return sum(store.manifest(layer).size for layer in layers if store.has_layer(layer))

    baking = baking_of(runtime, environment)
    baked = runtime.executable(environment.natives, baking) if baking is not None else None
    code = [store.folder(Kind.DERIVED) / runtime.code_entry(layer, base) for layer, base in bases.items()]
    return [
        DiskUse("packages", files(package.digest for package in environment.packages)),
        DiskUse("standard library", files([library])),
        DiskUse("compiled code", sum(_size(folder) for folder in code)),
        DiskUse("interpreter", _size(runtime.executable(environment.natives).code)),
        DiskUse("baked", _size(baked.memory or baked.code) if baked is not None else 0),
    ]


@dataclass(frozen=True, slots=True)
class CodeReport:
    """The compiled code of one layer: how many modules, their bytes, and which of those that were baked come from it."""

    title: str
    modules: int
    size: int
    baked: tuple[str, ...]


def code_reports(runtime: Runtime, environment: Environment) -> list[CodeReport]:
    """The compiled code of an environment, the largest first.  Raises MissingEntryError."""
    store, library = runtime.store, environment.runtime.standard_library
    layers = [(environment.runtime.name, library, str(STANDARD_LIBRARY), "")]
    layers += [(p.name, p.digest, str(p.guest_base), f"{SITE_PACKAGES}/") for p in environment.packages]
    found = []
    for title, layer, base, below in layers:
        sources = [file.path for file in store.manifest(layer).files if file.path.endswith((".py", ".pyc"))]
        stems = (path.removeprefix(below).rpartition(".")[0] for path in sources)
        names = {stem.removesuffix("/__init__").replace("/", ".") for stem in stems}
        size = _size(store.folder(Kind.DERIVED) / runtime.code_entry(layer, base))
        baked = tuple(module for module in environment.baked.modules if module in names)
        found.append(CodeReport(title, len(sources), size, baked))
    return sorted(found, key=lambda report: (not report.baked, -report.size))


def _size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    try:
        return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.iterdir())
    except OSError:
        return 0
