"""Imports out of code archives, by CPython's own machinery.

Each read-only folder on ``sys.path`` gets a path hook whose finder knows the folder's modules without a file call.  Order on
``sys.path``, namespace packages, ``__file__``, resources and metadata stay what CPython makes of them; only the search for a
file and its compilation are replaced by a look in an index.  Folders that nobody compiled (the user's own) are searched by
CPython's finder as ever.
"""

import importlib.machinery
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType

from .codearchive import Archive, Entry
from .extensions import LinkedLoader
from .request import Root

#: What to change in a standard module once it has been executed, by its name.
after_import: dict[str, Callable[[ModuleType], None]] = {}


class CodeLoader(SourceFileLoader):
    """Loads a module from an archive; everything else (source, data, resources) from the folder."""

    def __init__(self, fullname: str, path: str, archive: Archive, entry: Entry) -> None:
        super().__init__(fullname, path)
        self._archive, self._entry = archive, entry

    def get_code(self, fullname: str) -> CodeType | None:
        _, offset, length = self._entry
        return self._archive.code(offset, length) if length else super().get_code(fullname)


class AdaptingLoader(CodeLoader):
    """Loads a module that is changed afterwards.

    A class of its own: an ``exec_module`` in Python would stay in the tracebacks of all imports, from which CPython removes
    its own.
    """

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        after_import[module.__name__](module)


class ArchiveFinder:
    """Finds the modules of one guest folder in an archive: an importlib path entry finder."""

    def __init__(self, path: str, archive: Archive, names: frozenset[str] | None, split_packages: dict[str, list[str]]) -> None:
        self.path = path
        self._archive = archive
        self._names = names  # the stems that occur in the folder, when known without asking the archive
        self._split_packages = split_packages

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        if self._names is not None and name not in self._names:
            return None
        entries = self._archive.entries(self.path)
        entry = entries.get(name)
        if entry is None:
            if "" not in entries:
                return None
            return importlib.machinery.FileFinder(self.path, *_file_loaders()).find_spec(fullname, target)
        kind = entry[0]
        if kind == "module":
            path = f"{self.path}/{name}.py"
            loader = (AdaptingLoader if fullname in after_import else CodeLoader)(fullname, path, self._archive, entry)
            return spec_from_file_location(fullname, path, loader=loader)
        folder = f"{self.path}/{name}"
        if kind == "folder":  # a portion of a namespace package, unless CPython finds something else of the name
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [folder]
            return spec
        path = f"{folder}/__init__.py"
        return spec_from_file_location(
            fullname,
            path,
            loader=CodeLoader(fullname, path, self._archive, entry),
            submodule_search_locations=[folder, *self._split_packages.get(fullname, ())],
        )

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """What `pkgutil.iter_modules` lists: (name, is a package)."""
        entries = self._archive.entries(self.path)
        if "" in entries:
            from pkgutil import iter_importer_modules  # type: ignore[attr-defined]

            yield from iter_importer_modules(importlib.machinery.FileFinder(self.path, *_file_loaders()), prefix)
            return
        for name, (kind, _, _) in sorted(entries.items()):
            if kind in ("module", "package") and name != "__init__":
                yield prefix + name, kind == "package"

    def invalidate_caches(self) -> None:
        """Nothing to do: the folder cannot change while the program runs."""


def _file_loaders() -> list[tuple[type, list[str]]]:
    return [
        (LinkedLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    ]


def install(roots: list[Root], split_packages: dict[str, list[str]]) -> None:
    """Put `roots` on ``sys.path``, in order, and import from their archives."""
    by_path: dict[str, ArchiveFinder] = {}
    archives: list[Archive] = []
    for root in roots:
        archive = Archive(root["archive"], root["base"])
        names = frozenset(name.partition(".")[0] for name in root["names"])
        by_path[root["path"]] = ArchiveFinder(root["path"], archive, names, split_packages)
        archives.append(archive)

    def hook(path: str) -> ArchiveFinder:
        finder = by_path.get(path)
        if finder is not None:
            return finder
        for archive in archives:
            if path.startswith(archive.base + "/") and archive.entries(path):
                return ArchiveFinder(path, archive, None, split_packages)
        raise ImportError(f"no code archive holds {path}")

    sys.path[:] = [root["path"] for root in roots]
    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()
