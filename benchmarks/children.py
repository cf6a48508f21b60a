"""Measures programs that a program starts, beside those of a Python without a sandbox, in one run.  Prints two tables.

    python benchmarks/children.py [--runs N]

One: milliseconds to start a program that does nothing and wait for it, medians of 20 in each run.  Two: seconds of a map over 8
calls that only compute, in one program and in pools of one and two, without the start of the pool; CPU seconds are those of the
pool's programs, as they tell themselves (`time.process_time`).  Medians of the runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROGRAM = """
import json, multiprocessing, statistics, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor


def compute(count):
    begun, total = time.process_time(), 0
    for i in range(count):
        total += i * i
    return total, time.process_time() - begun


def started():
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun


def mapped(workers, count, size):
    if not workers:
        begun = time.perf_counter()
        found = [compute(size) for _ in range(count)]
        return time.perf_counter() - begun, sum(cpu for _, cpu in found)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(compute, [1] * 2 * workers))  # all of them are there
        begun = time.perf_counter()
        found = list(pool.map(compute, [size] * count))
        return time.perf_counter() - begun, sum(cpu for _, cpu in found)


if __name__ == "__main__":
    starts = statistics.median(started() for _ in range(20)) * 1000
    print(json.dumps({"start": starts, "maps": [mapped(workers, 8, 2_000_000) for workers in (0, 1, 2)]}))
"""


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "program.py").write_text(PROGRAM)
        ways = {
            "native": [sys.executable, "program.py"],
            "default": [sys.executable, "-P", "-m", "wenv", "run", "--path", "default", "program.py"],
            "scientific": [sys.executable, "-P", "-m", "wenv", "run", "--path", "scientific", "program.py"],
        }
        for kind in ("default", "scientific"):
            line = [sys.executable, "-P", "-m", "wenv", "create", "-q", "--path", kind, "--runtime", kind]
            subprocess.run(line, cwd=folder, check=True)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        for _ in range(runs):
            for name, line in ways.items():  # interleaved
                done = subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True)
                found[name].append(json.loads(done.stdout))
    print("| | start and end of a program, ms | of native |\n| --- | ---: | ---: |")
    starts = {name: statistics.median(each["start"] for each in rows) for name, rows in found.items()}
    for name, value in starts.items():
        print(f"| {name} | {value:.1f} | {value / starts['native']:.2f} |")
    print("\n| 8 calls, s (CPU s) | without a pool | pool of one | pool of two | quicker by two, medians (each run) |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, rows in found.items():
        maps = [[each["maps"][index] for each in rows] for index in range(3)]
        cells = [f"{statistics.median(s for s, _ in each):.2f} ({statistics.median(c for _, c in each):.2f})" for each in maps]
        ratios = [one[0] / two[0] for one, two in zip(maps[1], maps[2], strict=True)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"| {name} | {' | '.join(cells)} | {statistics.median(ratios):.2f} ({shown}) |")


if __name__ == "__main__":
    main()
