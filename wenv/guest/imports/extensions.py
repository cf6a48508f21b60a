"""Extension modules: shared objects that were linked into the component, each under a name made from its path.

There is no dynamic loading later: ``dlopen`` finds what was linked, by that name, and reads no file.
"""

import _imp
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType

#: What the linker looks for.
SUFFIX = ".cpython-314-wasm32-wasi.so"
#: How names begin: the number of the folder with the modules on the Python path that the component is built with.
LINKED = "/1/"
#: The guest folder that holds all layers.
LAYERS = "/python/layers/"


#: Modules of the standard library that componentize-py's lacks: they lie beside the guest's package, and are linked with it.
STANDARD = ("_bz2", "_lzma", "_zstd")
GUEST = "/0/" + __name__.partition(".")[0]


def is_extension(path: str) -> bool:
    """Whether a file of a layer is an extension module."""
    return path.endswith(".so")


def linked_name(path: str) -> str:
    """Where a module is put to be linked, from its path below the folder of all layers."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}{SUFFIX}"


class LinkedLoader(ExtensionFileLoader):
    """Loads an extension module under the name that it was linked with; it is known by its path in the layer."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        path = self.path
        if path.startswith(LAYERS):
            spec.origin = LINKED + linked_name(path[len(LAYERS) :])
        try:
            module: ModuleType = _imp.create_dynamic(spec)
        finally:
            spec.origin = path
        module.__file__ = path
        return module


class StandardFinder:
    """Finds the modules that the standard library lacks: an importlib meta path finder, asked after all others."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in STANDARD:
            return None
        place = f"{GUEST}/{fullname}{SUFFIX}"
        return ModuleSpec(fullname, LinkedLoader(fullname, place), origin=place)
