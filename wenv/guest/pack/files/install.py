"""Putting all this in the place of the platform's functions."""

import io
import os
import posix
import sys
from types import FunctionType
from typing import Any

from ...platform.waits import Builtin
from .changing import chdir, link, rename, symlink
from .descriptors import DESCRIPTOR_FUNCTIONS, closerange, with_descriptor
from .opening import FileIO, open_code, open_file
from .paths import PATH_FUNCTIONS, with_path
from .tree import FILES


def install() -> None:
    """Put all this in the place of the platform's functions, once, while the component is built."""
    replaced: dict[int, Any] = {}

    def replace(module: Any, name: str, function: Any, key: str | None = None) -> None:
        FILES.host[key or name] = old = getattr(module, name)
        replaced[id(old)] = function
        setattr(module, name, function)

    for name in PATH_FUNCTIONS:
        replace(posix, name, with_path(name))
    for name in DESCRIPTOR_FUNCTIONS:
        if hasattr(posix, name):
            FILES.host[name] = getattr(posix, name)
            replace(posix, name, with_descriptor(name))
    replace(posix, "closerange", closerange)
    replace(posix, "chdir", chdir)
    replace(posix, "getcwd", lambda: FILES.directory)
    replace(posix, "getcwdb", lambda: os.fsencode(FILES.directory))
    for name in ("rename", "replace"):
        replace(posix, name, rename)
    replace(posix, "link", link)
    replace(posix, "symlink", symlink)
    replace(io, "open", Builtin(open, open_file), "io.open")
    replace(io, "open_code", open_code)
    replace(io, "FileIO", FileIO)
    os.supports_follow_symlinks.update((posix.stat, posix.access, posix.utime))
    for module in list(sys.modules.values()):
        if not module.__name__.startswith(__package__):
            _replace_in(vars(module), replaced)


def _replace_in(namespace: dict[str, Any], replaced: dict[int, Any]) -> None:
    """Exchange the functions that a module has imported, or keeps in its classes and as defaults of parameters."""
    for name, value in list(namespace.items()):
        if id(value) in replaced:
            namespace[name] = replaced[id(value)]
        elif isinstance(value, FunctionType):
            _replace_defaults(value, replaced)
        elif isinstance(value, type) and value.__module__ == namespace.get("__name__"):
            for key, attribute in list(vars(value).items()):
                function = getattr(attribute, "__func__", attribute)
                if id(function) in replaced and isinstance(attribute, staticmethod):
                    setattr(value, key, staticmethod(replaced[id(function)]))
                elif isinstance(function, FunctionType):
                    _replace_defaults(function, replaced)


def _replace_defaults(function: FunctionType, replaced: dict[int, Any]) -> None:
    if function.__defaults__ and not replaced.keys().isdisjoint(map(id, function.__defaults__)):
        function.__defaults__ = tuple(replaced.get(id(value), value) for value in function.__defaults__)
