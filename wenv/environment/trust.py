"""Whose files wenv believes: environments of other users, and folders of its own that others may write to.

An environment that is found above the working folder may be anybody's who can write there (``/tmp/.wenv``): it is used only if
the user owns it, or trusts it.  What is trusted is kept in the data folder, never in the environment.  git does the same since
2.35.2 (``safe.directory``).  Where files have no owner of this kind (Windows) nothing is checked.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from wenv.errors import ForeignEnvironmentError, WenvError
from wenv.launcher.guest_paths import MANIFEST_NAME
from wenv.locations import cache_folder, data_folder
from wenv_cache.files import write_atomically
from wenv_cache.reading import InvalidValueError, given_json

#: Folders that are trusted for this process: paths as in PATH, ``*`` for all.
VARIABLE = "WENV_TRUST"
FILE = "trusted.json"


def check_owner(folder: Path) -> None:
    """Raises ForeignEnvironmentError for an environment's folder that belongs to somebody else and is not trusted."""
    if is_own(folder) and is_own(folder / MANIFEST_NAME):
        return
    if not is_trusted(folder):
        raise ForeignEnvironmentError(folder, VARIABLE)


def is_own(path: Path) -> bool:
    """Whether a file or folder belongs to the user; also if it is not there, or files have no owners here."""
    if not hasattr(os, "geteuid"):
        return True
    try:
        return os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return True


def is_trusted(folder: Path) -> bool:
    """Whether the user trusts a folder: it, or one above it, is in the list or in the variable."""
    found = folder.resolve()
    listed = [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text and text != "*"]
    everything = "*" in os.environ.get(VARIABLE, "").split(os.pathsep)
    return everything or any(found.is_relative_to(each.resolve()) for each in (*listed, *trusted()) if each.is_absolute())


def trusted() -> list[Path]:
    """The folders that were trusted with `trust`."""
    try:
        return [Path(item.text(host_path=True)) for item in given_json((data_folder() / FILE).read_bytes()).items()]
    except (OSError, InvalidValueError):
        return []


def trust(folder: Path, *, withdraw: bool = False) -> None:
    """Trust a folder and what lies in it from now on, or no longer."""
    others = [path for path in trusted() if path != folder]
    data_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(data_folder() / FILE, json.dumps(sorted(map(str, others if withdraw else [*others, folder]))))


def secure_folders(say: Callable[[str], None]) -> None:
    """Have the store and the data folder belong to the user alone: what lies in them is run on the host.

    They are made; rights that are too wide are narrowed, which `say` is told.  Raises WenvError for a folder of somebody else's
    that is not trusted.
    """
    for folder in (cache_folder(), data_folder()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not hasattr(os, "geteuid"):
            continue
        status = folder.stat()
        if status.st_uid != os.geteuid():
            if not is_trusted(folder):
                raise WenvError(
                    f"{folder} belongs to another user, and what lies there is run on this machine",
                    f"set WENV_CACHE_DIR and WENV_DATA_DIR to folders of yours, or {VARIABLE}={folder} if you trust its owner",
                )
        elif rights := stat.S_IMODE(status.st_mode) & 0o077:
            try:
                folder.chmod(stat.S_IMODE(status.st_mode) & 0o700)
            except OSError as error:
                if rights & 0o022:
                    raise WenvError(f"{folder} can be written to by others: {error.strerror}") from error
                continue  # read-only, and others can at most read it
            say(f"{folder} was open to other users; it is yours alone now")
