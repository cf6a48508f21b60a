"""Many commands at once, each worker with environments of its own and one that all of them read: no command may fail."""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fire.lab import PACKAGES, PROGRAM, Lab, Outcome, Report

#: Has each process append what it waited for: one JSON object a line, ``{"lock": …, "seconds": …, "command": …}``.
LOCK_REPORT = "WENV_LOCK_REPORT"
#: Commands that a user waits for at a prompt, and how many seconds they may wait for locks; then how many all others may.
PROMPT, PROMPT_LIMIT, OTHER_LIMIT = {"run", "shell", "list", "info"}, 5, 30
#: How often a command is chosen: a bake takes ten seconds, a list a third of one.
WEIGHTS = {
    "run": 8, "shell": 4, "list": 4, "info": 4, "create": 4, "install": 4, "remove": 2, "bake": 1, "prune": 2, "verify": 2,
    "export": 3, "import": 3, "diff": 2, "copy": 3, "rename": 2,
}  # fmt: skip


@dataclass
class Worker:
    """One of the crowd: what it has made, which no other touches."""

    lab: Lab
    number: int
    generator: random.Random
    own: list[str] = field(default_factory=list)
    exported: Path | None = None
    made: int = 0

    def new_name(self) -> str:
        """A name that was not used before."""
        self.made += 1
        return f"w{self.number}-{self.made}"

    def any(self) -> str:
        """One of its environments, or the one that everybody reads."""
        return self.generator.choice([*self.own, "common"])

    def step(self) -> tuple[str, Outcome, str | None]:
        """Run one command that is possible now; returns its name, how it ended, and what was wrong with it."""
        possible = [name for name in WEIGHTS if self._is_possible(name)]
        name = self.generator.choices(possible, [WEIGHTS[each] for each in possible])[0]
        arguments, expected = STEPS[name](self)
        outcome = self.lab(*arguments, stdin=PROGRAM + "\n" if name == "shell" else "")
        allowed = (0, 1) if name == "diff" else (0,)  # 1: they differ
        wrong = outcome.status not in allowed or outcome.crashed or (expected is not None and outcome.output != expected)
        return name, outcome, outcome.said if wrong else None

    def _is_possible(self, name: str) -> bool:
        match name:
            case "install" | "bake" | "remove" | "rename":
                return bool(self.own)
            case "create" | "copy":
                return len(self.own) < 4
            case "import":
                return self.exported is not None and len(self.own) < 4
            case _:
                return True


Step = tuple[list[str], str | None]


def _run(worker: Worker) -> Step:
    return ["run", "-n", worker.any(), "-c", PROGRAM], "runs\n"


def _shell(worker: Worker) -> Step:
    return ["shell", "-n", worker.any()], "runs\n"


def _list(worker: Worker) -> Step:
    return ["list", "--json"], None


def _info(worker: Worker) -> Step:
    return ["info", "-n", worker.any(), "--json"], None


def _create(worker: Worker) -> Step:
    worker.own.append(name := worker.new_name())
    return ["create", "-n", name, *worker.generator.sample(PACKAGES, 2), *worker.lab.offer], None


def _install(worker: Worker) -> Step:
    return ["install", "-n", worker.generator.choice(worker.own), worker.generator.choice(PACKAGES), *worker.lab.offer], None


def _remove(worker: Worker) -> Step:
    return ["remove", worker.own.pop(worker.generator.randrange(len(worker.own)))], None


def _bake(worker: Worker) -> Step:
    return ["bake", "-n", worker.generator.choice(worker.own)], None


def _prune(worker: Worker) -> Step:
    return ["cache", "prune"], None


def _verify(worker: Worker) -> Step:
    return ["cache", "verify", "--json"], "[]\n"


def _export(worker: Worker) -> Step:
    worker.exported = worker.lab.output / f"w{worker.number}.wenv"
    return ["export", "--force", "-n", worker.any(), "-o", str(worker.exported)], None


def _import(worker: Worker) -> Step:
    worker.own.append(name := worker.new_name())
    return ["import", "--grant", str(worker.exported), "-n", name], None


def _diff(worker: Worker) -> Step:
    return ["diff", worker.any(), "common"], None


def _copy(worker: Worker) -> Step:
    old = worker.any()
    worker.own.append(name := worker.new_name())
    return ["copy", "-n", old, name], None


def _rename(worker: Worker) -> Step:
    old = worker.own.pop(worker.generator.randrange(len(worker.own)))
    worker.own.append(name := worker.new_name())
    return ["rename", "-n", old, name], None


STEPS: dict[str, Callable[[Worker], Step]] = {
    "run": _run, "shell": _shell, "list": _list, "info": _info, "create": _create, "install": _install, "remove": _remove,
    "bake": _bake, "prune": _prune, "verify": _verify, "export": _export, "import": _import, "diff": _diff, "copy": _copy,
    "rename": _rename,
}  # fmt: skip


def _waits(file: Path) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds that commands waited, by command: for locks, and for what another was making that they would have made."""
    locks: dict[str, list[float]] = defaultdict(list)
    shared: dict[str, list[float]] = defaultdict(list)
    for line in file.read_text("utf-8").splitlines():
        entry = json.loads(line)
        is_lock = entry["lock"] == "store" or entry["lock"].startswith("environment-")
        (locks if is_lock else shared)[entry["command"][0]].append(float(entry["seconds"]))
    return locks, shared


def _compare_waits(report: Report, file: Path) -> None:
    if not file.is_file():
        report.left_out.append("time spent waiting for locks: the commands reported none")
        return
    locks, shared = _waits(file)
    for name, seconds in sorted(locks.items()):
        limit = PROMPT_LIMIT if name in PROMPT else OTHER_LIMIT
        report.notes.append(f"{name} waited for locks: {max(seconds):.2f} s at most, {sum(seconds):.1f} s in all")
        if max(seconds) > limit:
            report.faults.append(f"{name} waited {max(seconds):.1f} s for a lock; at most {limit} s are allowed")
    for name, seconds in sorted(shared.items()):
        report.notes.append(f"{name} waited for what another was making: {max(seconds):.2f} s at most, {len(seconds)} times")


def fire(lab: Lab, *, seconds: float = 60, workers: int = 16, seed: int = 1) -> Report:
    """Start commands in `workers` threads for `seconds`, wait for all, and look at the store."""
    report = Report("crowd")
    waited = lab.folder / "locks.jsonl"
    lab.environment[LOCK_REPORT] = str(waited)
    lab.must("create", "-n", "common", "p0", "p1", *lab.offer)
    slowest: dict[str, float] = {}
    crowd = [Worker(lab, number, random.Random(f"{seed} {number}")) for number in range(workers)]
    until = time.monotonic() + seconds

    def work(worker: Worker) -> list[tuple[str, Outcome, str | None]]:
        done = []
        while time.monotonic() < until:
            done.append(worker.step())
            if done[-1][2] is not None:
                break  # what it has is not known any more
        return done

    with ThreadPoolExecutor(workers) as pool:
        for done in pool.map(work, crowd):
            for name, outcome, wrong in done:
                report.counts[name] += 1
                slowest[name] = max(slowest.get(name, 0), outcome.seconds)
                report.faults += [wrong] if wrong else []
    report.counts = Counter({name: report.counts[name] for name in WEIGHTS} | {"all": report.counts.total()})
    report.notes.append(f"the last command ended {time.monotonic() - until:.1f} s after the last one was started")
    report.notes += [f"slowest {name}: {taken:.1f} s" for name, taken in sorted(slowest.items(), key=lambda item: -item[1])]
    _compare_waits(report, waited)
    kept = ["common", *(name for worker in crowd for name in worker.own)]
    report.faults += lab.left_over() + lab.broken(kept) + lab.not_running(kept)
    unknown = set(lab.listed()) - set(kept)
    report.faults += [f"{name} was removed and is listed" for name in sorted(unknown)]
    return report
