"""Where pictures go that a program shows (wenv/guest/platform/plots.py): a folder of its own for each environment."""

from pathlib import Path, PurePosixPath

from wenv.environment.manifest import Environment
from wenv.guest.platform.plots import FOLDER, VARIABLE
from wenv.locations import data_folder, folder_key
from wenv.policy.mounts import Mount
from wenv.snapshot.ready import Ready


def plots_folder(environment: Environment) -> Path:
    """The folder on the host: by the environment's name, or by its project's and a few characters that tell two apart."""
    title = environment.name or f"{environment.title}-{folder_key(environment.folder)[:6]}"
    return data_folder() / "plots" / title


def plots_of(ready: Ready) -> tuple[list[Mount], dict[str, str]]:
    """What a run is given for its pictures, and the variables that say where that is; the folder is made."""
    if "matplotlib" not in ready.runtime.contents.packages:
        return [], {}
    folder = plots_folder(ready.environment)
    folder.mkdir(parents=True, exist_ok=True)
    return [Mount(folder, PurePosixPath(FOLDER), writable=True)], {VARIABLE: str(folder)}
