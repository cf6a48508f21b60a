"""A small store with environments whose loss or damage is noticed, and the command line as a user starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import copy_runtime
from tests.helpers.wheel_builder import Wheel
from wenv.environment.manifest import load
from wenv.errors import WenvError
from wenv.runtimes import Runtime
from wenv_cache.store import Store

#: Small packages that environments are made of.
PACKAGES = tuple(f"p{number}" for number in range(6))
#: How many modules each has, beside the package itself.
PARTS = 30
#: Imports all that is installed, from top to bottom, and prints a word: what a sound environment can do.
PROGRAM = (
    "import importlib.metadata as m, importlib\n"
    f"for d in m.distributions(): [importlib.import_module(f'{{d.name}}.m{{n}}') for n in range({PARTS}) if d.name[0] == 'p']\n"
    "print('runs')"
)


@dataclass
class Report:
    """What a subject found: `counts` are printed as a table, `left_out` says what could not be tried here and why."""

    subject: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """All of it, for people."""
        width = max(map(len, self.counts), default=0)
        lines = [f"== {self.subject}: {len(self.faults)} faults"]
        lines += [f"   {what:{width}}  {count}" for what, count in self.counts.items()]
        lines += [f"   {note}" for note in self.notes]
        lines += [f"   left out: {what}" for what in self.left_out]
        return "\n".join([*lines, *(f"   FAULT {fault}" for fault in self.faults)])


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `seconds` from start to end."""

    arguments: tuple[str, ...]
    status: int
    output: str
    errors: str
    seconds: float

    @property
    def crashed(self) -> bool:
        """Whether it showed a traceback of wenv's own; a program's in the sandbox names no file of these."""
        own = ("wenv/cli/", "wenv/__main__.py", "wenv/launcher/")
        return "Traceback" in self.errors and any(name in self.errors for name in own)

    @property
    def said(self) -> str:
        """The command and its last words, on one line."""
        lines = [line for text in (self.output, self.errors) for line in text.splitlines() if line.strip()]
        return f"wenv {' '.join(self.arguments)[:120]}: status {self.status}: {' | '.join(lines[-3:])[:400]}"

    def in_few_words(self) -> bool:
        """Whether it failed as it should: no traceback, and an error of one line, with a hint of one line."""
        lines = self.errors.splitlines()
        start = next((number for number, line in enumerate(lines) if line.startswith("error")), None)
        return not self.crashed and start is not None and len(lines) - start <= 2


@dataclass(frozen=True)
class Lab:
    """A folder with a store (``cache``), environments (``data``), private folders (``tmp``), wheels, and what is written."""

    folder: Path
    temporary: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def store(self) -> Store:
        """The store."""
        return Store(self.folder / "cache")

    @property
    def wheels(self) -> Path:
        """A folder with the wheels of `PACKAGES`."""
        return self.folder / "wheels"

    @property
    def output(self) -> Path:
        """Where commands write files to."""
        return self.folder / "output"

    @property
    def offer(self) -> tuple[str, ...]:
        """Options that name the wheels, and no index."""
        return ("--no-index", "--find-links", str(self.wheels))

    def home(self, name: str) -> Path:
        """The folder of a named environment."""
        return self.folder / "data" / "environments" / name

    def start(self, *arguments: str, prefix: Sequence[str] = (), **options: Any) -> "subprocess.Popen[str]":
        """Start ``wenv ARGUMENTS`` in a process group of its own, with no input; `prefix` is the command that starts it."""
        defaults: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [*prefix, sys.executable, "-P", "-m", "wenv", *arguments],
            cwd=self.output,
            env=self.environment,
            text=True,
            start_new_session=True,
            **{**defaults, **options},
        )

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = 900, prefix: Sequence[str] = ()) -> Outcome:
        """Run ``wenv ARGUMENTS`` to its end; raises TimeoutExpired after `timeout` seconds, and ends what it started."""
        started = time.monotonic()
        process = self.start(*arguments, prefix=prefix, stdin=subprocess.PIPE)
        try:
            output, errors = process.communicate(stdin, timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Outcome(arguments, process.returncode, output, errors, time.monotonic() - started)

    def must(self, *arguments: str, stdin: str = "") -> Outcome:
        """The same; raises RuntimeError unless it ends well: for what a subject needs before it begins."""
        outcome = self(*arguments, stdin=stdin)
        if outcome.status:
            raise RuntimeError(outcome.said + "\n" + outcome.errors)
        return outcome

    def native(self, name: str, code: str) -> str:
        """What code prints in a named environment when its ``bin/python`` starts it: mostly the native launcher."""
        command = [str(self.home(name) / "bin" / "python"), "-c", code]
        done = subprocess.run(command, cwd=self.output, env=self.environment, capture_output=True, text=True, timeout=300)
        return done.stdout or f"status {done.returncode}: {done.stderr[-300:]}"

    def listed(self) -> dict[str, str]:
        """State by name of all named environments; raises RuntimeError if `wenv list` fails."""
        return {item["name"]: item["state"] for item in json.loads(self.must("list", "--json").output)}

    # -- what must hold at any time

    def broken(self, names: Iterable[str]) -> list[str]:
        """What is wrong with the store and with these environments, without starting them."""
        verified = self("cache", "verify", "--json")
        found = [verified.said] if verified.status or verified.output.strip() != "[]" else []
        states = self.listed()
        for name in names:
            if states.get(name) != "fine":
                found.append(f"environment {name} is {states.get(name, 'not listed')}")
            else:
                found += self._lost(name)
        return found

    def _lost(self, name: str) -> list[str]:
        """Entries that an environment needs and the store does not have: nothing that can be made again counts."""
        try:
            environment, store = load(self.home(name)), self.store
        except WenvError as error:
            return [f"environment {name}: {error}"]
        lost = [f"environment {name}: layer {digest} is lost" for digest in environment.layers if not store.has_layer(digest)]
        kept = (store.root / "documents-v1" / environment.lock[:2] / environment.lock).is_file()
        return lost if kept else [*lost, f"environment {name}: its lock {environment.lock} is lost"]

    def not_running(self, names: Iterable[str]) -> list[str]:
        """What goes wrong when these environments run, by ``bin/python`` and by `wenv run`."""
        found = []
        for name in names:
            if (printed := self.native(name, PROGRAM)) != "runs\n":
                found.append(f"{name}/bin/python: {printed}")
            outcome = self("run", "-n", name, "-c", PROGRAM)
            if outcome.output != "runs\n":
                found.append(outcome.said)
        return found

    def left_over(self) -> list[str]:
        """What `wenv cache prune` does not clean up of what commands left that were cut off."""
        pruned = self("cache", "prune")
        found = [pruned.said] if pruned.status else []
        staging = list((self.store.root / "staging-v1").glob("*"))
        cut_off = [path for path in self.store.root.glob("*-v1/*/.*") if path.is_file()]
        temporary = list((self.folder / "data" / "temporary").glob("*"))
        return found + [f"left in the store after prune: {path}" for path in (*staging, *cut_off, *temporary)]


def new_lab(folder: Path, runtime: Runtime) -> Lab:
    """A lab in a new folder with a store that holds the runtime and nothing else."""
    lab = Lab(folder, folder / "tmp")
    for path in (lab.wheels, lab.output, lab.temporary):
        path.mkdir(parents=True, exist_ok=True)
    lab.environment.update(_places(lab), COLUMNS="200")
    for name in ("WENV_ENVIRONMENT", "WENV_RUNTIME", "FORCE_COLOR"):
        lab.environment.pop(name, None)
    copy_runtime(runtime, lab.store)
    for name in PACKAGES:
        number = int(name[1:])
        files = {f"{name}/m{part}.py": f"x = {number} * {part}\n" * 20 for part in range(PARTS)}
        files |= {f"{name}/__init__.py": "", f"{name}/common.txt": "the same in all\n"}
        Wheel(name, files=files, entry_points=f"[console_scripts]\nsay{number} = {name}.m1:x\n").write(lab.wheels)
    return lab


def in_folder(lab: Lab, folder: Path, *, own_temporary: bool = False) -> Lab:
    """A lab in another folder with a copy of the store; wheels are not copied, and private folders only if `own_temporary`."""
    made = Lab(folder, folder / "tmp" if own_temporary else lab.temporary, dict(lab.environment))
    for path in (made.output, made.temporary):
        path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(lab.store.root), str(made.store.root)], check=True)
    made.environment.update(_places(made))
    return made


def _places(lab: Lab) -> dict[str, str]:
    """The variables that say where the command line keeps what."""
    return {"WENV_CACHE_DIR": str(lab.store.root), "WENV_DATA_DIR": str(lab.folder / "data"), "TMPDIR": str(lab.temporary)}


def wait_for_group(process: "subprocess.Popen[str]", seconds: float = 120) -> bool:
    """Wait until nothing runs any more of what a process, which has ended, started; False after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    return False


def is_mountable() -> bool:
    """Whether this process may mount file systems."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount") is not None


def mount(folder: Path, size: int) -> bool:
    """Mount a file system in memory of `size` bytes; False where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return is_mountable() and subprocess.run(command, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    """Undo `mount`, also if something in there is still open."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
