"""CPython's headers of the target's version.

They are the same on every platform but for pyconfig.h, which is made from the configuration that the runtime says of itself.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from wenv_cache.store import Store
from wenv_resolver.errors import BuildError, HashMismatchError
from wenv_resolver.progress import Progress
from wenv_resolver.target import Target

#: Names the folder of the headers, for whoever has them.
VARIABLE = "WENV_PYTHON_HEADERS"
#: Where the headers of a version are, should the machine have none: address and sha256 of CPython's source archive.
ARCHIVES = {
    "3.14.0": (
        "https://www.python.org/ftp/python/3.14.0/Python-3.14.0.tgz",
        "88d2da4eed42fa9a5f42ff58a8bc8988881bd6c547e297e46682c2687638a851",
    ),
}
DERIVED = "headers"
#: The variables among the runtime's configuration that were definitions in its pyconfig.h.
DEFINITION = re.compile(
    r"(HAVE_|SIZEOF_|ALIGNOF_|WITH_|PY_|Py_|_|ENABLE_|STDC|SYS_|TIME_|USE_|DOUBLE|FLOAT|POSIX|POLL|MVWDELCH)"
)


def find_headers(store: Store, target: Target, progress: Progress, archives: Mapping[str, tuple[str, str]] = ARCHIVES) -> Path:
    """The folder with Python.h: the one that WENV_PYTHON_HEADERS names, a host Python's, or out of a source archive.

    Raises BuildError, and HashMismatchError for an archive that is not the one in the table.
    """
    if given := os.environ.get(VARIABLE):
        for folder in (Path(given), Path(given) / f"python{target.python}", Path(given) / "include" / f"python{target.python}"):
            if version_of(folder) == target.python:
                return folder.absolute()
        raise BuildError(f"{VARIABLE}: no headers of Python {target.python} in {given}")
    for folder in host_folders(target.python):
        if version_of(folder) == target.python:
            return folder
    full = ".".join(map(str, target.python_version))
    if full not in archives:
        raise BuildError(f"the headers of Python {full} are needed", f"set {VARIABLE} to the folder that holds its Python.h")
    return _from_archive(store, full, *archives[full], progress)


def version_of(folder: Path) -> str | None:
    """``3.14``, if the folder holds CPython's headers."""
    try:
        text = (folder / "patchlevel.h").read_text("utf-8")
    except OSError:
        return None
    found = re.search(r'#define PY_VERSION\s+"(\d+\.\d+)', text)
    return found[1] if found and (folder / "Python.h").is_file() else None


def host_folders(python: str) -> Iterable[Path]:
    """Where Pythons of the host keep their headers."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == python:
        yield Path(sysconfig.get_path("include"))
    if program := shutil.which(f"python{python}"):
        ask = [program, "-I", "-c", "import sysconfig; print(sysconfig.get_path('include'))"]
        said = subprocess.run(ask, check=False, capture_output=True, text=True)
        if said.returncode == 0:
            yield Path(said.stdout.strip())


def _from_archive(store: Store, full: str, url: str, sha256: str, progress: Progress) -> Path:
    def build(folder: Path) -> None:
        from wenv_resolver.pip_internals.downloads import Downloader
        from wenv_resolver.requirements import IndexOptions

        task = f"Fetching the headers of Python {full}"
        progress.begin(task)
        path, digest = folder / "source.tgz", hashlib.sha256()
        try:
            with path.open("wb") as file:
                for chunk in Downloader(IndexOptions()).stream(url):
                    file.write(chunk)
                    digest.update(chunk)
        finally:
            progress.end(task)
        if digest.hexdigest() != sha256:
            raise HashMismatchError(url, sha256, digest.hexdigest())
        prefix = f"Python-{full}/Include/"
        with tarfile.open(path) as archive:
            chosen = [member for member in archive if member.isfile() and member.name.startswith(prefix)]
            archive.extractall(folder, chosen, filter="data")
        path.unlink()
        (folder / f"Python-{full}").rename(folder / "Python")

    try:
        return store.derive(DERIVED, sha256, build) / "Python" / "Include"
    except HashMismatchError:
        raise
    except Exception as error:
        hint = f"set {VARIABLE} to the folder that holds Python.h of Python {full}, or install that Python"
        raise BuildError(f"the headers of Python {full} are not on this machine: {error}", hint) from error


def pyconfig(variables: Mapping[str, object]) -> str:
    """The text of pyconfig.h, from the configuration that a runtime says of itself: 0 there means "not defined" here."""
    chosen = {name: value for name, value in variables.items() if DEFINITION.match(name) and isinstance(value, int) and value}
    return "".join(f"#define {name} {value}\n" for name, value in sorted(chosen.items()))


def write_headers(source: Path, folder: Path, target: Target, variables: Mapping[str, object]) -> None:
    """Copy the headers from `source` to `folder`, for the target: its pyconfig.h and its exact version.

    `variables` is the configuration that the runtime says of itself.
    """
    shutil.copytree(source, folder)
    (folder / "pyconfig.h").write_text(pyconfig(variables))
    patchlevel = folder / "patchlevel.h"
    full = ".".join(map(str, target.python_version))
    text = re.sub(r"(#define PY_MICRO_VERSION\s+)\d+", rf"\g<1>{target.python_version[2]}", patchlevel.read_text("utf-8"))
    patchlevel.write_text(re.sub(r'(#define PY_VERSION\s+)"[^"]*"', rf'\g<1>"{full}"', text), "utf-8")
