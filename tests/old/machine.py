"""A user's machine: wenv's code in one place, a store, environments in projects and by name.  The code can be replaced there.

An upgrade happens at one place: scripts, launch plans and start files name the code's folder.  So the old code and the present
code lie at the same path, one after the other.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent.parent
#: The folders of the repository that are installed.
ROOMS = ("cache", "resolver", "wenv")
#: Prints where the modules of wenv are imported from.
IMPORTED = "import sys, wenv; print(*(m.__file__ for n, m in sys.modules.items() if n.startswith(('wenv', 'cache'))))"
#: Where the packages in them are imported from, today and before they had names of their own.
FOLDERS = (".", "cache", "resolver")
LAUNCHER = Path("wenv", "launcher", "native", "start")


@dataclass(frozen=True)
class Machine:
    """Everything lies below `root`, an absolute path; a command takes at most `timeout` seconds."""

    root: Path
    timeout: float = 300

    @property
    def code(self) -> Path:
        """What wenv is imported from."""
        return self.root / "code"

    @property
    def store(self) -> Path:
        """The store."""
        return self.root / "store"

    @property
    def data(self) -> Path:
        """Named environments, and what is known of others."""
        return self.root / "data"

    @property
    def wheels(self) -> Path:
        """Where packages are found."""
        return self.root / "wheels"

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment of every command."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("WENV_", "PIP_", "PYTHON"))}
        code = os.pathsep.join(str(self.code / folder) for folder in FOLDERS)
        places = {"PYTHONPATH": code, "WENV_CACHE_DIR": str(self.store), "WENV_DATA_DIR": str(self.data)}
        return {**own, **places, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(
        self,
        command: Sequence[str | Path],
        folder: str = ".",
        *,
        status: int | None = 0,
        stdin: str = "",
        more: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program in a folder below the root.  Raises AssertionError if it exits with another status (None: any)."""
        result = subprocess.run(
            [str(word) for word in command],
            cwd=self.root / folder,
            env={**self.variables, **(more or {})},
            input=stdin,
            text=True,
            capture_output=True,
            timeout=self.timeout,
        )
        said = f"{command} exited {result.returncode}, expected {status}\n{result.stdout}\n{result.stderr}"
        assert status is None or result.returncode == status, said
        assert "Traceback" not in result.stderr or "wenv/cli" not in result.stderr, said
        return result

    def wenv(
        self,
        *arguments: str | Path,
        folder: str = ".",
        status: int | None = 0,
        stdin: str = "",
        more: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``wenv ARGUMENTS``."""
        command = (sys.executable, "-P", "-m", "wenv", *arguments)
        return self.run(command, folder, status=status, stdin=stdin, more=more)

    def json(self, *arguments: str | Path, folder: str = ".") -> Any:
        """What a command prints with ``--json``."""
        return json.loads(self.wenv(*arguments, "--json", folder=folder).stdout)

    def install_commit(self, commit: str) -> None:
        """Have the code of a commit, with its native launcher."""
        archive = subprocess.run(
            ["git", "archive", "--format=tar", commit, *ROOMS], cwd=REPOSITORY, check=True, capture_output=True
        ).stdout
        shutil.rmtree(self.code, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            members.extractall(self.code, filter="data")
        compiler = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
        program = self.code / LAUNCHER
        sources = sorted(program.parent.glob("*.c"))
        subprocess.run([*compiler, "-std=c11", "-O2", "-pthread", *sources, "-o", program, "-ldl"], check=True)
        self._check_code()

    def install_present(self) -> None:
        """Replace the code by that of this checkout, as one whose guest has changed: what is made of it must be made anew."""
        shutil.rmtree(self.code)
        for room in ROOMS:
            shutil.copytree(REPOSITORY / room, self.code / room, ignore=shutil.ignore_patterns("__pycache__"))
        with (self.code / "wenv" / "guest" / "entry" / "component.py").open("a") as guest:
            guest.write("\n# a later version\n")
        self._check_code()

    def _check_code(self) -> None:
        """Raises AssertionError if another wenv would be imported, such as an editable one."""
        found = self.run([sys.executable, "-P", "-c", IMPORTED])
        assert all(Path(path).is_relative_to(self.code) for path in found.stdout.split()), found.stdout
