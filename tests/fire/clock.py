"""Commands whose clock is a year behind that of the files they meet, and one that is right again afterwards."""

import shutil

from tests.fire.lab import PROGRAM, Lab, Report

#: Starts a command a year ago, as the command sees it.
BACK = ("faketime", "-f", "-1y")


def fire(lab: Lab) -> Report:
    """Run every command with the clock set back; `faketime` is Debian's package of that name."""
    report = Report("clock")
    if shutil.which(BACK[0]) is None:
        report.left_out.append("all of it: faketime is not installed")
        return report
    lab.must("create", "-n", "before", "p0", "p1", *lab.offer)
    file = str(lab.output / "before.wenv")
    commands: list[tuple[str, ...]] = [
        ("list", "--json"), ("info", "-n", "before"), ("run", "-n", "before", "-c", PROGRAM), ("shell", "-n", "before"),
        ("create", "-n", "back", "p2", *lab.offer), ("install", "-n", "back", "p3", *lab.offer),
        ("install", "-n", "before", "p4", *lab.offer), ("uninstall", "-n", "before", "p4"), ("bake", "-n", "back"),
        ("run", "-n", "back", "-c", PROGRAM), ("export", "-n", "before", "-o", file), ("info", file),
        ("import", file, "-n", "imported"), ("run", "--from", file, "-c", PROGRAM), ("diff", "before", "imported"),
        ("copy", "-n", "back", "copied"), ("rename", "-n", "copied", "renamed"), ("remove", "renamed"),
        ("lock", "p1", *lab.offer, "-o", str(lab.output / "pylock.toml")), ("check", "p1", *lab.offer),
        ("cache", "verify", "--repair"), ("cache", "prune"), ("cache", "du"),
    ]  # fmt: skip
    for arguments in commands:
        outcome = lab(*arguments, stdin=PROGRAM + "\n" if arguments[0] == "shell" else "", prefix=BACK)
        report.counts["commands, a year back"] += 1
        running = arguments[0] in ("run", "shell")
        if outcome.status or outcome.crashed or (running and outcome.output != "runs\n"):
            report.faults.append(outcome.said)
    report.faults += lab.broken(["before", "back", "imported"]) + lab.not_running(["before", "back", "imported"])
    report.faults += lab.left_over()
    report.counts["environments that ran afterwards"] = 3
    return report
