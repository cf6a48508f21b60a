"""Commands ended by SIGKILL at random moments: what was committed before is still there, whole, and runs."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.fire.lab import PACKAGES, Lab, Report, wait_for_group
from tests.helpers.python_headers import available_headers
from tests.helpers.source_builder import CARELESS, extension
from tests.share.test_registry import serve

#: How many kills of a hundred are of a command: builds and bakes take long.
SHARES = {
    "create": 22, "install": 18, "import": 13, "pull": 11, "export": 9, "prune": 9, "verify": 9, "bake": 6, "build": 3,
}  # fmt: skip
#: Seconds that a command needs before it can have changed anything: Python starts.
START = 0.12
#: How many rounds until all that was made is run, and all but a few environments are removed.
SWEEP = 20


@dataclass
class Siege:
    """What is known while it lasts: `committed` are the environments that must be there, `seconds` how long commands take."""

    lab: Lab
    report: Report
    generator: random.Random
    committed: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    registry: str = ""
    rounds: int = 0

    def new_name(self) -> str:
        """A name that was not used before."""
        self.rounds += 1
        return f"k{self.rounds}"

    def some(self, count: int) -> list[str]:
        """Some of the packages."""
        return self.generator.sample(PACKAGES, count)

    def anybody(self) -> str:
        """A committed environment that may be removed."""
        return self.generator.choice(sorted(self.committed - ANCHORS) or ["changing"])


#: Environments that are there from beginning to end.
ANCHORS = {"anchor", "baked", "changing"}


def create(siege: Siege) -> list[str]:
    """A new environment; now and then one that is there is made anew."""
    name = "changing" if siege.generator.random() < 0.2 else siege.new_name()
    return ["create", "--clear", "-n", name, *siege.some(3), *siege.lab.offer]


def install(siege: Siege) -> list[str]:
    """A package that is missing, for an environment that keeps what it has."""
    packages = json.loads(siege.lab.must("info", "-n", "changing", "--json").output)["packages"]
    missing = sorted(set(PACKAGES) - {package["name"] for package in packages})
    if not missing:
        siege.lab.must("create", "--clear", "-n", "changing", "p0", *siege.lab.offer)
        missing = list(PACKAGES[1:])
    return ["install", "-n", "changing", siege.generator.choice(missing), *siege.lab.offer]


def bake(siege: Siege) -> list[str]:
    """Modules that have not been baked together before."""
    chosen = [f"{package}.m{siege.generator.randrange(30)}" for package in ("p1", "p2", "p2")]
    return ["bake", "-n", "baked", *(part for module in chosen for part in ("--import", module))]


def build(siege: Siege) -> list[str]:
    """A package that was not built before."""
    name = f"zz{siege.new_name()}"
    sources = siege.lab.folder / "sources"
    sources.mkdir(exist_ok=True)
    extension(name, CARELESS).write(sources)
    return ["build", "--find-links", str(sources), name, "-o", str(siege.lab.output / "built")]


def import_(siege: Siege) -> list[str]:
    """A file whose layers are, now and then, not in the store."""
    _sometimes_prune(siege)
    return ["import", str(siege.lab.folder / "kept.wenv"), "-n", siege.new_name(), "--grant"]


def pull(siege: Siege) -> list[str]:
    """The same from a registry."""
    _sometimes_prune(siege)
    return ["pull", f"{siege.registry}/lab:1", "-n", siege.new_name(), "--grant", "--plain-http"]


def export(siege: Siege) -> list[str]:
    """Over a file that is there."""
    return ["export", "-n", siege.anybody(), "-o", str(siege.lab.output / "written.wenv"), "--force"]


def prune(siege: Siege) -> list[str]:
    """With something to delete."""
    if siege.committed - ANCHORS:
        gone = siege.anybody()
        siege.lab.must("remove", gone)
        siege.committed.discard(gone)
    return ["cache", "prune"]


def verify(siege: Siege) -> list[str]:
    """With something to repair: compiled code, which is made again when somebody runs what it belongs to."""
    archives = sorted(siege.lab.store.root.glob("derived-v1/code/*/code.bin"), key=lambda path: path.stat().st_size)
    damaged = siege.generator.choice(archives[:-1])  # the last one is the standard library's
    content = bytearray(damaged.read_bytes())
    content[siege.generator.randrange(len(content))] ^= 0xFF
    damaged.write_bytes(content)
    return ["cache", "verify", "--repair"]


COMMANDS: dict[str, Callable[[Siege], list[str]]] = {
    "create": create, "install": install, "bake": bake, "build": build, "import": import_, "pull": pull,
    "export": export, "prune": prune, "verify": verify,
}  # fmt: skip


def _sometimes_prune(siege: Siege) -> None:
    """Take the layers that only imported environments have out of the store, so that they are written again."""
    if siege.generator.random() < 0.3:
        for name in [name for name, state in siege.lab.listed().items() if state and name not in ANCHORS]:
            siege.lab.must("remove", name)
            siege.committed.discard(name)
        siege.lab.must("cache", "prune")


@contextmanager
def _equipped(siege: Siege, runs_here: set[str]) -> Iterator[None]:
    """Have a registry, and what building needs, as far as they can be had."""
    with ExitStack() as stack:
        if shutil.which("docker-registry") or shutil.which("registry"):
            server = stack.enter_context(contextmanager(serve)(siege.lab.folder, False))
            siege.registry = server.host
            siege.lab.environment["DOCKER_CONFIG"] = str(siege.lab.folder / "no-docker")
        else:
            runs_here.discard("pull")
            siege.report.left_out.append("pull: no registry is installed (Debian's package docker-registry)")
        given = os.environ.get("WENV_PYTHON_HEADERS")
        headers = Path(given) if given else available_headers(siege.lab.folder.parent / "python-headers")
        if headers is None or find_spec("ziglang") is None:
            runs_here.discard("build")
            siege.report.left_out.append("build: CPython's headers or ziglang are missing")
        else:
            siege.lab.environment["WENV_PYTHON_HEADERS"] = str(headers)
        yield


def _measure(siege: Siege, runs_here: set[str]) -> None:
    """Make what is there from the beginning, and time each command once, uninterrupted."""
    lab = siege.lab
    lab.must("create", "-n", "anchor", "p0", "p1", *lab.offer)
    lab.must("create", "-n", "baked", "p1", "p2", *lab.offer)
    lab.must("create", "-n", "changing", "p0", *lab.offer)
    lab.must("create", "-n", "exported", "p3", "p4", "p5", *lab.offer)
    lab.must("export", "-n", "exported", "-o", str(lab.folder / "kept.wenv"))
    if siege.registry:
        lab.must("push", "-n", "exported", f"{siege.registry}/lab:1", "--plain-http")
    lab.must("remove", "exported")
    siege.committed = set(ANCHORS)
    for name in sorted(runs_here):
        siege.seconds[name] = lab.must(*COMMANDS[name](siege)).seconds
    siege.committed |= {name for name in lab.listed() if name not in ANCHORS}


def _after(siege: Siege, what: str) -> None:
    """Look at everything after a kill."""
    found = siege.lab.broken(siege.committed)
    siege.committed |= set(siege.lab.listed())
    written = siege.lab.output / "written.wenv"
    if written.exists() and (shown := siege.lab("info", str(written))).status:
        found.append(shown.said)
    sample = {siege.generator.choice(sorted(siege.committed)), "baked" if what == "bake" else "changing"}
    found += siege.lab.not_running(sample)
    siege.report.faults += [f"after a kill of {what}: {fault}" for fault in found]


def _mend(siege: Siege) -> None:
    """Finish a repair that was cut off, and make again what it deleted."""
    siege.lab.must("cache", "verify", "--repair")
    for name in sorted(siege.committed):
        siege.lab.must("run", "-n", name, "-c", "pass")


def _kill(siege: Siege, what: str) -> bool:
    """Start a command and kill it, alone or with what it started; whether it still ran."""
    process = siege.lab.start(*COMMANDS[what](siege), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(siege.generator.uniform(START, siege.seconds[what]))
    if siege.generator.random() < 0.5:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    if not wait_for_group(process):
        siege.report.faults.append(f"a killed {what} left processes that ran on for two minutes")
    return process.returncode == -signal.SIGKILL


def _sweep(siege: Siege) -> None:
    """Run everything, then remove most of it: the store is to be filled again."""
    siege.report.faults += siege.lab.not_running(sorted(siege.committed))
    siege.report.counts["environments that ran"] += len(siege.committed)
    for name in sorted(siege.committed - ANCHORS)[2:]:
        siege.lab.must("remove", name)
        siege.committed.discard(name)
    siege.report.counts["left in staging until pruned"] += len(list((siege.lab.store.root / "staging-v1").glob("*")))
    siege.report.faults += siege.lab.left_over()
    siege.report.faults += siege.lab.broken(siege.committed)


def fire(lab: Lab, *, kills: int = 300, seed: int = 1) -> Report:
    """Kill commands until `kills` were killed while they ran, and look at the store and at environments after each."""
    report = Report("kills")
    siege, runs_here = Siege(lab, report, random.Random(seed)), set(SHARES)
    with _equipped(siege, runs_here):
        _measure(siege, runs_here)
        order = [name for name in SHARES if name in runs_here]
        killed, started = 0, time.monotonic()
        while killed < kills:
            what = siege.generator.choices(order, [SHARES[name] for name in order])[0]
            hit = _kill(siege, what)
            report.counts[f"killed {what}" if hit else "ended before the kill"] += 1
            killed += hit
            if what == "verify":
                _mend(siege)
            _after(siege, what)
            if hit and killed % SWEEP == 0:
                _sweep(siege)
        _sweep(siege)
    report.counts["left in temporary folders"] = len(list(lab.temporary.glob("wenv-*")))
    report.notes.append(f"{killed} kills in {time.monotonic() - started:.0f} s")
    return report
