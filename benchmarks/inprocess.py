"""Measures sandboxes inside one process, and prints JSON: medians in seconds, and bytes.

python benchmarks/inprocess.py wenv ENVIRONMENT
python benchmarks/inprocess.py pyeryx
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def median(work: Callable[[], object], count: int) -> float:
    """Median of `count` calls, in seconds, after a tenth as many to warm up."""
    for _ in range(count // 10):
        work()
    found = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def memory() -> int:
    """Bytes of memory that are this process's alone or its share of what it shares (Linux); 0 elsewhere."""
    path = Path("/proc/self/smaps_rollup")
    lines = path.read_text().splitlines() if path.exists() else []
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def wenv(folder: str) -> dict[str, Any]:
    """Sessions of wenv's in-process API."""
    import wenv as package

    opened = package.open(folder)

    def fresh() -> None:
        with opened.session() as session:
            session.run("x = 1")

    with opened.session() as session:
        session.run("def double(x): return 2 * x")
        called = median(lambda: session.call("double", 21), 2000)
        reset = median(session.reset, 200)
    sandbox = median(fresh, 200)
    held, before = [opened.session() for _ in range(5)], memory()
    held += [opened.session() for _ in range(50)]
    idle = (memory() - before) / 50
    for each in held:
        each.close()
    return {"call": called, "reset": reset, "fresh": sandbox, "idle": idle}


def pyeryx() -> dict[str, Any]:
    """A sandbox of pyeryx's that runs the same code; it has no calls of functions."""
    import eryx  # type: ignore[import-not-found]

    def fresh() -> None:
        eryx.Sandbox().execute("x = 1")

    session = eryx.Session()
    session.execute("def double(x): return 2 * x")
    return {
        "call": median(lambda: session.execute("double(21)"), 500),
        "reset": median(session.reset, 50),
        "fresh": median(fresh, 50),
    }


if __name__ == "__main__":
    print(json.dumps(wenv(sys.argv[2]) if sys.argv[1] == "wenv" else pyeryx()))
