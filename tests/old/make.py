"""Makes a store, environments and ``.wenv`` files with the code of c50bf1a, the first commit whose files others may have.

python -m tests.old.make FOLDER     # about 40 seconds; the folder must not exist

Whoever changes a format keeps this as it is: it says what later versions must still read.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.helpers.wheel_builder import Wheel
from tests.old.machine import REPOSITORY, Machine

COMMIT = "c50bf1a"
SECRET = "hunter2"
TELL_SECRET = "import os; print(os.environ.get('SECRET'))"


@dataclass(frozen=True)
class Old:
    """One environment: how commands name it, and what a program in it prints when all is well.

    `folder` is relative to the machine's root; a named one lies in the data folder.
    """

    folder: str
    create: tuple[str, ...]
    code: str
    prints: str
    name: str = ""

    @property
    def place(self) -> str:
        """The environment's own folder, relative to the machine's root."""
        return f"data/environments/{self.name}" if self.name else f"{self.folder}/.wenv"

    @property
    def options(self) -> tuple[str, ...]:
        """What names it on the command line, in `folder`."""
        return ("-n", self.name) if self.name else ()


_PLAIN = "import zz_plain; print(zz_plain.version)"
_GRANT = ("--env", f"SECRET={SECRET}", "--memory", "512M", "--mount", "shared:/shared:ro")
ENVIRONMENTS = {
    "plain": Old("plain", ("zz-plain",), _PLAIN, "1.0\n"),
    "named": Old(".", ("zz-plain",), _PLAIN, "1.0\n", name="lab"),
    "granted": Old(
        "granted", ("zz-plain", *_GRANT), f"{TELL_SECRET}; print(open('/shared/data.txt').read())", f"{SECRET}\ndata\n"
    ),
    "cloned": Old("cloned", ("zz-plain", "--env", f"SECRET={SECRET}"), TELL_SECRET, "None\n"),
    "baked": Old("baked", ("zz-plain", "--bake"), _PLAIN, "1.0\n"),
    "split": Old(
        "split", ("zz-left", "zz-right"), "import zz_both.left, zz_both.right; print(zz_both.left.x + zz_both.right.x)", "3\n"
    ),
    "scripts": Old("scripts", ("zz-tool",), "import zz_tool; zz_tool.main()", "tool 3.0\n"),
    "changed": Old("changed", ("zz-plain",), _PLAIN, "1.0\n"),
    "baked again": Old("baked again", ("zz-plain",), _PLAIN, "1.0\n"),
}
#: ``.wenv`` files: of which environment, and with which options.
FILES = {
    "lab.wenv": ("named", ()),
    "granted.wenv": ("granted", ()),
    "split.wenv": ("split", ()),
    "runtime.wenv": ("scripts", ("--with-runtime",)),
}


def has_commit() -> bool:
    """Whether this checkout knows the commit; a shallow clone and an archive do not."""
    if not shutil.which("git") or not (REPOSITORY / ".git").exists():
        return False
    return not subprocess.run(["git", "cat-file", "-e", f"{COMMIT}^{{commit}}"], cwd=REPOSITORY, capture_output=True).returncode


def write_wheels(folder: Path) -> None:
    """The packages: one module, two that share a package, and one with a console script and a dependency."""
    folder.mkdir()
    Wheel("zz_plain").write(folder)
    Wheel("zz_left", files={"zz_both/left.py": "x = 1\n"}).write(folder)
    Wheel("zz_right", files={"zz_both/right.py": "x = 2\n"}).write(folder)
    Wheel("zz_low", "3.0").write(folder)
    code = "import zz_low\ndef main():\n    print('tool', zz_low.version)\n"
    script = "[console_scripts]\nzz-tool = zz_tool:main\n"
    Wheel("zz_tool", files={"zz_tool.py": code}, requires=["zz-low"], entry_points=script).write(folder)


def offered(machine: Machine) -> tuple[str, ...]:
    """Options under which the packages are found, and nothing else."""
    return ("--no-index", "--find-links", str(machine.wheels))


def make(machine: Machine, store: Path | None = None) -> None:
    """Make everything below the machine's root, which must not exist.  `store` is one that was made before: a copy is used."""
    machine.root.mkdir(parents=True)
    write_wheels(machine.wheels)
    (machine.root / "shared").mkdir()
    (machine.root / "shared" / "data.txt").write_text("data")
    if store is not None:
        shutil.copytree(store, machine.store)
    machine.install_commit(COMMIT)
    for key, old in ENVIRONMENTS.items():
        (machine.root / old.folder).mkdir(exist_ok=True)
        # a clone: made by somebody else, whose grants are unknown here
        others = {"WENV_DATA_DIR": str(machine.root / "data-of-others")} if key == "cloned" else None
        words = [word.replace("shared:/", f"{machine.root / 'shared'}:/") for word in old.create]
        machine.wenv("create", *old.options, *words, *offered(machine), folder=old.folder, more=others)
        if others:
            ran = machine.wenv("run", "-c", old.code, folder=old.folder)  # now it is known here, and still not granted
            assert ran.stdout == old.prints, ran
    for name, (key, options) in FILES.items():
        old = ENVIRONMENTS[key]
        machine.wenv("export", *old.options, *options, "-o", machine.root / name, folder=old.folder)
    (machine.root / "manifests.json").write_text(json.dumps({key: asdict(manifest(machine, key)) for key in ENVIRONMENTS}))


@dataclass(frozen=True)
class Manifest:
    """A manifest file as it lies on the disk; `modified` in ns."""

    text: str
    modified: int


def manifest(machine: Machine, key: str) -> Manifest:
    """The manifest of one of `ENVIRONMENTS` as it is now."""
    path = machine.root / ENVIRONMENTS[key].place / "environment.json"
    return Manifest(path.read_text("utf-8"), path.stat().st_mtime_ns)


def manifest_as_made(machine: Machine, key: str) -> Manifest:
    """The same, as the old code left it."""
    return Manifest(**json.loads((machine.root / "manifests.json").read_text())[key])


if __name__ == "__main__":
    make(Machine(Path(sys.argv[1]).absolute()))
