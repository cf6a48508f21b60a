"""A disk that is full at every write: each command gets a little more room until it succeeds, and nothing breaks meanwhile."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.fire.lab import PROGRAM, Lab, Report, in_folder, mount, unmount

#: Bytes of the file system; the runtime takes 90 MB.
SIZE = 700 << 20
PAGE = 4096
#: Statuses of a command that could not do its work: see `wenv.errors.Exit`.
REFUSED = (1, 125)


def room(short: bool) -> Iterable[int]:
    """Bytes that are free, step by step: every page at first, where a command writes its small files; then ever more."""
    free: float = 0
    while free < SIZE / 2:
        yield int(free)
        free = max(free + PAGE * (4 if short else 1), free * (2.5 if short else 1.2))


class Disk:
    """A file system whose free bytes are set by the size of a file on it."""

    def __init__(self, folder: Path) -> None:
        self.filler = folder / "filler"

    def leave(self, free: int) -> None:
        """Leave so many bytes free."""
        self.empty()
        available = shutil.disk_usage(self.filler.parent).free
        descriptor = os.open(self.filler, os.O_CREAT | os.O_WRONLY)
        try:
            os.posix_fallocate(descriptor, 0, max(available - free, 1))
        finally:
            os.close(descriptor)

    def empty(self) -> None:
        """Leave everything free."""
        self.filler.unlink(missing_ok=True)


def fire(lab: Lab, *, short: bool = False) -> Report:
    """Try every command on a file system in memory that holds store, environments, private folders and output."""
    report = Report("disk")
    place = lab.folder / "mounted"
    if not mount(place, SIZE):
        report.left_out.append("all of it: no file system can be mounted here")
        return report
    try:
        small, disk = in_folder(lab, place, own_temporary=True), Disk(place)
        small.must("create", "-n", "kept", "p0", "p1", *lab.offer)
        small.must("export", "-n", "kept", "-o", str(lab.output / "kept.wenv"))
        for arguments in _commands(lab, small):
            _fill(small, disk, arguments, report, short=short)
        _from_nothing(lab, small, disk, report, short=short)
    finally:
        unmount(place)
    return report


def _commands(lab: Lab, small: Lab) -> list[tuple[str, ...]]:
    """All of them; each finds what those before it made."""
    kept = str(lab.output / "kept.wenv")
    return [
        ("list",), ("info", "-n", "kept"), ("diff", "kept", "kept"), ("cache", "verify"), ("cache", "du"),
        ("run", "-n", "kept", "-c", PROGRAM), ("run", "-n", "kept", "--timeout", "60", "-c", PROGRAM), ("shell", "-n", "kept"),
        ("create", "-n", "made", "p2", "p3", *lab.offer), ("install", "-n", "made", "p4", *lab.offer),
        ("uninstall", "-n", "made", "p3"), ("copy", "-n", "made", "copied"), ("rename", "-n", "copied", "renamed"),
        ("create", "--clear", "-n", "made", "p5", *lab.offer), ("import", kept, "-n", "imported"),
        ("run", "--from", kept, "-c", PROGRAM), ("export", "-n", "made", "-o", str(small.output / "made.wenv")),
        ("lock", "p1", *lab.offer, "-o", str(small.output / "pylock.toml")), ("check", "p1", *lab.offer),
        ("bake", "-n", "made"), ("bake", "--clear", "-n", "made"), ("remove", "renamed"), ("cache", "prune"),
    ]  # fmt: skip


def _fill(small: Lab, disk: Disk, arguments: tuple[str, ...], report: Report, *, short: bool) -> None:
    """One command with more and more room, until it succeeds; after each failure there is what was there before."""
    for free in room(short):
        before = small.listed()
        disk.leave(free)
        outcome = small(*arguments, stdin=PROGRAM + "\n" if arguments[0] == "shell" else "")
        disk.empty()
        report.counts["attempts"] += 1
        where = f"with {free} bytes free: {outcome.said}"
        if outcome.crashed:
            report.faults.append(f"{where}: a traceback")
        if not outcome.status:
            break
        report.counts["refused for lack of room"] += 1
        if outcome.status not in REFUSED or not outcome.in_few_words():
            report.faults.append(f"{where} (in {len(outcome.errors.splitlines())} lines)")
        if small.listed() != before:
            report.faults.append(f"{where}: there were {sorted(before)}, now {sorted(small.listed())}")
        report.faults += [f"{where}: then {fault}" for fault in _harm(small, before)]
    else:
        report.faults.append(f"wenv {' '.join(arguments)} never succeeded")
    report.counts["commands"] += 1


def _harm(small: Lab, names: Iterable[str]) -> list[str]:
    """What is broken or left after a failure, with room again; nothing was pruned."""
    left = [*(small.store.root / "staging-v1").glob("*"), *small.temporary.glob("*")]
    return small.broken(names) + [f"left over: {path}" for path in left]


def _from_nothing(lab: Lab, small: Lab, disk: Disk, report: Report, *, short: bool) -> None:
    """The first command of all, on an empty store: the interpreter itself is made."""
    shutil.rmtree(small.store.root)
    shutil.rmtree(small.folder / "data")
    for megabytes in (0, 1, 20, 70) if short else (0, 1, 4, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100):
        disk.leave(megabytes << 20)
        outcome = small("create", "-n", "first", "p0", *lab.offer)
        disk.empty()
        report.counts["attempts on an empty store"] += 1
        if not outcome.status:
            break
        if outcome.crashed or not outcome.in_few_words():
            report.faults.append(f"on an empty store with {megabytes} MB free: {outcome.said}")
        report.faults += [f"on an empty store with {megabytes} MB free: then {fault}" for fault in _harm(small, ())]
    small.must("create", "--clear", "-n", "first", "p0", *lab.offer)
    report.faults += small.broken(["first"]) + small.not_running(["first"]) + small.left_over()
