"""CPython's headers of the target's version, for tests that build: the machine's own, or unpacked from a Debian package.

python -m tests.helpers.python_headers FOLDER       prints the folder with Python.h, or says why there is none
"""

import subprocess
import sys
from pathlib import Path

from tests.helpers import debian
from wenv_resolver.building.headers import host_folders, version_of

PACKAGE = "libpython3.14-dev"
PYTHON = "3.14"


def available_headers(folder: Path) -> Path | None:
    """The headers of a host Python, or those of Debian's package unpacked into `folder`; None if neither can be had."""
    found = next((path for path in host_folders(PYTHON) if version_of(path) == PYTHON), None)
    if found is not None:
        return found
    unpacked = folder / "unpacked" / "usr" / "include" / f"python{PYTHON}"
    if not unpacked.is_dir():
        try:
            debian.unpack(folder, PACKAGE)
        except (OSError, subprocess.CalledProcessError, StopIteration):
            return None
    return unpacked if version_of(unpacked) == PYTHON else None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.helpers.python_headers FOLDER")
    found = available_headers(Path(sys.argv[1]).absolute())
    if found is None:
        sys.exit(f"no headers of Python {PYTHON}: install it, or set WENV_PYTHON_HEADERS")
    print(found)
