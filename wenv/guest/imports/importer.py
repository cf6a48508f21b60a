"""Imports out of code archives, by CPython's own machinery.

One index says what every layer of the snapshot holds.  Each folder in it gets a path hook whose finder knows the folder's
modules without a file call.  Order on ``sys.path``, namespace packages, ``__file__``, resources and metadata stay what CPython
makes of them; only the search for a file and its compilation are replaced by a look in an index.  Folders that nobody compiled
(the user's own) are searched by CPython's finder as ever.
"""

import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

from .code_archive import Entry, Snapshot
from .extensions import LinkedLoader

#: What to change in a standard module once it has been executed, by its name.
after_import: dict[str, Callable[[ModuleType], None]] = {}


class FromArchive:
    """The part of a loader that takes the code from an archive."""

    def __init__(self, fullname: str, path: str, snapshot: Snapshot, archive: int, entry: Entry) -> None:
        super().__init__(fullname, path)  # type: ignore[call-arg]
        self._snapshot, self._archive, self._entry = snapshot, archive, entry

    def get_code(self, fullname: str) -> CodeType | None:
        _, offset, length = self._entry
        if not length:
            return super().get_code(fullname)  # type: ignore[misc,no-any-return]
        return self._snapshot.code(self._archive, offset, length)

    def exchange(self, snapshot: Snapshot) -> None:
        """Belong to another snapshot, which does not hold the code."""
        self._snapshot, self._entry = snapshot, (self._entry[0], 0, 0)


class CodeLoader(FromArchive, SourceFileLoader):  # type: ignore[misc]
    """Loads a module from an archive; everything else (source, data, resources) from the folder."""


class SourcelessLoader(FromArchive, SourcelessFileLoader):
    """The same for a module without source."""


class Adapting:
    """Changes a module once it is loaded.

    In classes of its own: an ``exec_module`` in Python would stay in the tracebacks of all imports, from which CPython removes
    its own.
    """

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)  # type: ignore[misc]
        after_import[module.__name__](module)


class AdaptingLoader(Adapting, CodeLoader):  # type: ignore[misc]
    """Loads a module that is changed afterwards."""


class AdaptingSourcelessLoader(Adapting, SourcelessLoader):
    """The same for a module without source."""


#: By whether there is a source, and whether the module is changed afterwards.
LOADERS = {
    (True, False): CodeLoader,
    (True, True): AdaptingLoader,
    (False, False): SourcelessLoader,
    (False, True): AdaptingSourcelessLoader,
}


class ArchiveFinder:
    """Finds the modules of one guest folder of a snapshot: an importlib path entry finder."""

    def __init__(self, path: str, snapshot: Snapshot) -> None:
        self.path = path
        self._snapshot = snapshot
        names = snapshot.names(path)  # the stems that occur in a folder on sys.path: most searches there find nothing
        self._names = None if names is None else frozenset(names)

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        if self._names is not None and name not in self._names:
            return None
        entries = self._snapshot.entries(self.path)
        entry = entries.get(name)
        if entry is None:
            if name == "__init__":
                return self._own_spec(fullname)
            if "" not in entries:
                return None
            return importlib.machinery.FileFinder(self.path, *_file_loaders()).find_spec(fullname, target)
        kind, folder = entry[0], f"{self.path}/{name}"
        if kind == "folder":  # a portion of a namespace package, unless CPython finds something else of the name
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [folder]
            return spec
        package = kind.endswith("package")
        if not package and self._names is not None and self._snapshot.has_package(name, self.path):
            return None  # in one folder a package would win over a module of its name, and so it does in several
        path = f"{folder}/__init__.py" if package else f"{folder}.py"
        locations = [folder, *self._snapshot.portions(fullname)] if package else None
        return self._spec(fullname, path, self.path, entry, locations)

    def _own_spec(self, fullname: str) -> ModuleSpec | None:
        """The package of this folder as a module ``PACKAGE.__init__``, which CPython finds as a file like any other."""
        parent, _, name = self.path.rpartition("/")
        entry = self._snapshot.entries(parent).get(name)
        if entry is None or not entry[0].endswith("package"):
            return None
        return self._spec(fullname, f"{self.path}/__init__.py", parent, entry, None)

    def _spec(self, fullname: str, path: str, parent: str, entry: Any, locations: list[str] | None) -> ModuleSpec | None:
        """The module whose source is `path`, of which the archive of `parent` says `entry`."""
        path += "c" if entry[0].startswith("sourceless") else ""
        make: Callable[..., Any] = LOADERS[path.endswith(".py"), fullname in after_import]
        loader = make(fullname, path, self._snapshot, self._snapshot.archive(parent), entry)
        return spec_from_file_location(fullname, path, loader=loader, submodule_search_locations=locations)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """What `pkgutil.iter_modules` lists: (name, is a package)."""
        entries = self._snapshot.entries(self.path)
        if "" in entries:
            from pkgutil import iter_importer_modules  # type: ignore[attr-defined]

            yield from iter_importer_modules(importlib.machinery.FileFinder(self.path, *_file_loaders()), prefix)
            return
        for name, (kind, _, _) in sorted(entries.items()):
            if kind.endswith(("module", "package")) and name != "__init__":
                yield prefix + name, kind.endswith("package")

    def invalidate_caches(self) -> None:
        """Nothing to do: the folder cannot change while the program runs."""


def _file_loaders() -> list[tuple[type, list[str]]]:
    return [
        (LinkedLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    ]


class EditableFinder(importlib.machinery.FileFinder):
    """Finds the modules of one folder of an editable project; its packages have what the project's build added, too."""

    def __init__(self, path: str, built: str) -> None:
        # no extension modules: those of the host's could not be loaded
        super().__init__(path, *_file_loaders()[1:])
        self._built = built

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = super().find_spec(fullname, target)
        built = f"{self._built}/{fullname.replace('.', '/')}"
        if spec is not None and spec.loader is not None and spec.submodule_search_locations is not None and is_held(built):
            spec.submodule_search_locations.append(built)
        return spec


def _add_editables(projects: list[list[str]]) -> None:
    """Import from the folders of editable projects, after those of all packages, as a ``.pth`` file would have it."""
    folders = {root: built for *roots, built in projects for root in roots}

    def hook(path: str) -> EditableFinder:
        for root, built in folders.items():
            if (path == root or path.startswith(f"{root}/")) and os.path.isdir(path):  # it may be an archive
                return EditableFinder(path, built)
        raise ImportError(f"{path} is not part of an editable project")

    sys.path_hooks.insert(0, hook)
    sys.path.extend(folders)


def install(folder: str, editables: list[list[str]]) -> None:
    """Put the folders of the snapshot whose code lies in a guest folder on ``sys.path``, and import from there.

    `editables` are those of a request (guest/request.py).
    """
    global _installed
    if _installed is None:
        _installed = Snapshot(folder)
        sys.path_hooks.insert(0, _hook)
        sys.path_importer_cache.clear()
    sys.path[:] = _installed.paths
    if editables:
        _add_editables(editables)


def _hook(path: str) -> ArchiveFinder:
    if is_held(path):
        assert _installed is not None
        return ArchiveFinder(path, _installed)
    raise ImportError(f"no code archive holds {path}")


def exchange(snapshot: Snapshot) -> None:
    """Import from another snapshot with the same modules from now on.

    Modules that were imported are compiled, not read, should somebody want their code again.
    """
    global _installed
    close()
    _installed = snapshot
    for module in list(sys.modules.values()):
        loader = getattr(module, "__loader__", None)
        if isinstance(loader, FromArchive):
            loader.exchange(snapshot)
    sys.path_importer_cache.clear()


def move(folder: str) -> None:
    """Read the code from another guest folder from now on: where it is in a run, once what was imported has been baked."""
    assert _installed is not None
    _installed.close()
    _installed.folder = folder
    forget_folders()


def forget_folders() -> None:
    """Drop what is remembered of folders that are no archives: those of a build are others, and to free what they held would
    touch many pages of memory at each start."""
    for path, finder in list(sys.path_importer_cache.items()):
        if not isinstance(finder, ArchiveFinder):
            del sys.path_importer_cache[path]


def close() -> None:
    """Close the files of the archives."""
    if _installed is not None:
        _installed.close()


def is_held(path: str) -> bool:
    """Whether a guest folder is one of the snapshot's."""
    return _installed is not None and path in _installed


def is_installed() -> bool:
    """Whether a snapshot is there already: it was baked."""
    return _installed is not None


_installed: Snapshot | None = None
