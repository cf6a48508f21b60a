"""Tries everything in each way of starting, and prints how many attempts came to what.

python -m tests.escape [WAY...]       all ways, both runtimes, baked and not; WENV_TEST_CACHE names a folder that is kept
"""

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.escape.ways import WAYS, attempted, made_place, prepared
from wenv.environment.kinds import Kind

OUTCOMES = ("refused", "harmless", "succeeded", "unclear")


def main(ways: list[str]) -> int:
    """Print the table; returns 1 if anything succeeded, was unclear or changed the host."""
    chosen = ways or [way for way in WAYS if way != "packed" or find_spec("wasmtime_cli")]
    print(f"{'runtime':10} {'baked':5} {'way':8}", *(f"{outcome:>9}" for outcome in OUTCOMES), "  whole  changed  contacts")
    bad, notes = 0, []
    with tempfile.TemporaryDirectory(prefix="escape-") as folder:
        cache = Path(os.environ.get("WENV_TEST_CACHE", Path(folder) / "cache"))
        for kind in Kind:
            for baked in (False, True):
                with made_place(Path(folder) / f"{kind.value}-{baked}", prepared(cache, kind), baked=baked) as place:
                    for name in chosen:
                        if (name, kind) == ("packed", Kind.SCIENTIFIC):
                            continue  # environments of it cannot be packed
                        report = attempted(place, WAYS[name])
                        counts = [report.counts()[outcome] for outcome in OUTCOMES]
                        bad += sum(counts[2:]) + len(report.changed) + len(report.contacts) + (not report.whole)
                        notes += [f"{kind.value} {name}: {row}" for row in report.of("succeeded", "unclear")]
                        notes += [f"{kind.value} {name}: changed {path}" for path in report.changed]
                        notes += [] if report.whole else [f"{kind.value} {name}: status {report.status}: {report.errors}"]
                        print(
                            f"{kind.value:10} {'yes' if baked else 'no':5} {name:8}",
                            *(f"{count:9}" for count in counts),
                            f"{'yes' if report.whole else 'NO':>7} {len(report.changed):8} {len(report.contacts):9}",
                            flush=True,
                        )
    print(*notes, sep="\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
