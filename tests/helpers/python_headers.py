"""CPython's headers of the target's version, for tests that build: the machine's own, or unpacked from a Debian package.

python -m tests.helpers.python_headers FOLDER       prints the folder with Python.h, or says why there is none
"""

import re
import subprocess
import sys
from pathlib import Path

from wenv_resolver.building.headers import host_folders, version_of

PACKAGE = "libpython3.14-dev"
PYTHON = "3.14"
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def available_headers(folder: Path) -> Path | None:
    """The headers of a host Python, or those of Debian's package unpacked into `folder`; None if neither can be had."""
    found = next((path for path in host_folders(PYTHON) if version_of(path) == PYTHON), None)
    if found is not None:
        return found
    unpacked = folder / "unpacked" / "usr" / "include" / f"python{PYTHON}"
    if not unpacked.is_dir():
        try:
            _unpack(folder)
        except (OSError, subprocess.CalledProcessError, StopIteration):
            return None
    return unpacked if version_of(unpacked) == PYTHON else None


def _unpack(folder: Path) -> None:
    """Fetch the package from the machine's own mirror, of Debian's unstable suite, and unpack it; nothing is installed."""
    source = next(path for path in SOURCES if path.is_file())
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    text = source.read_text("utf-8").split("\n\n")[0]
    text = re.sub(r"^Suites:.*", "Suites: sid", text, flags=re.MULTILINE)
    text = re.sub(r"^(deb(?: \[[^]]*\])? \S+) \S+", r"\1 sid", text, flags=re.MULTILINE)
    own = folder / ("sid" + source.suffix)
    own.write_text(text + "\n", "utf-8")
    options = [
        f"Dir::Etc::sourcelist={own}",
        "Dir::Etc::sourceparts=/nonexistent",
        f"Dir::State::lists={folder / 'lists'}",
        f"Dir::Cache={folder}",
        "APT::Sandbox::User=root",
    ]
    settings = [argument for option in options for argument in ("-o", option)]
    subprocess.run(["apt-get", *settings, "update"], check=True, capture_output=True)
    subprocess.run(["apt-get", *settings, "download", PACKAGE], check=True, capture_output=True, cwd=folder)
    package = next(folder.glob(f"{PACKAGE}_*.deb"))
    subprocess.run(["dpkg", "-x", str(package), str(folder / "unpacked")], check=True, capture_output=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.helpers.python_headers FOLDER")
    found = available_headers(Path(sys.argv[1]).absolute())
    if found is None:
        sys.exit(f"no headers of Python {PYTHON}: install it, or set WENV_PYTHON_HEADERS")
    print(found)
