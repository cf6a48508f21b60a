"""Modules of ours in the interpreter's place: who drops one from `sys.modules` and imports it again gets it again."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

_modules: dict[str, ModuleType] = {}


class Replaced:
    """Finds and loads them: an importlib meta path finder, and the loader that it names."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return _modules[fullname].__spec__ if fullname in _modules else None

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        return _modules[spec.name]

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """It is as it was."""


def put(name: str, module: ModuleType) -> None:
    """Have `module` be imported by that name from now on."""
    module.__spec__ = ModuleSpec(name, Replaced, origin="built-in")  # type: ignore[arg-type]
    sys.modules[name] = _modules[name] = module
    if Replaced not in sys.meta_path:
        sys.meta_path.insert(0, Replaced)
