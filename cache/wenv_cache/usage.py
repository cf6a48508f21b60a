"""Disk use of the store, counting what is shared once."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wenv_cache.kinds import DECLARATIONS, TABLE, Kind
from wenv_cache.store import Store


@dataclass(frozen=True, slots=True)
class Use:
    """Of one kind: how many entries, bytes on disk that no row above counts already, and whether it comes again if deleted."""

    kind: str
    entries: int
    size: int
    purpose: str
    purgeable: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """The rows, their sum in bytes, and how many bytes the layers would take more if nothing were shared."""

    rows: tuple[Use, ...]
    size: int
    saved: int


def usage(store: Store) -> Usage:
    """Measure the store.  Layers come first, so blobs count only what no layer holds."""
    seen: set[tuple[int, int]] = set()
    rows, saved = [], 0
    order = [Kind.LAYERS, *(d.kind for d in TABLE if d.kind is not Kind.LAYERS)]
    for kind in order:
        folder, declaration = store.folder(kind), DECLARATIONS[kind]
        if kind is Kind.DERIVED:
            for name in sorted(folder.glob("*")):
                size, _ = measure([name], seen)
                rows.append(
                    Use(f"{kind}/{name.name}", len(list(name.glob("*"))), size, declaration.purpose, declaration.purgeable)
                )
            continue
        size, repeated = measure([folder], seen)
        saved += repeated if kind is Kind.LAYERS else 0
        rows.append(Use(kind, len(list(folder.glob("*/*"))), size, declaration.purpose, declaration.purgeable))
    return Usage(tuple(rows), sum(row.size for row in rows), saved)


def measure(folders: Iterable[Path], seen: set[tuple[int, int]]) -> tuple[int, int]:
    """Bytes on disk of folders and files, and bytes met again (hard links to what is in `seen`, which grows)."""
    fresh = again = 0
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            size = getattr(status, "st_blocks", -1) * 512 if hasattr(status, "st_blocks") else status.st_size
            inode = (status.st_dev, status.st_ino)
            if inode in seen:
                again += size
            else:
                seen.add(inode)
                fresh += size
    return fresh, again
