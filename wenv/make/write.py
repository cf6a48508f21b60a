"""An environment's folder: its files, its lock, and who may write there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wenv.environment.known import exists
from wenv.environment.manifest import Environment
from wenv.errors import EnvironmentExistsError, MissingProjectError, WenvError
from wenv.launcher.guest_paths import MANIFEST_NAME
from wenv.locations import folder_key
from wenv.run.bin import BIN, write_scripts
from wenv.run.planning import leave_plan
from wenv.snapshot.contents import console_scripts, split_packages
from wenv.snapshot.ready import Ready
from wenv_cache.ownfolder import own_folder
from wenv_cache.store import Store
from wenv_resolver.lock import LOCK_NAME

#: What `write` writes into an environment's folder, beside ``bin``.
WRITTEN = (MANIFEST_NAME, LOCK_NAME, ".gitignore")


def check_place(folder: Path, *, clear: bool) -> None:
    """Raises EnvironmentExistsError, or WenvError for a folder that holds files of somebody else's."""
    if exists(folder):
        if not clear:
            raise EnvironmentExistsError(folder)
        return
    with suppress(FileNotFoundError), own_folder(folder) as own:
        ours = {".gitignore", LOCK_NAME, BIN, *own.leftovers(WRITTEN)}  # left by a create that was cut off
        if not set(own.names()) <= ours:
            raise WenvError(f"{folder} is not empty and holds no environment", "name a folder that is not there yet")
        if own.kind(".gitignore") and own.read(".gitignore") != b"*\n":
            raise WenvError(f"{folder} holds files that are not wenv's", "name a folder that is not there yet")


@contextmanager
def alone(store: Store, folder: Path) -> Iterator[None]:
    """Hold while the environment in a folder is made or changed."""
    with store.building(f"environment-{folder_key(folder)}"):
        yield


def write(ready: Ready, lock: str, *, granting: bool, sharing: bool) -> None:
    """Write an environment's folder, the manifest last; `lock` is the lock's text.  Raises LinkedFolderError.

    `granting` and `sharing` are those of `Environment.save`.
    """
    environment, store = ready.environment, ready.runtime.store
    found = computed(store, environment)
    with own_folder(environment.folder, create=True) as folder:
        for name in folder.leftovers(WRITTEN):
            folder.remove(name)
        folder.write(".gitignore", "*\n")
        folder.write(LOCK_NAME, lock)
        write_scripts(store, environment, folder)
        environment.save(found, granting=granting, sharing=sharing)
    with suppress(MissingProjectError):  # a run says so
        leave_plan(ready)


def computed(store: Store, environment: Environment) -> dict[str, object]:
    """What earlier versions of wenv read in a manifest, and this one finds in the layers."""
    packages = environment.packages
    return {"scripts": console_scripts(store, packages), "split_packages": split_packages(store, packages)}
