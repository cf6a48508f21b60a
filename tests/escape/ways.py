"""The ways to start a program, and what came of the attempts in each."""

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.conftest import Wenv, copy_runtime
from tests.escape import place
from tests.escape.programs import SUBJECTS
from tests.helpers.wheel_builder import Wheel
from tests.pack.machine import wasmtime
from wenv.environment.kinds import Kind
from wenv.runtimes import Runtime, runtime_of
from wenv_cache.store import Store
from wenv_resolver.progress import Silent

FILES = tuple(Path(__file__).parent / "programs" / f"{subject}.py" for subject in SUBJECTS)
#: The attempts of a C extension.
RAW_FILES = (FILES[0], Path(__file__).parent / "rawwasi" / "attempts.py")
#: Seconds; a way that takes longer hangs.
TIMEOUT = 300


def program(given: Mapping[str, str], *, start: bool = True, files: Sequence[Path] = FILES) -> str:
    """The files of attempts as one text; `given` fills in `programs.given`, `start` runs it."""
    parts = [f"GIVEN = {dict(given)!r}\n"]
    for path in files:
        text = path.read_text("utf-8")
        lines = text.splitlines(keepends=True)
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.escape."):
                assert node.end_lineno is not None
                lines[node.lineno - 1 : node.end_lineno] = ["\n"] * (node.end_lineno - node.lineno + 1)
        parts.append("".join(lines))
    return "\n".join([*parts, "main()\n" if start and files else ""])


@dataclass(frozen=True)
class Place:
    """An environment in a folder with a store, data and secrets of its own."""

    wenv: Wenv
    outside: Path
    store: Path
    data: Path
    listeners: place.Listeners
    runtime: Kind
    baked: bool
    files: Sequence[Path] = FILES
    """Of what the program is joined."""

    @property
    def work(self) -> Path:
        """The shared folder, in which the environment lies."""
        return self.wenv.folder

    @property
    def folder(self) -> Path:
        """What holds everything."""
        return self.work.parent

    def given(self, **more: str) -> dict[str, str]:
        """What the attempts are told."""
        return {
            "root": "",
            "work": str(self.work),
            "fixed": str(self.work),
            "outside": str(self.outside),
            "store": str(self.store),
            "data": str(self.data),
            "host": socket.gethostname(),
            "prefix": sys.prefix[::-1],
            "tcp": str(self.listeners.tcp),
            "udp": str(self.listeners.udp),
            **more,
        }

    def state(self) -> place.State:
        """What no program may change: the race is the host's own doing, launch plans are renewed when they are used."""
        kinds = ("blobs-v1", "derived-v1", "documents-v1", "layers-v1")
        found = place.state(self.work, self.outside, self.data, *(self.store / kind for kind in kinds))
        registered, plots, race = self.data / "registered", self.data / "plots", self.work / "race"
        return {  # the folder of plots is the program's to write to; it must only leave nothing there
            path: (about[0], about[1], 0, about[3]) if plots in path.parents and path.is_dir() else about
            for path, about in found.items()
            if race not in (path, *path.parents) and path != registered and path.suffix not in {".plan", ".start"}
        }


def prepared(cache: Path, kind: Kind) -> Runtime:
    """A runtime with everything that a place's store is given, what sessions need too."""
    made = runtime_of(Store(cache), kind)
    with made.store.writing():
        made.prepare(Silent())
        made.component(Silent(), stoppable=True)
    return made


@contextmanager
def made_place(
    folder: Path,
    runtime: Runtime,
    *,
    baked: bool,
    source: "tuple[Path, str] | None" = None,
    variables: "Mapping[str, str] | None" = None,
) -> Iterator[Place]:
    """An environment of a runtime with one package, `zzvictim`, and another environment with `zzother` beside it.

    `source` is a folder with a source distribution and the name of one more package, which is built from it; `variables` are
    more variables of wenv's own.
    """
    folder.mkdir()
    work, outside = place.prepare(folder, special=True)
    place.make_race(work / "race", outside)
    offered = folder / "offered"
    offered.mkdir()
    script = "[console_scripts]\nzzvictim = os:getcwd"
    Wheel("zzvictim", files={"zzvictim/__init__.py": "mine = True\n"}, entry_points=script).write(offered)
    Wheel("zzother", files={"zzother/__init__.py": "secret = True\n"}).write(offered)
    store, data = folder / "store", folder / "data"
    own = Store(store)
    copy_runtime(runtime, own)
    folders = {"WENV_CACHE_DIR": str(own.root), "WENV_DATA_DIR": str(data)}
    wenv = Wenv(work, {**os.environ, **folders, **(variables or {}), "ESCAPE_SECRET": place.SECRET})
    kind, links = ("--runtime", runtime.kind.value), ("--find-links", str(offered))
    # building needs its tools from the index
    more = ("--find-links", str(source[0]), source[1]) if source else ("--no-index",)
    wenv("create", *kind, *links, *more, "zzvictim", timeout=900)
    wenv("create", "--path", str(folder / "other"), *kind, *links, "--no-index", "zzother", timeout=900)
    if baked:
        wenv("bake", "--import", "json", "--import", "zzvictim", timeout=900)
    listeners = place.Listeners(work / "door")
    made = Place(wenv, outside, own.root, data, listeners, runtime.kind, baked)
    try:
        (work / "attempts.py").write_text("")
        for way in (run, limited, api):  # what the first start of a kind makes is there before anything is compared
            started = way(replace(made, files=()))
            subprocess.run([str(word) for word in started.command], cwd=work, env=wenv.environment, check=True, timeout=TIMEOUT)
        yield made
    finally:
        listeners.close()


@dataclass(frozen=True)
class Started:
    """How a program was started: a command, and what it is given."""

    command: Sequence["str | Path"]
    stdin: str = ""
    folder: "Path | None" = None
    watched: Sequence[Path] = ()
    """What else must not change."""


def _script(at: Place, **given: str) -> str:
    """Write the attempts into the shared folder; returns the script's name."""
    (at.work / "attempts.py").write_text(program(at.given(**given), files=at.files), "utf-8")
    return "attempts.py"


def _wenv(at: Place, *arguments: str) -> Started:
    return Started([sys.executable, "-P", "-m", "wenv", *arguments])


def native(at: Place) -> Started:
    """The script in `bin`, whose interpreter is the native launcher."""
    return Started([at.work / ".wenv" / "bin" / "python", _script(at)])


def run(at: Place) -> Started:
    """``wenv run``."""
    return _wenv(at, "run", _script(at))


def child(at: Place) -> Started:
    """A program that another one has started."""
    _script(at)
    return _wenv(at, "run", "-c", "import subprocess, sys; subprocess.run([sys.executable, 'attempts.py'], check=True)")


def limited(at: Place) -> Started:
    """``wenv run`` with a limit, which takes the longer way through the engine with checks."""
    return _wenv(at, "run", "--memory", "3G", _script(at))


def shell(at: Place) -> Started:
    """``wenv shell``, which reads a program from standard input."""
    _script(at)
    started = _wenv(at, "shell")
    return Started(started.command, stdin=program(at.given(), files=at.files))


SESSION = """\
import sys, wenv
with wenv.open(sys.argv[1]).session(mounts=[sys.argv[1]], in_process=sys.argv[2:] == []) as session:
    output = session.run(open(sys.argv[1] + "/attempts.py", encoding="utf-8").read())
sys.stdout.write(output.stdout)
sys.stderr.write(output.stderr)
"""


def api(at: Place) -> Started:
    """A session of the Python API, in a process of its own so that it inherits what the others do."""
    _script(at)
    return Started([sys.executable, "-P", "-c", SESSION, at.work])


def remote(at: Place) -> Started:
    """A session whose sandbox is a process of its own."""
    _script(at)
    return Started([sys.executable, "-P", "-c", SESSION, at.work, "remote"])


def packed(at: Place) -> Started:
    """A packed component, run by the plain wasmtime, which grants it a copy of the shared folder for writing too.

    What it may read only is in the component itself.  It has a ``/tmp`` in memory, so its folder is not where the host's is.
    """
    machine = at.folder / "machine"
    machine.mkdir()
    shared = machine / "project"
    _script(at, work="/shared/project", outside="/shared/outside", fixed="/app")
    shutil.copytree(at.work, shared, symlinks=True, ignore=shutil.ignore_patterns("door", "pipe", "zero_device", "race"))
    shutil.copytree(at.outside, machine / "outside", symlinks=True)
    executable, out = machine / "wasmtime", machine / "attempts.wasm"
    shutil.copyfile(wasmtime(), executable)
    executable.chmod(0o700)
    bake = () if at.baked else ("--no-bake",)
    compiled = ("-o", str(out), "--precompile", str(executable))
    at.wenv("pack", *bake, "--entry", "attempts.py", "plain.txt", *compiled, timeout=900)
    options = ("--allow-precompiled", "-W", "max-wasm-stack=1900000", "--dir", f"{shared}::/shared/project")
    return Started([executable, "run", *options, out.with_suffix(".cwasm")], folder=machine, watched=(machine / "outside",))


Way = Callable[[Place], Started]
WAYS: dict[str, Way] = {way.__name__: way for way in (native, run, child, limited, shell, api, remote, packed)}


@dataclass(frozen=True)
class Report:
    """What came of the attempts: a row for each, whether the program ran to its end, and what the host noticed."""

    rows: Sequence[Mapping[str, str]]
    targets: Sequence[str]
    whole: bool
    changed: Sequence[str]
    contacts: Sequence[str]
    status: int
    errors: str

    def of(self, *outcomes: str) -> list[Mapping[str, str]]:
        """The rows with some outcomes."""
        return [row for row in self.rows if row["outcome"] in outcomes]

    def counts(self) -> "Counter[str]":
        """Rows by outcome."""
        return Counter(row["outcome"] for row in self.rows)


def read_report(output: str, changed: Sequence[str], contacts: Sequence[str], status: int, errors: str) -> Report:
    """Find the attempts' lines in whatever else was printed."""
    found = []
    for line in output.splitlines():
        if line.startswith('{"'):
            found.append(json.loads(line))
    rows = [one for one in found if "outcome" in one]
    ended = [one["tried"] for one in found if "tried" in one]
    targets = [path for one in found for path in one.get("targets", [])]
    return Report(rows, targets, ended == [len(rows)], changed, contacts, status, errors[-3000:])


def attempted(at: Place, way: Way) -> Report:
    """Start the attempts in a way, and compare the host before and after."""
    started = way(at)
    secrets_folder = at.folder / f"secrets-{len(list(at.folder.glob('secrets-*')))}"
    with place.inherited(secrets_folder) as secrets:
        before = at.state() | place.state(secrets_folder, *started.watched)
        at.listeners.contacts()
        with place.swinging(at.work / "race"):
            result = subprocess.run(
                [str(word) for word in started.command],
                cwd=started.folder or at.work,
                env=at.wenv.environment,
                input=started.stdin,
                text=True,
                errors="replace",
                capture_output=True,
                timeout=TIMEOUT,
                pass_fds=secrets.descriptors,
            )
        changed = place.differences(before, at.state() | place.state(secrets_folder, *started.watched))
    return read_report(result.stdout, changed, at.listeners.contacts(), result.returncode, result.stderr)
