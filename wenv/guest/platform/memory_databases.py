"""Databases in memory that several connections share (``file:NAME?mode=memory&cache=shared``).

The default runtime's SQLite was made without a shared cache: each connection would get a database of its own, without a word.
Here such a database is a file in the run's own ``/tmp``, which is deleted when the last of its connections is closed.
"""

import hashlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

#: The place of `factory` among the positional arguments after the database.
FACTORY = 4

#: The files, and how many connections each has.
_connections: dict[str, int] = {}
_classes: dict[tuple[type, str], type] = {}
_answers: list[bool] = []


def is_shared_memory(path: str, options: dict[str, str]) -> bool:
    """Whether an address names a database in memory for several connections."""
    return options.get("cache") == "shared" and (options.get("mode") == "memory" or path == ":memory:")


def has_shared_cache(connect: Callable[..., Any]) -> bool:
    """Whether SQLite itself can share them."""
    if not _answers:
        connection = connect(":memory:")
        _answers.append(("OMIT_SHARED_CACHE",) not in connection.execute("pragma compile_options").fetchall())
        connection.close()
    return _answers[0]


def connect_shared(module: ModuleType, connect: Callable[..., Any], name: str, arguments: Any, keywords: Any) -> Any:
    """A connection to the database of that name."""
    path = f"/tmp/.memory-database-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    given = [*arguments]
    base = given[FACTORY] if len(given) > FACTORY else keywords.get("factory", module.Connection)
    made = _counting(base, path)
    if len(given) > FACTORY:
        given[FACTORY] = made
    else:
        keywords["factory"] = made
    connection = connect(path, *given, **{**keywords, "uri": False})
    connection.execute("pragma journal_mode = memory").close()
    connection.execute("pragma synchronous = off").close()
    return connection


def _counting(base: Any, path: str) -> Any:
    """The class of connections `base`, of which each says when it is closed."""
    found = _classes.get((base, path))
    if found is not None:
        return found

    class Connection(base):  # type: ignore[misc]
        _is_open = False

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._is_open = True
            _connections[path] = _connections.get(path, 0) + 1

        def close(self) -> None:
            super().close()
            self._leave()

        def __del__(self) -> None:
            finish = getattr(super(), "__del__", None)
            if finish is not None:
                finish()
            self._leave()

        def _leave(self) -> None:
            if self._is_open:
                self._is_open = False
                _connections[path] -= 1
                if not _connections[path] and os.path.exists(path):
                    os.unlink(path)

    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(Connection, name, getattr(base, name))
    _classes[base, path] = Connection
    return Connection
