"""The cases of cases.toml, each run as a user would."""

import hashlib
import io
import shlex
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel

CASES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8"))
SETUP = "from setuptools import setup\nsetup(name={0!r}, version='1.0', py_modules=[{0!r}], install_requires=['toolz'])\n"
INFO = "Metadata-Version: 1.1\nName: {}\nVersion: 1.0\nSummary: x\n"


def write_source(path: Path, name: str, more: dict[str, str]) -> None:
    """A source as setuptools before 68 wrote it: what it needs stands in setup.py, and not in PKG-INFO."""
    files = {"setup.py": SETUP.format(name), f"{name}.py": "V = 1\n", **more}
    with tarfile.open(path, "w:gz") as archive:
        for inside, text in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{inside}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def write_inputs(folder: Path, files: dict[str, str]) -> None:
    """The archives that cases name, and their own files."""
    info = INFO.format("oldpkg")
    egg = {"oldpkg.egg-info/PKG-INFO": info, "oldpkg.egg-info/requires.txt": "toolz\n"}
    write_source(folder / "oldpkg-1.0.tar.gz", "oldpkg", {"PKG-INFO": info, **egg})
    write_source(folder / "bare-1.0.tar.gz", "bare", {})
    with zipfile.ZipFile(folder / "main.zip", "w") as archive:
        archive.writestr("mono-main/sub/setup.py", SETUP.format("subpkg"))
        archive.writestr("mono-main/sub/subpkg.py", "V = 1\n")
    Wheel("w10").write(folder)
    digests = {
        "{old}": hashlib.sha256((folder / "oldpkg-1.0.tar.gz").read_bytes()).hexdigest(),
        "{wheel}": hashlib.sha256((folder / Wheel("w10").filename).read_bytes()).hexdigest(),
    }
    for name, text in files.items():
        data = text.encode().replace(b"{latin}", b"\xe9")
        for mark, digest in digests.items():
            data = data.replace(mark.encode(), digest.encode())
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if case.get("long") else []) for name, case in CASES.items()]
)
def test_case(wenv: Wenv, name: str) -> None:
    case = CASES[name]
    write_inputs(wenv.folder, case.get("files", {}))
    wenv.environment |= case.get("variables", {})

    def run(command: str, status: int) -> str:
        words = shlex.split(command.replace("{here}", str(wenv.folder)))
        done = wenv.result(*words, stdin=case.get("stdin", ""), status=status, timeout=600)
        return done.stdout + done.stderr

    said = run(case["command"], case.get("status", 0))
    for text in case.get("says", ()):
        assert text in said, said
    for text in case.get("silent", ()):
        assert text not in said, said
    for command, text, *status in case.get("then", ()):
        said = run(command, status[0] if status else 0)
        assert text in said, said
