"""The only place that knows where wenv keeps things on the host, and what the guest calls them."""

import hashlib
import os
from functools import cache
from pathlib import Path, PurePath, PurePosixPath

#: The folder in a project that holds its environment.
ENVIRONMENT_FOLDER = ".wenv"
#: Guest folders that belong to the sandbox; nothing of the host's may be mounted there.
STANDARD_LIBRARY = PurePosixPath("/python")
LAYERS = PurePosixPath("/wenv")
TEMPORARY = PurePosixPath("/tmp")
DEVICES = PurePosixPath("/dev")
PRIVATE = LAYERS / ".private"
CODE = LAYERS / ".code"
RESERVED = (STANDARD_LIBRARY, LAYERS, TEMPORARY, DEVICES)
#: Where the guest sees host folders whose own path is one of the sandbox's.
ELSEWHERE = PurePosixPath("/host")


@cache
def cache_folder() -> Path:
    """Where the store lies: ``WENV_CACHE_DIR``, or the platform's cache folder."""
    if given := os.environ.get("WENV_CACHE_DIR"):
        return Path(given).absolute()
    import platformdirs  # late: not needed when the variable is set

    return Path(platformdirs.user_cache_dir("wenv", appauthor=False))


@cache
def data_folder() -> Path:
    """Where named environments lie: ``WENV_DATA_DIR``, or the platform's data folder."""
    if given := os.environ.get("WENV_DATA_DIR"):
        return Path(given).absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("wenv", appauthor=False))


def named_environments() -> Path:
    """The folder that holds the named environments' folders."""
    return data_folder() / "environments"


def folder_key(folder: Path) -> str:
    """A file name that stands for an environment's folder, whatever characters its path has."""
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]


def registry_folder() -> Path:
    """One small file for each environment that lies in a project's folder, so that its layers are known to be in use."""
    return data_folder() / "registered"


def history_file(folder: Path) -> Path:
    """The shell's history for the environment in a folder."""
    return data_folder() / "history" / folder_key(folder)


def guest_path(host: PurePath) -> PurePosixPath:
    r"""The guest's name for an absolute host path: the same on POSIX; ``C:\x`` becomes ``/c/x``.

    What would hide a folder of the sandbox's own (``/tmp``, anything in ``/dev``) is found under ``/host`` instead.
    """
    if host.drive:
        guest = PurePosixPath("/", host.drive.rstrip(":").strip("\\").replace("\\", "/").lower(), *host.parts[1:])
    else:
        guest = PurePosixPath(host)
    if is_reserved(guest):
        return ELSEWHERE / guest.relative_to("/")
    return guest


def is_reserved(guest: PurePosixPath) -> bool:
    """Whether a guest path is the sandbox's own; folders in ``/tmp`` are free."""
    return guest in RESERVED or any(own in guest.parents for own in RESERVED if own != TEMPORARY)
