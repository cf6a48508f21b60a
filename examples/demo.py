"""Makes an environment for each example and runs it: what `make demo` shows.

A second run finds everything in the store and takes seconds; the first builds the interpreter and compiles the scientific one,
once for the machine.
"""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = (
    ("table", ("table.py", "rivers.json")),
    ("worksheet", ("worksheet.py",)),
    ("site", ("build.py", "pages", "/tmp/site")),
    ("bicycles", ("analysis.py", "/tmp/bicycles.png")),
    ("digits", ("digits.py",)),
    ("cooling", ("cooling.py",)),
)


def show(*command: str, folder: Path) -> None:
    """Run a command of wenv's and show it as a user would type it."""
    print(f"\n{folder.name}$ wenv {' '.join(command)}", flush=True)
    subprocess.run([sys.executable, "-P", "-m", "wenv", *command], cwd=folder, check=True)


def main() -> None:
    """Run all examples."""
    started = time.monotonic()
    for name, program in EXAMPLES:
        show("create", "--clear", "-r", "requirements.txt", folder=HERE / name)
        show("run", *program, folder=HERE / name)
    seconds = time.monotonic() - started
    print(f"\n{len(EXAMPLES)} environments made and used in {seconds:.1f} s; it is quicker again: everything is kept.")


if __name__ == "__main__":
    main()
