"""Which environment is meant: by name, by folder, or the nearest one upwards."""

import os
import re
from pathlib import Path

from wenv.environment.known import SHOWN, exists
from wenv.environment.manifest import Environment, load
from wenv.environment.trust import check_owner
from wenv.errors import LinkedEnvironmentError, NoEnvironmentError, UsageError
from wenv.launcher.guest_paths import ACTIVE_VARIABLE, MANIFEST_NAME
from wenv.locations import ENVIRONMENT_FOLDER, named_environments, script_environments


def find(name: str | None = None, path: Path | None = None) -> Environment:
    """The environment that a command means: the named one, the one at `path`, the active one, or the nearest upwards.  One of a
    script is named by the digest that `wenv list` shows.

    Raises UsageError, NoEnvironmentError, DamagedEnvironmentError; of one that was only found, ForeignEnvironmentError and
    LinkedEnvironmentError.
    """
    if name is not None and path is not None:
        raise UsageError("--name and --path exclude each other")
    if name is not None:
        try:
            return load(named_environments() / checked_name(name))
        except NoEnvironmentError:
            if (of_script := _of_script(name)) is not None:
                return load(of_script)
            raise NoEnvironmentError(f"called {name!r}", f"`wenv list` shows them; `wenv create -n {name}` makes it") from None
    if path is not None:
        folder = path.resolve()
        return load(folder if exists(folder) or not exists(folder / ENVIRONMENT_FOLDER) else folder / ENVIRONMENT_FOLDER)
    if active := os.environ.get(ACTIVE_VARIABLE):
        return load(Path(active).resolve())
    here = Path.cwd()
    for folder in (here, *here.parents):
        found = folder / ENVIRONMENT_FOLDER
        if os.path.lexists(found / MANIFEST_NAME):  # whatever it is: the environment of a folder above is another one
            if found.is_symlink():
                raise LinkedEnvironmentError(found, found.resolve())
            check_owner(found)
            return load(found)
    raise NoEnvironmentError(f"in {here} or above it")


def _of_script(name: str) -> Path | None:
    """The environment of a script, or of one run, that `wenv list` shows with this digest; it can be given whole, too."""
    if re.fullmatch(f"[0-9a-f]{{{SHOWN},64}}", name) is None:
        return None
    found = [folder for folder in script_environments().glob(f"{name}*") if exists(folder)]
    return found[0] if len(found) == 1 else None


def nearest() -> Environment | None:
    """The environment that a command without a name or a folder means, None if there is none.  Raises what `find` does else."""
    try:
        return find()
    except NoEnvironmentError:
        return None


def place(name: str | None = None, path: Path | None = None) -> Path:
    """The folder in which an environment would be made."""
    if name is not None:
        return named_environments() / checked_name(name)
    return path.resolve() if path is not None else Path.cwd() / ENVIRONMENT_FOLDER


def checked_name(name: str) -> str:
    """The name itself; raises NoEnvironmentError for one that could not be a folder's on every host."""
    allowed = all(character.isalnum() or character in "-_." for character in name)
    if not allowed or not name or name[0] in "-." or name[-1] == "." or len(name) > 64:
        raise NoEnvironmentError(
            f"can be called {name!r}: a name has letters, digits, dots, dashes and underscores",
            "--path FOLDER names an environment in any folder",
        )
    return name
