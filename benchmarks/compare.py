"""Compares two commits of wenv on this machine: starting, sessions, creating, sizes.  Prints a table.

    python benchmarks/compare.py BASE [NEW] [--runs N] [--only GROUP…] [--instructions] [--json FILE]

BASE and NEW are commits; without NEW it is the working tree, with files that are not committed.  Each is installed into a
virtual environment of its own, with a store of its own, all of it below ``benchmarks/.peers/compare``.  Runs are interleaved:
base, new and the base once more, in a different order each time.  A ratio is the new median through that of all runs of the
base.  The spread is what the base's two medians differ by, one through the other, in 95 % of 1000 samples drawn from its own
runs.  "unchanged" means a ratio from 0.97 to 1.03, or within the spread.  Exit status: 1 if something is worse.  On a machine
that does other work the spread is large: use more runs.

`--instructions` counts instructions by valgrind (cachegrind), which differ by less than 0.1 % between runs, and takes some
10 minutes more: wasmtime compiles the interpreter once under valgrind, whose processor can do less than the machine's.
"""

import argparse
import io
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import permutations
from pathlib import Path

from peers import BIN, HERE, PEERS, REQUIREMENTS

REPOSITORY, PLACE = HERE.parent, PEERS / "compare"
#: The packages that are installed; the first two are what they were called at first.
ROOMS = ("cache", "resolver", "wenv_cache", "wenv_resolver", "wenv")
GROUPS = ("start", "session", "create", "size")
#: A ratio up to this is taken for unchanged, and one down to its reciprocal.
TOLERANCE = 1.03
#: The base, the new one, and the base again.
A, B, AGAIN = "base", "new", "base again"
COUNTING = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


@dataclass(frozen=True)
class Side:
    """One of the commits, installed; `commit` is None for the working tree.

    The names of both are equally long: paths lie in the files whose sizes are compared.
    """

    name: str
    commit: str | None

    @property
    def root(self) -> Path:
        """Everything of it lies here."""
        return PLACE / self.name

    @property
    def programs(self) -> Path:
        """The folder of the virtual environment's programs."""
        return self.root / "venv" / BIN

    def run(self, *command: str | Path) -> str:
        """Run a program with this side's store; returns its output.  Raises CalledProcessError."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("WENV_", "PYTHON"))}
        places = {"WENV_CACHE_DIR": str(self.root / "store"), "WENV_DATA_DIR": str(self.root / "data")}
        words = [str(word) for word in command]
        result = subprocess.run(
            words, cwd=self.root, env={**own, **places}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if result.returncode:
            print(f"{self.name}: {' '.join(words)}\n{result.stdout}{result.stderr}", file=sys.stderr)
            result.check_returncode()
        return result.stdout + result.stderr

    def wenv(self, *arguments: str | Path) -> str:
        """Run wenv."""
        return self.run(self.programs / "wenv", *arguments)


@dataclass
class Row:
    """What was measured of one thing, of each of `A`, `B` and `AGAIN`; `unit` is ``ms``, ``us``, ``kB`` or ``M``."""

    group: str
    name: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=lambda: {A: [], B: [], AGAIN: []})

    @property
    def base(self) -> float:
        """Median of the base's runs."""
        return statistics.median(self.values[A] + self.values[AGAIN])

    @property
    def new(self) -> float:
        """Median of the new one's runs."""
        return statistics.median(self.values[B])

    @property
    def ratio(self) -> float:
        """New through base."""
        return self.new / self.base

    @cached_property
    def spread(self) -> float:
        """The base through itself, or the reciprocal, whichever is above 1: 95 % of samples drawn from its runs lie below."""
        chance = random.Random(0)

        def drawn(values: list[float]) -> float:
            return statistics.median(chance.choices(values, k=len(values)))

        ratios = (drawn(self.values[AGAIN]) / drawn(self.values[A]) for _ in range(1000))
        return sorted(max(ratio, 1 / ratio) for ratio in ratios)[949]

    @property
    def verdict(self) -> str:
        """``unchanged``, ``worse`` or ``better``."""
        allowed = max(TOLERANCE, self.spread)
        return "worse" if self.ratio > allowed else "better" if self.ratio < 1 / allowed else "unchanged"


def source_of(side: Side) -> Path:
    """The side's files, as they are committed, or for the working tree as they lie there."""
    source = side.root / "source"
    if side.commit is not None:
        archive = subprocess.run(["git", "archive", side.commit], cwd=REPOSITORY, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            members.extractall(source, filter="data")
        return source
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, source / name)
    return source


def prepare(side: Side, groups: Sequence[str]) -> dict[str, float]:
    """Install a side and make its environments; returns sizes in bytes."""
    shutil.rmtree(side.root, ignore_errors=True)
    side.root.mkdir(parents=True)
    source = source_of(side)
    side.run(sys.executable, "-m", "venv", side.root / "venv")
    side.run(side.programs / "python", "-m", "pip", "install", "--quiet", source)
    (side.root / "empty.py").touch()
    (side.root / "imports.py").write_text("import requests\n")
    side.wenv("create", "--path", "plain")
    sizes = sizes_of(side) if "size" in groups else {}
    if "start" in groups:
        side.wenv("create", "--path", "requests", "requests")
        side.wenv("create", "--path", "baked", "--bake", "requests")
    if "session" in groups:
        session(side)
    if "create" in groups:
        side.wenv("lock", "-r", REQUIREMENTS, "-o", "pylock.toml")
        side.wenv("create", "--quiet", "--path", "created", "-r", "pylock.toml")
    return sizes


def sizes_of(side: Side) -> dict[str, float]:
    """Bytes of what is installed, of the interpreter's component, and of an environment that holds no packages."""

    def total(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)

    side.wenv("export", "--path", "plain", "-o", "plain.wenv")
    packages = next((side.root / "venv").rglob("site-packages"))
    found: dict[str, float] = {
        "installed package": sum(total(packages / room) for room in ROOMS),
        "environment's folder": total(side.root / "plain"),
        ".wenv file": (side.root / "plain.wenv").stat().st_size,
        "store with one environment": total(side.root / "store"),
    }
    for name, suffix in (("component", "wasm"), ("component, compiled", "cwasm")):
        found[name] = max(path.stat().st_size for path in (side.root / "store").rglob(f"*.{suffix}"))
    return found


def starts(side: Side) -> dict[str, tuple[str | Path, ...]]:
    """Commands that start a program: by the environment's own interpreter, and by `wenv run`."""
    plain, requests, baked = (side.root / name / BIN / "python" for name in ("plain", "requests", "baked"))
    return {
        "python -c pass": (plain, "-c", "pass"),
        "wenv run -c pass": (side.programs / "wenv", "run", "--path", "plain", "-c", "pass"),
        "python script.py, imports requests": (requests, "imports.py"),
        "python script.py, imports requests, baked": (baked, "imports.py"),
    }


def session(side: Side) -> dict[str, float]:
    """Medians of one process of inprocess.py: seconds, and bytes."""
    found: dict[str, float] = json.loads(
        side.run(side.programs / "python", HERE / "inprocess.py", "wenv", "plain").splitlines()[0]
    )
    return found


def rounds(count: int) -> Iterator[tuple[str, ...]]:
    """The order in each of `count` rounds: nothing is always first, or always behind the same."""
    orders = list(permutations((A, B, AGAIN)))
    return (orders[number % len(orders)] for number in range(count))


def timed(
    rows: Sequence[Row], sides: dict[str, Side], commands: Callable[[Side], dict[str, tuple[str | Path, ...]]], count: int
) -> None:
    """Add the wall times, in ms, of `count` whole processes to each row, after one that is not counted."""
    for row in rows:
        for number, order in enumerate(rounds(count + 1)):
            for who in order:
                command = commands(sides[who])[row.name]
                began = time.perf_counter()
                sides[who].run(*command)
                if number:
                    row.values[who].append((time.perf_counter() - began) * 1000)


def measured(group: str, sides: dict[str, Side], runs: int) -> list[Row]:
    """The rows of a group whose work is done by processes."""
    print(f"measuring: {group}", file=sys.stderr)
    if group == "start":
        rows = [Row(group, name, "ms") for name in starts(sides[A])]
        timed(rows, sides, starts, 5 * runs)
        return rows
    if group == "create":
        create = ("create", "--quiet", "--clear", "--path", "created", "-r", "pylock.toml")
        rows = [Row(group, "create, 30 packages", "ms")]
        timed(rows, sides, lambda side: {rows[0].name: (side.programs / "wenv", *create)}, runs)
        return rows
    labels = {"fresh": ("open, one statement, close", "us"), "call": ("call", "us"), "reset": ("reset", "us")}
    labels["idle"] = ("memory of an idle session", "kB")
    found = {key: Row(group, *label) for key, label in labels.items()}
    for order in rounds(max(3, runs // 2)):
        for who in order:
            for key, value in session(sides[who]).items():
                found[key].values[who].append(value * 1e6 if found[key].unit == "us" else value / 1000)
    return list(found.values())


def instructions(sides: dict[str, Side]) -> list[Row]:
    """Instructions in millions of two runs of each way to start; changes the stores, so measure times before."""
    rows = [Row("instructions", name, "M") for name in ("python -c pass", "wenv run -c pass")]

    def make_ready(side: Side) -> None:
        # wasmtime refuses machine code for abilities that valgrind's processor lacks: wenv then compiles it anew, in its place
        side.run("valgrind", "--quiet", "--tool=none", *starts(side)[rows[1].name])

    with ThreadPoolExecutor() as pool:
        list(pool.map(make_ready, (sides[A], sides[B])))
    for row in rows:
        for order in rounds(2):
            for who in order:
                said = sides[who].run(*COUNTING, *starts(sides[who])[row.name])
                counted = re.search(r"I\s+refs:\s+([\d,]+)", said)
                if counted:  # none where the program handed over to another, whose instructions are not known
                    row.values[who].append(int(counted[1].replace(",", "")) / 1e6)
    return [row for row in rows if all(row.values.values())]


def table(rows: Sequence[Row]) -> str:
    """All rows as Markdown."""
    lines = ["| | | base | new | | ratio | base against itself | |", "| --- | --- | ---: | ---: | --- | ---: | ---: | --- |"]
    for row in rows:
        figures = f"{row.base:.5g} | {row.new:.5g} | {row.unit} | {row.ratio:.3f} | {row.spread:.3f}"
        lines.append(f"| {row.group} | {row.name} | {figures} | {row.verdict} |")
    return "\n".join(lines)


def main() -> int:
    """Prepare both, measure, print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("new", metavar="NEW", nargs="?", help="a commit  [default: the working tree]")
    parser.add_argument(
        "--runs", type=int, default=20, metavar="N", help="creates; starts are run five times as often  [default: 20]"
    )
    parser.add_argument(
        "--only", choices=GROUPS, nargs="+", default=GROUPS, metavar="GROUP", help="of start session create size"
    )
    parser.add_argument("--instructions", action="store_true", help="count instructions by valgrind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all figures")
    options = parser.parse_args()
    if options.instructions and not shutil.which("valgrind"):
        parser.error("--instructions: valgrind is not installed")
    base, new = Side("base", options.base), Side("head", options.new)
    sides = {A: base, B: new, AGAIN: base}
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        sizes = dict(zip((A, B), pool.map(lambda side: prepare(side, options.only), (base, new)), strict=True))
    print(f"both installed in {time.monotonic() - began:.0f} s", file=sys.stderr)
    rows = [
        row for group in GROUPS if group in options.only and group != "size" for row in measured(group, sides, options.runs)
    ]
    for name, size in sizes[A].items():
        rows.append(Row("size", name, "kB", {A: [size / 1000], B: [sizes[B][name] / 1000], AGAIN: [size / 1000]}))
    if options.instructions:
        rows += instructions(sides)
    if options.json:
        figures = [{**asdict(row), "ratio": row.ratio, "spread": row.spread, "verdict": row.verdict} for row in rows]
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(rows))
    print(f"{time.monotonic() - began:.0f} s in all", file=sys.stderr)
    return int(any(row.verdict == "worse" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
