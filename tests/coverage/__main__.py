"""Makes an environment for each of a hundred popular packages, and runs a program with it: a table of what came of that.

    python -m tests.coverage RESULTS [--only NAME…] [--write]

RESULTS is a folder; what is there already is not done again, so that the work can go on later.  `--write` writes
docs/reference/packages.md.  What a package needs to be built must be there: the extra `build`, Python's headers
(WENV_PYTHON_HEADERS), a rustc with the target wasm32-wasip1 (RUSTC), sources of libraries (WENV_LIBRARY_SOURCES).
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "packages.md"
WENV = [sys.executable, "-P", "-m", "wenv"]
HEAD = """\
# What popular packages do here

Every other one of the 200 packages that are downloaded most and that a sandbox can mean to run: each in a fresh environment,
with a program that calls it (tests/coverage/packages.tsv). `python -m tests.coverage` makes this table.

**{works} of {count} work, {refused} are refused with the reason, {failed} fail.**

| package | version | runtime | | |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """What came of one package: ``works``, ``refused`` (no environment was made) or ``failed`` (its program)."""

    name: str
    outcome: str
    version: str
    runtime: str
    built: list[str]
    words: str
    seconds: float


def called(*words: str, timeout: float = 3600) -> "subprocess.CompletedProcess[str]":
    """The end of a command of wenv's."""
    try:
        return subprocess.run([*WENV, *words], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"error: took more than {timeout:.0f} s")


def tried(name: str, program: str, folder: Path) -> Row:
    """Make an environment of a package, and run its program."""
    begun, place = time.monotonic(), str(folder / name)
    made = called("create", "--path", place, "--clear", name)
    if made.returncode:
        lines = [line for line in made.stderr.splitlines() if line.strip()]
        at = next((number for number, line in enumerate(lines) if line.startswith("error:")), max(0, len(lines) - 3))
        return Row(name, "refused", "", "", [], "\n".join(lines[at:]), round(time.monotonic() - begun, 1))
    about = json.loads(called("info", "--path", place, "--json").stdout)
    packages = about["packages"]
    version = next(each["version"] for each in packages if each["name"].lower().replace("_", "-") == name)
    built = [each["name"] for each in packages if each["kind"] == "built here"]
    done = called("run", "--path", place, "-W", "ignore", "-c", program, timeout=300)
    words = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    outcome = "works" if done.returncode == 0 else "failed"
    return Row(name, outcome, version, about["runtime"]["kind"], built, words, round(time.monotonic() - begun, 1))


def table(rows: list[Row]) -> str:
    """The page."""
    counts = {outcome: sum(row.outcome == outcome for row in rows) for outcome in ("works", "refused", "failed")}
    lines = [HEAD.format(count=len(rows), **counts)]
    for row in rows:
        words = " ".join(row.words.split()).replace("|", "\\|")
        words = f"built: {', '.join(row.built)}" if row.outcome == "works" and row.built else words[:300]
        lines.append(f"| {row.name} | {row.version} | {row.runtime} | {row.outcome} | {words} |\n")
    return "".join(lines)


def main() -> None:
    """Try what was not tried."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--again", action="store_true", help="also what was tried and does not work")
    parser.add_argument("--write", action="store_true", help="write the page")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    rows = []
    for line in (HERE / "packages.tsv").read_text("utf-8").splitlines():
        name, program, _ = line.split("\t")
        file = options.results / f"{name}.json"
        known = Row(**json.loads(file.read_text("utf-8"))) if file.exists() else None
        wanted = not options.only or name in options.only
        if wanted and (known is None or options.only or (options.again and known.outcome != "works")):
            known = tried(name, program, options.results.absolute() / "environments")
            file.write_text(json.dumps(asdict(known)), "utf-8")
            print(f"{known.outcome:8} {name} {known.version} {known.seconds} s {known.words.splitlines()[:1]}", flush=True)
        if known is not None:
            rows.append(known)
    page = table(rows)
    print(page)
    if options.write:
        PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
