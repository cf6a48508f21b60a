"""Builds the native launcher into the wheel, where there is a compiler for it.

Without it (Windows, a platform that the compiler does not know) wenv is whole, and a run starts 10 ms later.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

FOLDER = Path("wenv", "launcher", "native")
PROGRAM = FOLDER / "start"
ZIG = "ziglang==0.17.1"
OPTIONS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]


class NativeLauncher(BuildHookInterface[Any]):
    """A custom build hook of hatchling's."""

    def dependencies(self) -> list[str]:
        """A compiler, on a machine that has none."""
        return [] if os.name == "nt" or shutil.which("cc") else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is put together; an editable one finds the program in the source tree."""
        if self.target_name != "wheel" or os.name == "nt":
            return
        compiler = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
        root = Path(self.root)
        sources = sorted(map(str, (root / FOLDER).glob("*.c")))
        command = [*compiler, *OPTIONS, *sources, "-o", str(root / PROGRAM), "-ldl"]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode:
            self.app.display_warning(f"built without the native launcher: {result.stderr}")
            return
        build_data["artifacts"].append(PROGRAM.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{next(iter(platform_tags()))}"
