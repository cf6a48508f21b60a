"""The only place that knows where wenv keeps things on the host, and what the guest calls them."""

import ntpath
import os
import posixpath
from functools import cache
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from wenv.launcher import guest_paths

#: Where wenv itself is installed.
PACKAGE = Path(__file__).parent
ENVIRONMENT_FOLDER = guest_paths.ENVIRONMENT_FOLDER
STANDARD_LIBRARY = PurePosixPath(guest_paths.STANDARD_LIBRARY)
#: Where layers are mounted: below the standard library, because nothing else can be written while a component is baked.
LAYERS = STANDARD_LIBRARY / "layers"
TEMPORARY = PurePosixPath(guest_paths.TEMPORARY)
CODE = PurePosixPath(guest_paths.CODE)
PRIVATE = PurePosixPath(guest_paths.PRIVATE)


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


def temporary_environments() -> Path:
    """The folder for environments that last as long as one run."""
    return data_folder() / "temporary"


def script_environments() -> Path:
    """The folder for environments that scripts name themselves."""
    return data_folder() / "scripts"


def tool_environments() -> Path:
    """The folder for environments of installed tools, by the tools' names."""
    return data_folder() / "tools"


def commands_folder() -> Path:
    """Where the commands of installed tools are put: ``WENV_BIN_DIR``, or the user's folder of programs."""
    if given := os.environ.get("WENV_BIN_DIR"):
        return Path(given).absolute()
    import platformdirs

    return platformdirs.user_bin_path()


def folder_key(folder: Path) -> str:
    """A file name that stands for an environment's folder, whatever characters its path has."""
    return guest_paths.folder_key(str(folder))


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
    return PurePosixPath(guest_paths.guest_path(str(host), ntpath if isinstance(host, PureWindowsPath) else posixpath))


def is_reserved(guest: PurePosixPath) -> bool:
    """Whether a guest path is the sandbox's own; folders in ``/tmp`` are free."""
    return guest_paths.is_reserved(str(guest))
