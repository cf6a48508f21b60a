"""Runs fuzzers one after the other and prints what each counted.

python -m tests.fuzz [NAME ...] [--seconds 60] [--keep FOLDER]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.running import NAMES, MissingToolError, fuzz


def main() -> int:
    """Returns 1 if there are findings, 2 if a fuzzer cannot run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; by default all")
    parser.add_argument("--seconds", type=float, default=60, help="how long each runs")
    parser.add_argument("--keep", type=Path, help="a folder for findings, logs and what was learnt; by default a temporary one")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no fuzzer is called {', '.join(sorted(unknown))}")
    folder = given.keep or Path(tempfile.mkdtemp(prefix="wenv-fuzz-"))
    found = missing = 0
    for name in given.names or NAMES:
        try:
            outcome = fuzz(name, folder.absolute() / name, given.seconds)
        except MissingToolError as error:
            print(f"{name}: left out: {error}", flush=True)
            missing += 1
        else:
            print(outcome, flush=True)
            found += len(outcome.findings)
    print(f"inputs and logs: {folder}")
    return 1 if found else 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
