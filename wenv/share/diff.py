"""What differs between two environments, wherever they are: packages, layers, files and their sizes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wenv.environment import find
from wenv.environment.manifest import PackageLayer, RuntimeRecord
from wenv.share.artifact import SUFFIX
from wenv.share.incoming import Arrived, open_file
from wenv.share.receive import take_layers
from wenv_cache.manifest import File
from wenv_cache.store import Store, Writing
from wenv_resolver.progress import Progress


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its layers are in the store."""

    label: str
    snapshot: str
    runtime: RuntimeRecord
    packages: tuple[PackageLayer, ...]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of a package that differs; sizes in bytes, None where it is not there."""

    path: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package that differs: ``added``, ``removed``, ``changed``, or ``rebuilt`` if only its layer does; sizes in bytes."""

    name: str
    change: str
    before: str | None
    after: str | None
    layer_before: str | None
    layer_after: str | None
    size_before: int
    size_after: int
    files: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """From one environment to another; `shared` counts the layers that both have, sizes are bytes of all packages' files."""

    before: str
    after: str
    snapshots: tuple[str, str]
    runtimes: tuple[str, str]
    packages: tuple[PackageChange, ...]
    shared: int
    size_before: int
    size_after: int

    @property
    def is_empty(self) -> bool:
        """Whether both have the same layers."""
        return self.snapshots[0] == self.snapshots[1]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@contextmanager
def side(writing: Writing, text: str, progress: Progress, *, plain_http: bool = False) -> Iterator[Side]:
    """What a word on the command line means: a ``.wenv`` file, a folder, a named environment, or an address in a registry.

    Layers that are not in the store are fetched into it.
    """
    path = Path(text)
    if text.endswith(SUFFIX) and not path.is_dir():
        with open_file(path) as source:
            yield _arrived(writing, source, progress)
        return
    if path.is_dir():
        found = find.find(path=path)
    else:
        from wenv.share.registry import Reference, Registry, is_reference

        if is_reference(text):
            registry = Registry(Reference.parse(text), plain_http=plain_http)
            yield _arrived(writing, registry.environment(*registry.manifest()), progress)
            return
        found = find.find(name=text)
    yield Side(found.label, found.snapshot, found.runtime, found.packages)


def _arrived(writing: Writing, source: Arrived, progress: Progress) -> Side:
    take_layers(writing, source, progress)
    configuration = source.configuration
    return Side(source.label, configuration.snapshot, configuration.runtime, configuration.packages)


def difference(store: Store, before: Side, after: Side) -> Difference:
    """Compare; raises MissingEntryError for layers that are not in the store."""
    old, new = ({package.name: package for package in side.packages} for side in (before, after))
    changes = []
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one is not None and other is not None and one.digest == other.digest:
            continue
        changes.append(_change(store, name, one, other))
    layers = [{package.digest for package in side.packages} for side in (before, after)]
    sizes = [sum(store.manifest(package.digest).size for package in side.packages) for side in (before, after)]
    runtimes = (before.runtime.identity, after.runtime.identity)
    snapshots = (before.snapshot, after.snapshot)
    shared = len(layers[0] & layers[1])
    return Difference(before.label, after.label, snapshots, runtimes, tuple(changes), shared, sizes[0], sizes[1])


def _change(store: Store, name: str, one: PackageLayer | None, other: PackageLayer | None) -> PackageChange:
    old, new = _files(store, one), _files(store, other)
    if one is None or other is None:
        kind = "added" if one is None else "removed"
    else:
        kind = "rebuilt" if one.version == other.version else "changed"
    differing = [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]
    files = tuple(FileChange(path, _size(old.get(path)), _size(new.get(path))) for path in differing)
    return PackageChange(
        name,
        kind,
        one.version if one else None,
        other.version if other else None,
        one.digest if one else None,
        other.digest if other else None,
        sum(file.size for file in old.values()),
        sum(file.size for file in new.values()),
        files,
    )


def _files(store: Store, package: PackageLayer | None) -> dict[str, File]:
    return {file.path: file for file in store.manifest(package.digest).files} if package else {}


def _size(file: File | None) -> int | None:
    return file.size if file else None
