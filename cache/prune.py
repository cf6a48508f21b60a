"""Deletes what no manifest reaches."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cache.kinds import DECLARATIONS, Kind
from cache.store import Store


@dataclass(frozen=True, slots=True)
class Roots:
    """What must stay: digests of layers and documents, and ``name/key`` of derived entries."""

    layers: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    derived: frozenset[str] = frozenset()


@dataclass(slots=True)
class Pruned:
    """What was deleted, or would be: entries by kind, and bytes that this frees."""

    entries: dict[str, int] = field(default_factory=dict)
    size: int = 0


def prune(store: Store, roots: Roots, *, downloads: bool = False, dry_run: bool = False) -> Pruned:
    """Delete unreachable entries, and answers of indexes too if `downloads`; hold `Store.pruning`."""
    result = Pruned()
    kept = [
        store.blob(file.sha256, file.executable)
        for digest in roots.layers
        if store.has_layer(digest)
        for file in store.manifest(digest).files
    ]
    kept_blobs = {blob.name for blob in kept}
    counted = {(status.st_dev, status.st_ino) for status in (blob.stat() for blob in kept if blob.exists())}
    for kind, path in _unreachable(store, roots, kept_blobs, downloads):
        result.entries[kind] = result.entries.get(kind, 0) + 1
        for file in [path] if path.is_file() else path.rglob("*"):
            status = file.lstat()
            if file.is_file() and (inode := (status.st_dev, status.st_ino)) not in counted:
                counted.add(inode)
                # a content that a layer shares with its blob is gone with both: it is counted once, with the first
                result.size += status.st_size
        if not dry_run:
            store.discard(path)
    return result


def _unreachable(store: Store, roots: Roots, kept_blobs: set[str], downloads: bool) -> Iterator[tuple[Kind, Path]]:
    for record in store.folder(Kind.RECORDS).glob("*/*"):  # before the layers that they vouch for
        content = store.record(record.stem)
        if content is None or content.get("layer") not in roots.layers:
            yield Kind.RECORDS, record
    for layer in store.folder(Kind.LAYERS).glob("*/*"):
        if layer.name not in roots.layers:
            yield Kind.LAYERS, layer
    for blob in store.folder(Kind.BLOBS).glob("*/*"):
        if blob.name not in kept_blobs:
            yield Kind.BLOBS, blob
    for document in store.folder(Kind.DOCUMENTS).glob("*/*"):
        if document.name not in roots.documents:
            yield Kind.DOCUMENTS, document
    for derived in store.folder(Kind.DERIVED).glob("*/*"):
        if f"{derived.parent.name}/{derived.name}" not in roots.derived:
            yield Kind.DERIVED, derived
    for staged in store.folder(Kind.STAGING).glob("*"):
        yield Kind.STAGING, staged
    if downloads:
        for download in store.folder(Kind.DOWNLOADS).glob("*"):
            yield Kind.DOWNLOADS, download
    current = {declaration.folder for declaration in DECLARATIONS.values()}
    for folder in store.root.glob("*-v*"):
        kind = folder.name.rpartition("-v")[0]
        if folder.name not in current and kind in {kind.value for kind in Kind}:
            yield Kind(kind), folder
