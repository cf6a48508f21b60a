"""Which paths a layer may hold: the same answer on every host, whatever its file system thinks of case or Unicode."""

import unicodedata
from collections.abc import Iterable

from wenv_cache.errors import UnsafePathError

#: Longest path in bytes; every file system of the supported hosts takes it below a store of ordinary depth.
LONGEST = 1024


def checked(path: str) -> str:
    """The path itself, if it is relative, normal, and can be written on every host; else raises UnsafePathError."""
    if not path or path.startswith("/"):
        raise UnsafePathError(path, "not a relative path")
    if "\\" in path or ":" in path:
        raise UnsafePathError(path, "a backslash or colon means something else on Windows")
    plain = path.isascii() and path.isprintable()
    if not plain and any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise UnsafePathError(path, "control characters")
    if len(path.encode()) > LONGEST:
        raise UnsafePathError(path[:80] + "…", f"longer than {LONGEST} bytes")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise UnsafePathError(path, f"has a part {part!r}")
        if part[-1] in " ." or len(part.encode()) > 255:
            raise UnsafePathError(path, "a name ends in a dot or space, or is longer than 255 bytes")
    return path


def check_collisions(paths: Iterable[str]) -> None:
    """Raises UnsafePathError if two paths, or their folders, would be one on a file system that folds case or Unicode."""
    spelled: dict[str, str] = {}
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        if path in files:
            raise UnsafePathError(path, "occurs twice")
        files.add(path)
        name = path
        while name:
            first = spelled.setdefault(_folded(name), name)
            if first != name:
                raise UnsafePathError(path, f"collides with {first!r} by case or Unicode form")
            name = name.rpartition("/")[0]
            if name in folders:
                break  # and so are the folders above it
            folders.add(name)
    for path in files & folders:
        raise UnsafePathError(path, "is a file and a folder")


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
