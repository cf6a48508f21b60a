"""Flipped bytes in copies of a small store: what is damaged is named and mended, or named as lost."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fire.lab import PROGRAM, Lab, Outcome, Report
from wenv_cache.store import Store
from wenv_cache.verify import Finding, verify

#: Bytes between two that are flipped, in the files of the store.
EVERY = 500
#: What a byte is changed by: to one that is no text, to one that looks like what it was.
MASKS = (0x80, 0x01)
#: Files of the store that hold something that was recorded, and are read without their digest being compared at each use.
RECORDS = (
    "derived-v1/*/*/SHA256SUMS", "derived-v1/*/*/standard-library", "derived-v1/*/*/*.json", "derived-v1/*/*/code/index",
    "derived-v1/*/*/*.idx", "derived-v1/*/*/*.absent", "derived-v1/*/*/*.txt", "layers-v1/*/*/manifest", "documents-v1/*/*",
    "records-v1/*/*", "downloads-v1/**/*", "locks-v1/store.lock",
)  # fmt: skip
#: The same of what belongs to environments and not to the store: verify does not look there.
OUTSIDE = (
    "environments/*/environment.json", "environments/*/pylock.toml", "environments/*/bin/*", "environments/*/.gitignore",
    "registered/*", "history/*",
)  # fmt: skip
#: Kinds of entries whose damage does no harm: they are made again, and hold nothing that could be believed wrongly.
HARMLESS = ("locks-v1", "downloads-v1", "logs-v1", "tools-v1", "staging-v1")


@dataclass(frozen=True)
class Damage:
    """One file and what is done to it: `positions` of bytes, each changed by `mask`."""

    path: Path
    positions: tuple[int, ...]
    mask: int

    def apply(self) -> None:
        """Do it, in the file itself: what shares its content has it too."""
        content = bytearray(self.path.read_bytes())
        for position in self.positions:
            content[position] ^= self.mask
        self.path.write_bytes(content)

    def __str__(self) -> str:
        return f"{'/'.join(self.path.parts[-4:])} byte {', '.join(map(str, self.positions[:3]))} ^ {self.mask:#x}"


def positions(size: int) -> tuple[int, ...]:
    """Every 500th byte, the first and the last."""
    return tuple(sorted({*range(0, size, EVERY), size - 1})) if size else ()


def fire(lab: Lab, *, short: bool = False, seed: int = 1) -> Report:
    """Damage copies of a store with three environments, one of them baked, in each way; see the module."""
    report = Report("flips")
    _furnish(lab)
    good = lab.folder.with_name(lab.folder.name + "-good")
    subprocess.run(["cp", "-a", str(lab.folder), str(good)], check=True)
    try:
        _each_record(lab, good, report, random.Random(seed), short=short)
        for mask in MASKS[: 1 if short else None]:
            _everything(lab, good, report, mask, with_environments=False)
            _everything(lab, good, report, mask, with_environments=True)
    finally:
        shutil.rmtree(good)
    return report


def _furnish(lab: Lab) -> None:
    lab.must("create", "-n", "one", "p0", "p1", *lab.offer)
    lab.must("create", "-n", "two", "p1", "p2", *lab.offer)
    lab.must("bake", "-n", "two")
    for name in ("one", "two"):
        lab.must("run", "-n", name, "-c", PROGRAM)


def _restore(lab: Lab, good: Path) -> None:
    """Make the lab as it was at first, at the same place: paths are part of what is kept."""
    for name in ("cache", "data"):
        shutil.rmtree(lab.folder / name)
        subprocess.run(["cp", "-a", str(good / name), str(lab.folder / name)], check=True)


# -- each record alone


def _records(lab: Lab) -> Iterator[tuple[Path, bool]]:
    """Each record, once, and whether it belongs to the store."""
    for root, patterns, inside in ((lab.store.root, RECORDS, True), (lab.folder / "data", OUTSIDE, False)):
        found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file() and path.stat().st_size}
        yield from ((path, inside) for path in sorted(found))


def _each_record(lab: Lab, good: Path, report: Report, generator: random.Random, *, short: bool) -> None:
    for path, inside in list(_records(lab)):
        size = path.stat().st_size
        single = [(position,) for position in positions(size)]
        chosen = generator.sample(single, min(len(single), 1 if short else 40))
        for mask in MASKS:
            for which in [positions(size), *chosen]:
                damage = Damage(path, which, mask)
                damage.apply()
                if inside:
                    _compare(lab.store, damage, report)
                damage.apply()  # back again
        for mask in MASKS[: 1 if short else None]:
            if short and generator.random() > 0.3:
                continue
            damage = Damage(path, (size // 2,), mask)
            damage.apply()
            _commands(lab, damage, report, inside=inside)
            _restore(lab, good)


def _compare(store: Store, damage: Damage, report: Report) -> None:
    """Whether verify names one damaged file, in this process."""
    report.counts["records damaged, verified"] += 1
    try:
        findings = list(verify(store))
    except Exception as error:  # whatever it is: verify survives all damage
        report.faults.append(f"{damage}: verify raises {type(error).__name__}: {error}")
        return
    if not _names(findings, damage.path) and damage.path.relative_to(store.root).parts[0] not in HARMLESS:
        report.faults.append(f"{damage}: verify does not name it")


def _names(findings: list[Finding], path: Path) -> bool:
    return any(finding.path == path or finding.path in path.parents for finding in findings)


def _commands(lab: Lab, damage: Damage, report: Report, *, inside: bool) -> None:
    """The commands that meet one damaged file, then repair."""
    report.counts["records damaged, commands tried"] += 1
    outcomes = [
        lab("run", "-n", "one", "-c", PROGRAM), lab("run", "-n", "two", "-c", PROGRAM), lab("list"),
        lab("info", "-n", "one"), lab("info", "-n", "two"), lab("diff", "one", "two"),
        lab("create", "-n", "new", "p0", "p3", *lab.offer), lab("cache", "prune", "--dry-run"), lab("cache", "verify"),
    ]  # fmt: skip
    report.faults += [f"{damage}: {outcome.said}: a traceback" for outcome in outcomes if outcome.crashed]
    for outcome in outcomes[:2]:
        if outcome.status == 0 and outcome.output != "runs\n":
            report.faults.append(f"{damage}: {outcome.said}: wrong in silence")
    _mend(lab, str(damage), report, inside=inside)


def _mend(lab: Lab, what: str, report: Report, *, inside: bool) -> None:
    """Repair and install: every environment runs then, or its manifest is named as damaged."""
    steps = [lab("cache", "verify", "--repair")]
    for name in ("one", "two"):
        steps.append(lab("install", "-n", name, timeout=1800))
        steps.append(outcome := lab("run", "-n", name, "-c", PROGRAM))
        if outcome.output != "runs\n":
            named = not inside and not outcome.crashed and _is_named(lab, name, outcome)
            report.counts["environments lost, and named"] += named
            if not named:
                report.faults.append(f"{what}: not mended: {steps[-2].said} {outcome.said}")
    report.faults += [f"{what}: {outcome.said}: a traceback" for outcome in steps if outcome.crashed]
    left = lab("cache", "verify", "--json")
    if left.status or left.output != "[]\n":
        report.faults.append(f"{what}: after repair: {left.said}")


def _is_named(lab: Lab, name: str, outcome: Outcome) -> bool:
    """Whether the error of a run says which file of an environment is damaged; such a one can be made anew."""
    path = str(lab.home(name) / "environment.json")
    return path in outcome.errors or f"called '{name}'" in outcome.errors


# -- all files at once


def _everything(lab: Lab, good: Path, report: Report, mask: int, *, with_environments: bool) -> None:
    """Damage every file of the store, and of the environments, each at every position."""
    roots = [lab.store.root, lab.folder / "data"] if with_environments else [lab.store.root]
    seen, named, damaged = set[int](), set[Path](), 0
    for path in sorted(path for root in roots for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
        status = path.stat()
        if status.st_ino in seen or not status.st_size:
            continue
        seen.add(status.st_ino)
        if path.relative_to(lab.folder).parts[:2] != ("cache", "locks-v1") or with_environments:
            Damage(path, positions(status.st_size), mask).apply()
            damaged += 1
            if path.is_relative_to(lab.store.root):
                named.add(path)
    what = f"all files{' and environments' if with_environments else ' of the store'} ^ {mask:#x}"
    report.counts["files damaged, all at once"] += damaged
    outcomes = [lab("list"), lab("info", "-n", "one"), lab("run", "-n", "one", "-c", PROGRAM), lab("shell", "-n", "two")]
    outcomes.append(verified := lab("cache", "verify", "--json"))
    report.faults += [f"{what}: {outcome.said}: a traceback" for outcome in outcomes if outcome.crashed]
    try:
        paths = {Path(finding["path"]) for finding in json.loads(verified.output)}
    except ValueError:
        report.faults.append(f"{what}: verify finds nothing: {verified.said}")
        paths = set()
    harmed = {path for path in named if path.relative_to(lab.store.root).parts[0] not in HARMLESS}
    unnamed = sorted(path for path in harmed if path not in paths and not paths & set(path.parents))
    report.counts["of these named by verify"] += len(harmed) - len(unnamed)
    report.faults += [f"{what}: verify does not name {path.relative_to(lab.store.root)}" for path in unnamed[:20]]
    _mend(lab, what, report, inside=not with_environments)
    _restore(lab, good)
