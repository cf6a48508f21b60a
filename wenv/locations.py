"""The only place that knows where wenv keeps things on the host, and what the guest calls them."""

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


def named_environment(name: str) -> Path:
    """The folder of the environment called `name`."""
    return data_folder() / "environments" / name


def registry_folder() -> Path:
    """One small file for each environment that lies in a project's folder, so that its layers are known to be in use."""
    return data_folder() / "registered"


def history_file(environment_key: str) -> Path:
    """The shell's history for one environment."""
    return data_folder() / "history" / environment_key


def guest_path(host: PurePath) -> PurePosixPath:
    r"""The guest's name for an absolute host path: the same on POSIX; ``C:\x`` becomes ``/c/x``."""
    if host.drive:
        return PurePosixPath("/", host.drive.rstrip(":").strip("\\").replace("\\", "/").lower(), *host.parts[1:])
    return PurePosixPath(host)
