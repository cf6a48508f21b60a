"""A store and environments that cannot be written to: what only reads works, everything else says so in few words."""

import subprocess

from tests.fire.lab import PROGRAM, Lab, Report, in_folder, mount, unmount

#: Bytes; the runtime takes 90 MB.
SIZE = 600 << 20


def fire(lab: Lab) -> Report:
    """Make environments in a file system of their own, make that read-only, and try every command."""
    report = Report("readonly")
    place = lab.folder / "mounted"
    if not mount(place, SIZE):
        report.left_out.append("all of it: no file system can be mounted here")
        return report
    try:
        _try_all(in_folder(lab, place), lab, report)
    finally:
        unmount(place)
    return report


def _try_all(small: Lab, lab: Lab, report: Report) -> None:
    """Every command on `small`, which is made read-only; what they write goes to `lab`."""
    small.must("create", "-n", "one", "p0", "p1", *lab.offer)
    small.must("create", "-n", "two", "p1", *lab.offer)
    small.must("create", "-n", "unstarted", "p2", *lab.offer)
    file = lab.output / "one.wenv"
    small.must("export", "-n", "one", "-o", str(file))
    for path in (small.folder / "data" / "registered").glob("*"):  # without a plan, as if it came from somewhere else
        if path.suffix != ".json" and "unstarted" in path.read_bytes().decode("latin-1"):
            path.unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(small.folder)], check=True)
    reading: list[tuple[str, ...]] = [
        ("run", "-n", "one", "-c", PROGRAM), ("run", "-n", "one", "--timeout", "60", "-c", PROGRAM), ("shell", "-n", "one"),
        ("run", "-n", "unstarted", "-c", PROGRAM), ("list",), ("list", "--json"), ("info", "-n", "one"), ("info", str(file)),
        ("diff", "one", "two"), ("cache", "dir"), ("cache", "du"), ("cache", "verify"),
        ("cache", "prune", "--dry-run"), ("export", "-n", "two", "-o", str(lab.output / "two.wenv")),
    ]  # fmt: skip
    for arguments in reading:
        outcome = small(*arguments, stdin=PROGRAM + "\n" if arguments[0] == "shell" else "")
        report.counts["commands that read"] += 1
        expected = (1,) if arguments[0] == "diff" else (0,)
        if outcome.status not in expected or (PROGRAM in arguments and outcome.output != "runs\n"):
            report.faults.append(outcome.said)
    if (printed := small.native("one", PROGRAM)) != "runs\n":
        report.faults.append(f"one/bin/python: {printed}")
    writing: list[tuple[str, ...]] = [
        ("create", "-n", "three", "p3", *lab.offer), ("create", "--clear", "-n", "one", "p3", *lab.offer),
        ("install", "-n", "one", "p3", *lab.offer), ("uninstall", "-n", "one", "p0"), ("bake", "-n", "one"),
        ("bake", "--clear", "-n", "one"), ("import", str(file), "-n", "four"), ("run", "--from", str(file), "-c", PROGRAM),
        ("copy", "-n", "one", "five"), ("rename", "-n", "one", "six"), ("remove", "one"), ("cache", "prune"),
        ("lock", "p3", *lab.offer, "-o", str(small.output / "pylock.toml")),
        ("export", "-n", "one", "-o", str(small.output / "one.wenv")),
    ]  # fmt: skip
    for arguments in writing:
        outcome = small(*arguments)
        report.counts["commands that write"] += 1
        if not outcome.status:
            report.faults.append(f"{outcome.said}: it cannot have worked")
        elif not outcome.in_few_words():
            report.faults.append(f"{outcome.said} (in {len(outcome.errors.splitlines())} lines)")
    subprocess.run(["mount", "-o", "remount,rw", str(small.folder)], check=True)
    report.faults += small.broken(["one", "two", "unstarted"]) + small.not_running(["one", "two", "unstarted"])
    report.faults += small.left_over()
