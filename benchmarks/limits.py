"""Measures what hostile programs reach at each limit, in each way to start one, and prints a table.

    python benchmarks/limits.py [--write] [--runtime default]

`--write` puts the table into docs/concepts/sandbox.md.  A cell is what the program reached, and how it ended.  Run it on a
quiet machine: times contain what others on the machine take.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import wenv
from wenv.environment.kinds import Kind
from wenv_cache.errors import UserError

DOCUMENT = Path(__file__).parent.parent / "docs" / "concepts" / "sandbox.md"
BEGIN, END = "<!-- limits: begin -->", "<!-- limits: end -->"
MB = 1 << 20
WAYS = ("native launcher", "wenv run", "session", "session, own process")


@dataclass(frozen=True)
class Attempt:
    """A program that goes for a limit.

    `options` and `session` set the limit where it is not the default one; `reached` reads from what was seen how far it came.
    """

    name: str
    bound: str
    code: str
    options: tuple[str, ...]
    session: dict[str, float]
    reached: Callable[["Seen"], str]
    native: bool = True


@dataclass
class Seen:
    """What a program had in its private folders at most, what it printed, how long it took beside the start, its end."""

    size: int = 0
    files: int = 0
    output: int = 0
    seconds: float = 0.0
    end: str = ""


LARGE = """
import os
for i in range(200):
    f = open(f"/tmp/{i}", "wb")
    for _ in range(20): f.write(bytes(1 << 20))
"""
UNNAMED = """
import os
files = []
for i in range(200):
    files.append(open(f"/tmp/{i}", "wb"))
    os.unlink(f"/tmp/{i}")
    for _ in range(20): files[-1].write(bytes(1 << 20))
"""
SPARSE = """
open("/tmp/x", "wb").truncate(1 << 42)
while True: pass
"""
MANY = """
import os
i = 0
while True:
    os.close(os.open(f"/tmp/{i}", os.O_CREAT | os.O_WRONLY))
    i += 1
"""
OPEN = """
files = []
while True:
    try: files.append(open("/tmp/x", "a"))
    except OSError: break
print(len(files), flush=True)
"""
MEMORY = """
kept = []
try:
    while True: kept.append(bytearray(1 << 20))
except MemoryError: n = len(kept)
del kept
print(n)
"""


def timed(name: str, code: str) -> Attempt:
    """A program that goes on after four seconds."""
    return Attempt(name, "4 s", code, ("--timeout", "4"), {"timeout": 4}, lambda seen: f"{seen.seconds:.2f} s", native=False)


def printed(seen: Seen) -> str:
    """What was printed, in MB."""
    return f"{seen.output / MB:.2f} MB"


ATTEMPTS = (
    timed("wall time: a loop", "while True: pass"),
    timed("wall time: asleep", "import time; time.sleep(99)"),
    timed("wall time: many files", MANY),
    Attempt(
        "memory", "256 MB", MEMORY, ("--memory", "256M"), {"memory": 256 * MB}, lambda seen: f"{seen.end} MB", native=False
    ),
    Attempt("output", "1 MB", "while True: print('x' * 999)", ("--max-output", "1M"), {"output": MB}, printed, native=False),
    Attempt("disk: named files", "1 GiB", LARGE, (), {}, lambda seen: f"{seen.size / MB:.0f} MiB"),
    Attempt("disk: files without a name", "1 GiB", UNNAMED, (), {}, lambda seen: "ended"),
    Attempt("disk: a sparse file", "1 GiB", SPARSE, ("--timeout", "9"), {"timeout": 9}, lambda seen: "ended"),
    Attempt("number of files", "100,000", MANY, (), {}, lambda seen: f"{seen.files:,}"),
    Attempt("open files", "256", OPEN, (), {}, lambda seen: seen.end),
)


@contextmanager
def watched(folder: Path, seen: Seen) -> Iterator[None]:
    """Look at the private folders from outside, as often as that can be done, without a word to wenv."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            size = files = 0
            for path, _, names in os.walk(folder):
                files += len(names)
                for name in names:
                    try:
                        size += os.lstat(f"{path}/{name}").st_size
                    except OSError:
                        continue
            seen.size, seen.files = max(seen.size, size), max(seen.files, files - 1)
            over.wait(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def by_command(command: list[str], project: Path, private: Path, attempt: Attempt) -> Seen:
    """Run the attempt's code by a command."""
    environment = {**os.environ, "TMPDIR": str(private)}
    start = time.monotonic()
    subprocess.run([*command, "-c", "pass"], cwd=project, env=environment, check=True)
    usual, seen = time.monotonic() - start, Seen()
    with watched(private, seen):
        start = time.monotonic()
        done = subprocess.run([*command, "-c", attempt.code], cwd=project, env=environment, capture_output=True, check=False)
        seen.seconds = time.monotonic() - start - usual
    seen.output, seen.end = (
        len(done.stdout),
        done.stdout.decode()[:20].strip() if done.returncode == 0 else f"{done.returncode}",
    )
    if list(private.iterdir()):
        seen.end += ", left something"
    return seen


def by_session(project: Path, private: Path, attempt: Attempt, *, in_process: bool) -> Seen:
    """Run the attempt's code in a session of this process."""
    os.environ["TMPDIR"] = str(private)
    seen = Seen()
    with wenv.open(project).session(in_process=in_process, **attempt.session) as session, watched(private, seen):  # type: ignore[arg-type]
        session.run("pass")
        start = time.monotonic()
        try:
            printed = session.run(attempt.code).stdout
            seen.output, seen.end = len(printed), printed[:20].strip()
        except UserError as error:
            seen.end = type(error).__name__
            seen.output = sum(len(data) for data in session._written[1])
        seen.seconds = time.monotonic() - start
    return seen


def cell(way: str, attempt: Attempt, project: Path, private: Path) -> str:
    """What one attempt reached in one way."""
    if way.startswith("session"):
        seen = by_session(project, private, attempt, in_process=way == "session")
    elif way == "wenv run":
        seen = by_command([sys.executable, "-P", "-m", "wenv", "run", *attempt.options], project, private, attempt)
    elif attempt.native:
        seen = by_command([str(project / ".wenv" / "bin" / "python")], project, private, attempt)
    else:
        return "by `wenv run`"
    reached = attempt.reached(seen)
    return reached if reached == seen.end or seen.end in reached else f"{reached} ({seen.end})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/concepts/sandbox.md")
    parser.add_argument("--runtime", choices=[kind.value for kind in Kind], action="append", help="default: both")
    chosen = parser.parse_args()
    lines = [f"| limit | bound | runtime | {' | '.join(WAYS)} |", "| --- | ---: | --- |" + " ---: |" * len(WAYS)]
    for kind in chosen.runtime or [kind.value for kind in Kind]:
        with tempfile.TemporaryDirectory() as name:
            project, private = Path(name, "project"), Path(name, "private")
            project.mkdir()
            private.mkdir()
            subprocess.run([sys.executable, "-P", "-m", "wenv", "create", "-q", "--runtime", kind], cwd=project, check=True)
            for attempt in ATTEMPTS:
                cells = [cell(way, attempt, project, private) for way in WAYS]
                lines.append(f"| {attempt.name} | {attempt.bound} | {kind} | {' | '.join(cells)} |")
                print(lines[-1], file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-P", "-m", "wenv", "remove", "-q"], cwd=project, check=True)
    table = "\n".join(lines)
    print(table)
    if chosen.write:
        text = DOCUMENT.read_text("utf-8")
        head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
        DOCUMENT.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
