"""Databases of SQLite's in folders that are shared with the host.

WASI has no locks that a program outside could see, and SQLite depends on them: two that write at once, or one that finds the
other's half-written journal, damage a file without a word.  So a database outside of the run's own folders is opened for
reading; for writing only if the run made it, or if the host holds a lock on it for the run (`wenv run --sqlite`).
"""

import os
import sys
from types import ModuleType
from typing import Any

from . import modes
from .memory_databases import connect_shared, has_shared_cache, is_shared_memory

#: Bytes of a database's header: where it says which version of the format is needed to read it, and which that is for WAL.
HEADER, READ_VERSION, WAL = 100, 19, b"\2"
#: Descriptors that are looked through for that of an empty database.
DESCRIPTORS = 256
#: Files beside a database in which there may be what it does not hold yet.
UNFINISHED = ("-journal", "-wal")

IS_WAL = (
    "{path} is in WAL mode, for which this platform lacks shared memory: open it with mode=ro, or change it outside of the"
    " sandbox by PRAGMA journal_mode=DELETE"
)
IS_SHARED = (
    "{path} is shared with the host, whose programs do not see this sandbox's locks: `wenv run --sqlite FILE` locks it for the"
    " run; to read it only, open file:NAME?mode=ro with uri=True"
)
IS_UNFINISHED = (
    "{path} says that a program outside of the sandbox writes to the database, or was cut off while it did: it cannot be read"
)

_shared: dict[str, bool] = {}
_locked: frozenset[str] = frozenset()
#: Databases that this run made.
_made: set[str] = set()


def set_run(shared: dict[str, bool], locked: list[str]) -> None:
    """Which folders a run shares, with whether they may be written, and which databases in them the host has locked for it."""
    global _locked
    _shared.clear()
    _shared.update(shared)
    _locked = frozenset(locked)
    _made.clear()


def adapt(module: ModuleType) -> None:
    """Have `sqlite3.connect` look where a database is."""
    connect_at, error = module.connect, module.OperationalError

    def connect_plain(database: Any, *arguments: Any, **keywords: Any) -> Any:
        connection = connect_at(database, *arguments, **keywords)
        _leave_end(path_and_query(database, is_address=bool(keywords.get("uri")))[0])
        return connection

    def connect(database: Any, *arguments: Any, **keywords: Any) -> Any:
        text, query = path_and_query(database, is_address=bool(keywords.get("uri")))
        options = options_in(query)
        if is_shared_memory(text, options) and not has_shared_cache(connect_at):
            return connect_shared(module, connect_plain, text, arguments, keywords)
        path = os.path.abspath(text)
        folder = modes.folder_around(path, _shared)
        is_decided = "vfs" in options or "nolock" in options or "immutable" in options or options.get("mode") == "memory"
        if folder is None or text in ("", ":memory:") or is_decided:
            return connect_plain(database, *arguments, **keywords)
        try:
            with open(path, "rb") as file:
                header = file.read(HEADER)
        except OSError:  # SQLite says what is wrong, if it is not to be made
            if _shared[folder] and options.get("mode", "rwc") == "rwc" and not os.path.lexists(path):
                _made.add(path)
            return connect_plain(database, *arguments, **keywords)
        is_wal = header[READ_VERSION : READ_VERSION + 1] == WAL
        if _shared[folder] and options.get("mode") != "ro":
            if is_wal:
                raise error(IS_WAL.format(path=path))
            if not header:
                _made.add(path)
            if path not in _made and path not in _locked:
                raise error(IS_SHARED.format(path=path))
            return connect_plain(database, *arguments, **keywords)
        unfinished = [path + end for end in UNFINISHED if _size(path + end)]
        if unfinished and path not in _locked:
            raise error(IS_UNFINISHED.format(path=unfinished[0]))
        keywords["uri"] = True
        if is_wal:
            path = _readable_copy(path)
        return connect_plain(f"file:{_quoted(path)}?immutable=1", *arguments, **keywords)

    for where in (module, sys.modules.get("sqlite3")):
        if where is not None:
            vars(where).update(connect=connect)


def _leave_end(path: str) -> None:
    """Have SQLite read an empty database anew: it has looked for a header, and its descriptor stays at the end that it met."""
    try:
        found = os.stat(path) if path and path != ":memory:" else None
    except OSError:
        return
    if found is None or found.st_size:
        return
    for descriptor in range(3, DESCRIPTORS):
        try:
            its = os.fstat(descriptor)
            if (its.st_dev, its.st_ino) == (found.st_dev, found.st_ino):
                os.lseek(descriptor, 1, os.SEEK_SET)
        except OSError:
            continue


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _readable_copy(path: str) -> str:
    """A copy of a database in WAL mode that says of itself that it is not: this SQLite was made without WAL."""
    import shutil
    import tempfile

    copy = os.path.join(tempfile.mkdtemp(), os.path.basename(path))
    shutil.copyfile(path, copy)
    with open(copy, "r+b") as file:
        file.seek(READ_VERSION - 1)
        file.write(b"\1\1")
    return copy


def path_and_query(database: Any, *, is_address: bool) -> tuple[str, str]:
    """Where a database is to be, and what an address (``file:PATH?QUERY``) asks besides."""
    text = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
    if not is_address or not text.startswith("file:"):
        return text, ""
    path, _, query = text[5:].partition("?")
    path = path.removeprefix("//localhost").removeprefix("//")
    if "%" in path:
        from urllib.parse import unquote

        path = unquote(path)
    return path, query


def options_in(query: str) -> dict[str, str]:
    """The options of an address."""
    return dict(option.partition("=")[::2] for option in query.split("&"))


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
