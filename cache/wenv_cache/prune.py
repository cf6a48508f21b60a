"""Deletes what no manifest reaches: what depends on other entries before these, so that nothing vouches for what is gone."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from wenv_cache.kinds import DECLARATIONS, TABLE, Kind
from wenv_cache.store import GRACE, Store


@dataclass(frozen=True, slots=True)
class Roots:
    """What must stay: digests of layers and documents, and ``name/key`` of derived entries."""

    layers: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    derived: frozenset[str] = frozenset()


@dataclass(slots=True)
class Pruned:
    """What was deleted, or would be: entries by kind, and bytes that this frees; `left` counts those that were too young."""

    entries: dict[str, int] = field(default_factory=dict)
    size: int = 0
    left: int = 0


def prune(store: Store, roots: Roots, *, alone: bool, downloads: bool = False, dry_run: bool = False) -> Pruned:
    """Delete unreachable entries, with `downloads` also answers of indexes, logs and what compilers keep.

    Hold `Store.pruning`, which says whether it is `alone`; if it is not, entries younger than `GRACE` stay.  Raises
    CorruptEntryError if a layer that must stay has no readable manifest.
    """
    result = Pruned()
    kept = [
        store.blob(file.sha256, file.executable)
        for digest in roots.layers
        if store.has_layer(digest)
        for file in store.manifest(digest).files
    ]
    counted = {(status.st_dev, status.st_ino) for status in (blob.stat() for blob in kept if blob.exists())}
    kept_blobs = {blob.name for blob in kept}
    for kind in _dependents_first():
        for path in sorted(_unreachable(store, kind, roots, kept_blobs, downloads)):
            if not alone and (kind is Kind.STAGING or _is_young(path)):
                result.left += 1
                continue
            result.entries[kind] = result.entries.get(kind, 0) + 1
            result.size += _freed(path, counted)
            if not dry_run:
                store.discard(path)
    if alone and not dry_run:
        store.forget_locks()
    return result


def _is_young(path: Path) -> bool:
    """Whether an entry was made or used by somebody who adds entries not long ago; also if the clock says it will be."""
    try:
        status = path.lstat()
    except OSError:
        return True
    return max(status.st_mtime, status.st_ctime) > time.time() - GRACE


def _dependents_first() -> list[Kind]:
    graph = {declaration.kind: declaration.depends_on for declaration in TABLE}
    return list(TopologicalSorter(graph).static_order())[::-1]


def _unreachable(store: Store, kind: Kind, roots: Roots, kept_blobs: set[str], downloads: bool) -> Iterator[Path]:
    folder = store.folder(kind)
    match kind:
        case Kind.RECORDS:
            for path in folder.glob("*/*"):
                content = store.record(path.stem)
                if content is None or (content.get("layer") not in roots.layers and content.get("entry") not in roots.derived):
                    yield path
        case Kind.DERIVED:
            yield from (path for path in folder.glob("*/*") if f"{path.parent.name}/{path.name}" not in roots.derived)
        case Kind.LAYERS:
            yield from (path for path in folder.glob("*/*") if path.name not in roots.layers)
        case Kind.BLOBS:
            yield from (path for path in folder.glob("*/*") if path.name not in kept_blobs)
        case Kind.DOCUMENTS:
            yield from (path for path in folder.glob("*/*") if path.name not in roots.documents)
        case Kind.STAGING:
            yield from folder.glob("*")
        case Kind.DOWNLOADS | Kind.LOGS | Kind.TOOLS if downloads:
            yield from folder.glob("*")
        case _:
            pass
    current = DECLARATIONS[kind].folder
    yield from (other for other in store.root.glob(f"{kind}-v*") if other.name != current)


def _freed(path: Path, counted: set[tuple[int, int]]) -> int:
    """Bytes that are gone with `path`; contents in `counted`, which grows, are held or were counted elsewhere."""
    size = 0
    files: Iterable[Path] = [path] if path.is_file() else path.rglob("*")
    for file in files:
        status = file.lstat()
        inode = (status.st_dev, status.st_ino)
        if file.is_file() and inode not in counted:
            counted.add(inode)
            size += status.st_size
    return size
