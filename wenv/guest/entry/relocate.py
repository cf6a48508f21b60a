"""Moves the modules that were imported before the memory of a module was first saved: from an archive to a folder.

It runs before anything else can be imported, so it imports what is there in any case.
"""

import sys
from _frozen_importlib_external import SourcelessFileLoader
from types import ModuleType

from .. import AT_START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def move_modules(library: str) -> None:
    """Have everything be imported from the guest folder `library`, which holds the files of the archive on ``sys.path``."""
    archive = f"{sys.path[0]}/"
    for module in list(sys.modules.values()):
        _move(module, archive, f"{library}/")
    sys.path[:] = [library]
    sys.path_importer_cache.clear()


def _move(module: ModuleType, archive: str, library: str) -> None:
    spec: Any = getattr(module, "__spec__", None)
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        module.__file__ = file.replace(archive, library)
    if hasattr(module, "__path__"):
        module.__path__ = [path.replace(archive, library) for path in module.__path__]
    if spec is None:
        return
    if spec.submodule_search_locations is not None:
        spec.submodule_search_locations = [path.replace(archive, library) for path in spec.submodule_search_locations]
    if isinstance(spec.origin, str) and spec.origin.startswith(archive):
        spec.cached = spec.origin = spec.origin.replace(archive, library)
        module.__loader__ = spec.loader = SourcelessFileLoader(spec.name, spec.origin)
        if not spec.name.startswith("encodings"):
            AT_START.discard(spec.name)  # CPython itself starts with frozen modules and encodings
