"""Wheels that were built here are tried before an environment gets them: every extension module is imported.

A function with parameters that CPython does not call it with, a symbol that nothing defines, a C++ exception: what the build
did not notice ends the sandbox or raises here, and not in a user's program.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from wenv.bake.imports import failing_imports
from wenv.derived_entries import CHECKS
from wenv.errors import UnacceptedWheelError
from wenv.snapshot.contents import extension_modules
from wenv.snapshot.ready import Ready
from wenv_resolver.building.builder import BuiltWheel
from wenv_resolver.progress import Progress

TRYING = "Trying what was built"


def accept(ready: Ready, built: Sequence[BuiltWheel], progress: Progress) -> None:
    """Import every extension module of wheels that were built here and have not been tried, in the environment to be.

    Raises UnacceptedWheelError, and LinkError.
    """
    store = ready.runtime.store
    waiting = [wheel for wheel in built if wheel.native and not store.derived_folder(CHECKS, wheel.key).is_dir()]
    if not waiting:
        return
    packages = {package.built: package for package in ready.environment.packages if package.built}
    progress.begin(TRYING)
    try:
        for wheel in waiting:
            package = packages[wheel.key]
            modules = extension_modules(store, package)

            def check(folder: Path, wheel: BuiltWheel = wheel, modules: Sequence[str] = modules) -> None:
                failures = failing_imports(ready, modules, progress)
                broken = {module: said for module, said in failures.items() if not _is_about_something_else(said, modules)}
                if len(failures) == len(modules) and any(_is_the_platforms(said) for said in failures.values()):
                    broken = failures  # what the platform lacks is not optional for this wheel
                if broken:
                    reasons = {module: said["reason"] for module, said in broken.items()}
                    raise UnacceptedWheelError(wheel.file.name, wheel.file.version, reasons)
                text = json.dumps({"modules": list(modules), "missing": failures}, indent=1)
                (folder / "imports.json").write_text(text, "utf-8")

            store.derive(CHECKS, wheel.key, check)
    finally:
        progress.end(TRYING)


def _is_the_platforms(said: dict[str, str]) -> bool:
    """Whether an import failed for want of a module of the standard library."""
    return said["missing"].partition(".")[0] in sys.stdlib_module_names


def _is_about_something_else(said: dict[str, str], modules: Sequence[str]) -> bool:
    """Whether an import failed for want of a module that the wheel does not hold: an optional dependency, or the platform's."""
    own = {module.partition(".")[0] for module in modules}
    return bool(said["missing"]) and said["missing"].partition(".")[0] not in own
