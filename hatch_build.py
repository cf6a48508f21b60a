"""Builds the native launcher into the wheel, where there is a compiler for it.

It is in the wheel twice: in the package, as the interpreter of the scripts in environments, and as the command ``wenv``, which
hands over to Python's, ``wenv-python``, what it does not do itself.  Without it (Windows, a platform that the compiler does not
know) wenv is whole: ``wenv`` is Python's, and a run starts some 20 ms later.

``WENV_TARGET`` names another platform to build for, as zig calls it and as a wheel's tag does: ``x86_64-linux-gnu.2.17
manylinux_2_17_x86_64``; ``none any`` builds without the launcher.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface
from packaging.tags import platform_tags

FOLDER = Path("wenv", "launcher", "native")
ZIG = "ziglang==0.17.1"
OPTIONS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
MAIN, TOOL = "wenv.__main__:main", "wenv.__main__:tool"


def target() -> tuple[str, str]:
    """The platform to build for: zig's name for it, empty for this machine's, and the wheel's tag."""
    given = os.environ.get("WENV_TARGET", "")
    if not given:
        return ("none", "any") if os.name == "nt" else ("", "")
    name, _, tag = given.partition(" ")
    return name, tag


def compiler() -> list[str]:
    """The command that compiles for the target."""
    name, _ = target()
    if not name and shutil.which("cc"):
        return ["cc"]
    dynamic = ["-dynamic"] if "musl" in name else []  # zig's usual way there, a static program, cannot load wasmtime's library
    return [sys.executable, "-m", "ziglang", "cc", *(["-target", name, "-s", *dynamic] if name else [])]


@cache
def launcher(root: str) -> Path | None:
    """Build the launcher for the target; returns its path, None where it cannot be built."""
    name, tag = target()
    if name == "none":
        return None
    folder = Path(root) / FOLDER
    program = Path(root, ".cache", "launchers", tag, "start") if name else folder / "start"
    program.parent.mkdir(parents=True, exist_ok=True)
    libraries = [] if name and "linux" not in name else ["-ldl"]
    command = [*compiler(), *OPTIONS, *sorted(map(str, folder.glob("*.c"))), "-o", str(program), *libraries]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        if name:
            raise RuntimeError(f"the launcher for {name} cannot be built:\n{result.stderr}")
        print(f"built without the native launcher: {result.stderr}", file=sys.stderr)
        return None
    return program


class Scripts(MetadataHookInterface):
    """A custom metadata hook of hatchling's: which commands are Python's."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called before anything is built."""
        native = launcher(self.root) is not None
        python = {"wenv-python": MAIN, "wenvx": TOOL}
        metadata["scripts"] = python if native else {"wenv": MAIN, **python}


class NativeLauncher(BuildHookInterface[Any]):
    """A custom build hook of hatchling's."""

    def dependencies(self) -> list[str]:
        """A compiler, where it is needed."""
        name, _ = target()
        return [] if name == "none" or (not name and shutil.which("cc")) else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is put together; an editable one finds the program in the source tree."""
        program = launcher(self.root) if self.target_name == "wheel" else None
        if program is None:
            return
        if version != "editable":
            build_data["force_include"][str(program)] = (FOLDER / "start").as_posix()
        build_data["shared_scripts"][str(program)] = "wenv"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{target()[1] or next(iter(platform_tags()))}"
