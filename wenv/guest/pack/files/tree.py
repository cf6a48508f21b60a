"""The one tree of files, where paths lead in it, and the platform's own functions."""

import errno
import os
import stat as modes
from typing import Any

from .nodes import LONGEST_NAME, WRITABLE, Description, Entry, Node, Place, failure


class Files:
    """The files in memory, the working folder in them, and what is open; `host` are the platform's own functions, by name."""

    def __init__(self) -> None:
        self.top = Node(folder=True, fixed=True)
        self.directory = "/"
        self.descriptions: dict[int, Description] = {}
        self.host: dict[str, Any] = {}


FILES = Files()


def add_archive(base: str, archive: memoryview, files: list[Entry]) -> None:
    """Show an archive's files below the folder `base`."""
    for path, offset, length, size in files:
        folder, _, name = f"{base}/{path}".rpartition("/")
        add_folder(folder)[name] = Node(fixed=True, packed=(archive, offset, length, size))


def add_folder(path: str) -> dict[str, Node]:
    """The entries of a folder that cannot be changed, made with those above it where it is not there."""
    assert FILES.top.entries is not None
    entries = FILES.top.entries
    for name in path.strip("/").split("/"):
        if name not in entries:
            entries[name] = Node(folder=True, fixed=True)
        below = entries[name].entries
        assert below is not None
        entries = below
    return entries


def begin() -> None:
    """Begin a run: an empty ``/tmp``, and a ``/dev`` with ``null``, unless the host grants folders of these names."""
    FILES.directory = "/"
    assert FILES.top.entries is not None
    for name in WRITABLE:
        try:
            FILES.host["stat"](f"/{name}")
            FILES.top.entries.pop(name, None)
        except OSError:
            FILES.top.entries[name] = folder = Node(folder=True)
            if name == "dev" and folder.entries is not None:
                folder.entries["null"] = null = Node()
                null.mode = modes.S_IFCHR | 0o666


def absolute(text: str) -> str:
    """A path from ``/``, without dots; there are no links that these could lead through."""
    if not text.startswith("/"):
        text = f"{FILES.directory}/{text}"
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def located(path: Any) -> Place | None:
    """Where a path leads; None if that is not in memory.  Raises OSError for a path that leads through a file."""
    text = os.fsdecode(path)
    if not text or "\0" in text:
        return None  # the platform's own function says what is wrong with it
    whole = absolute(text)
    if whole == "/":
        return Place(path, FILES.top, "", FILES.top)
    node: Node | None = FILES.top
    folder, name = FILES.top, ""
    for name in whole[1:].split("/"):
        if node is None:
            raise failure(errno.ENOENT, path)
        if node.entries is None:
            raise failure(errno.ENOTDIR, path)
        folder, node = node, node.entries.get(name)
        if node is None and folder is FILES.top:
            return None
        if node is None and len(os.fsencode(name)) > LONGEST_NAME:
            raise failure(errno.ENAMETOOLONG, path)
    if text.endswith("/") and node is not None and node.entries is None:
        raise failure(errno.ENOTDIR, path)
    return Place(path, folder, name, node)


def to_host(name: str, path: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call the platform's function; it knows nothing of the working folder that is kept here."""
    if FILES.directory == "/" or isinstance(path, int) or keywords.get("dir_fd") is not None:
        return FILES.host[name](path, *arguments, **keywords)
    text = os.fsdecode(path)
    whole = f"{FILES.directory}/{text}" if text and not text.startswith("/") else text
    try:
        return FILES.host[name](os.fsencode(whole) if isinstance(path, bytes) else whole, *arguments, **keywords)
    except OSError as error:
        error.filename = path
        raise
