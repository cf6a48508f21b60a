"""Runs the subjects one after the other and prints what each counted.

python -m tests.fire [SUBJECT ...] [--kills 300] [--seconds 60] [--workers 16] [--seed 1] [--short] [--keep FOLDER]
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.fire import clock, crowd, disk, flips, kills, readonly
from tests.fire.lab import Lab, Report, new_lab
from wenv.runtimes import Runtime, default_runtime
from wenv_cache.store import Store
from wenv_resolver.progress import Silent


def _runtime(folder: Path) -> Runtime:
    """The default runtime, prepared in the store that tests keep (``WENV_TEST_CACHE``), or in `folder`."""
    made = default_runtime(Store(Path(os.environ.get("WENV_TEST_CACHE") or folder)))
    with made.store.writing():
        made.prepare(Silent())
    return made


def main() -> int:
    """Returns 1 if there are faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.fire", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help="kills, crowd, disk, readonly, flips, clock; by default all"
    )
    parser.add_argument("--kills", type=int, default=300, help="how many commands to kill")
    parser.add_argument("--seconds", type=float, default=60, help="how long commands are started in a crowd")
    parser.add_argument("--workers", type=int, default=16, help="how many commands run at once in a crowd")
    parser.add_argument("--seed", type=int, default=1, help="for everything that is chosen at random")
    parser.add_argument("--short", action="store_true", help="fewer steps of the full disk, fewer flips")
    parser.add_argument("--keep", type=Path, help="a new folder to work in, which is kept")
    given = parser.parse_args()
    subjects: dict[str, Callable[[Lab], Report]] = {
        "kills": partial(kills.fire, kills=given.kills, seed=given.seed),
        "crowd": partial(crowd.fire, seconds=given.seconds, workers=given.workers, seed=given.seed),
        "disk": partial(disk.fire, short=given.short),
        "readonly": readonly.fire,
        "flips": partial(flips.fire, short=given.short, seed=given.seed),
        "clock": clock.fire,
    }
    chosen = given.subjects or list(subjects)
    if unknown := set(chosen) - set(subjects):
        parser.error(f"no subject is called {', '.join(sorted(unknown))}")
    folder = given.keep or Path(tempfile.mkdtemp(prefix="wenv-fire-"))
    folder.mkdir(parents=True, exist_ok=True)
    faults = 0
    try:
        runtime = _runtime(folder / "runtime")
        for name in chosen:
            report = subjects[name](new_lab(folder / name, runtime))
            print(report.text(), flush=True)
            faults += len(report.faults)
            if not given.keep:
                shutil.rmtree(folder / name)
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
