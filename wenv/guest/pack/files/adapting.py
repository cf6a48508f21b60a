"""What to change in modules that open files below Python: databases in memory in place of files, and numpy's own files."""

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ...platform.databases import options_in, path_and_query
from ...platform.memory_databases import connect_shared, has_shared_cache, is_shared_memory
from .nodes import FIRST_DESCRIPTOR, Node, Place
from .tree import FILES, absolute, located


def adapt_sqlite(module: ModuleType) -> None:
    """Let `sqlite3` open files in memory: SQLite itself opens files below Python.

    Such a database is a copy in SQLite's memory.  It is read again before a statement that begins outside a transaction, if the
    file is another by then, and written back when a transaction ends; one that ends after another connection wrote the file is
    refused, as "database is locked".
    """
    connect_host, plain, locked = module.connect, module.Connection, module.OperationalError

    class Cursor(module.Cursor):  # type: ignore[name-defined,misc]
        """Reads the file before a statement, and writes it after one, unless a transaction is going on."""

        def _around(self, name: str, sql: str, *arguments: Any) -> Any:
            self.connection.read_again()
            changes = self.connection.total_changes
            result = getattr(super(), name)(sql, *arguments)
            reading = sql.lstrip()[:6].upper() in ("SELECT", "PRAGMA", "EXPLAI")
            if not reading or self.connection.total_changes != changes:
                self.connection.write_back()
            return result

        def execute(self, sql: str, *arguments: Any) -> Any:
            return self._around("execute", sql, *arguments)

        def executemany(self, sql: str, *arguments: Any) -> Any:
            return self._around("executemany", sql, *arguments)

        def executescript(self, sql: str) -> Any:
            return self._around("executescript", sql)

    def kept(base: type) -> type:
        class Connection(base):  # type: ignore[misc]
            """A connection to a database in memory that has a file there."""

            place: Place | None = None
            _seen: tuple[int, int] = (0, 0)

            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, *arguments: Any) -> Any:
                return self.cursor().execute(*arguments)

            def executemany(self, *arguments: Any) -> Any:
                return self.cursor().executemany(*arguments)

            def executescript(self, sql: str) -> Any:
                return self.cursor().executescript(sql)

            def commit(self) -> None:
                if self.place is not None and self.in_transaction and self._seen != _version(self.place):
                    raise locked("database is locked")
                super().commit()
                self.write_back()

            def rollback(self) -> None:
                super().rollback()
                self.read_again()

            def close(self) -> None:
                self.place = None
                super().close()

            def __exit__(self, *error: Any) -> Any:
                if error[0] is None:
                    self.commit()
                else:
                    self.rollback()
                return False

            def read_again(self) -> None:
                if self.place is not None and not self.in_transaction and self._seen != _version(self.place):
                    content = self.place.node.content() if self.place.node is not None else b""
                    if content:
                        self.deserialize(bytes(content))
                    self._seen = _version(self.place)

            def write_back(self) -> None:
                if self.place is not None and not self.in_transaction:
                    if self._seen != _version(self.place):
                        raise locked("database is locked")
                    _write(self.place, self.serialize())
                    self._seen = _version(self.place)

        Connection.__name__ = Connection.__qualname__ = base.__name__
        return Connection

    def connect(database: Any, *arguments: Any, **keywords: Any) -> Any:
        text, query = path_and_query(database, is_address=bool(keywords.get("uri")))
        if is_shared_memory(text, options_in(query)) and not has_shared_cache(connect_host):
            return connect_shared(module, connect, text, arguments, keywords)
        special = text in ("", ":memory:") or "mode=memory" in query
        place = None if special else located(text)
        if place is None:
            if special or FILES.directory == "/":
                return connect_host(database, *arguments, **keywords)
            path = absolute(text)
            return connect_host(f"file:{path}?{query}" if query else path, *arguments, **keywords)
        reading = place.folder.fixed or "mode=ro" in query or "immutable=1" in query
        missing = place.node is None and (reading or "mode=rw&" in f"{query}&")
        if missing or (place.node is not None and place.node.entries is not None):
            raise locked("unable to open database file")
        keywords.pop("uri", None)
        factory = keywords.pop("factory", plain)
        connection = connect_host(":memory:", *arguments, factory=factory if reading else kept(factory), **keywords)
        if place.node is not None and place.node.size:
            connection.deserialize(bytes(place.node.content()))
        if reading:
            connection.execute("PRAGMA query_only = ON")
        else:
            if place.node is None:
                place.node = _write(place, b"")
            connection.place, connection._seen = place, _version(place)
        return connection

    for where in (module, sys.modules.get("sqlite3")):
        if where is not None:
            vars(where).update(connect=connect)


def _version(place: Place) -> tuple[int, int]:
    """Another one each time that the file at a place was written."""
    node = place.folder.entries.get(place.name) if place.folder.entries is not None else None
    place.node = node
    return (0, 0) if node is None else (id(node.data), node.changed)


def _write(place: Place, content: bytes | bytearray) -> Node:
    node = place.changing().setdefault(place.name, Node())
    node.data = bytearray(content)
    node.changed = max(time.time_ns(), node.changed + 1)
    return node


def adapt_numpy(module: ModuleType) -> None:
    """Let `numpy.save` and `numpy.load` read and write files in memory as they do any object with ``read`` and ``write``: numpy
    hands the descriptors of what it takes for files to C."""
    is_file = module.isfileobj
    vars(module).update(isfileobj=lambda file: is_file(file) and file.fileno() < FIRST_DESCRIPTOR)


#: What to change in modules that open files below Python, by their names.
ADAPTED: dict[str, Callable[[ModuleType], None]] = {
    "sqlite3.dbapi2": adapt_sqlite,
    "numpy.lib._format_impl": adapt_numpy,
}
