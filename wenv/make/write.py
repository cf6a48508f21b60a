"""An environment's folder: its files, its lock, and who may write there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wenv.environment.known import exists
from wenv.environment.manifest import Environment
from wenv.errors import EnvironmentExistsError, MissingProjectError, WenvError
from wenv.locations import folder_key
from wenv.run.bin import BIN, write_scripts
from wenv.run.planning import leave_plan
from wenv.runtimes import Runtime
from wenv.snapshot.contents import console_scripts, split_packages
from wenv.snapshot.ready import Ready
from wenv_cache.errors import MissingEntryError
from wenv_cache.ownfolder import own_folder
from wenv_cache.store import Store
from wenv_resolver.lock import LOCK_NAME, LockedFile, read_lock
from wenv_resolver.progress import Progress


def check_place(folder: Path, *, clear: bool) -> None:
    """Raises EnvironmentExistsError, or WenvError for a folder that holds files of somebody else's."""
    if exists(folder):
        if not clear:
            raise EnvironmentExistsError(folder)
        return
    ours = {".gitignore", LOCK_NAME, BIN}  # left by a create that was cut off
    with suppress(FileNotFoundError), own_folder(folder) as own:
        if not set(own.names()) <= ours:
            raise WenvError(f"{folder} is not empty and holds no environment", "name a folder that is not there yet")
        if own.kind(".gitignore") and own.read(".gitignore") != b"*\n":
            raise WenvError(f"{folder} holds files that are not wenv's", "name a folder that is not there yet")


def lock_of(store: Store, environment: Environment) -> str:
    """The text of an environment's lock; raises MissingEntryError."""
    try:
        return store.document(environment.lock)
    except MissingEntryError:
        # the store was deleted; the environment's own copy will do, if it is the one
        copy = environment.folder / LOCK_NAME
        text = copy.read_text("utf-8") if copy.is_file() else ""
        if hashlib.sha256(text.encode()).hexdigest() != environment.lock:
            raise
        return text


def locked_wheels(runtime: Runtime, environment: Environment, progress: Progress) -> list[LockedFile]:
    """The wheels of an environment's lock."""
    text = lock_of(runtime.store, environment)
    return read_lock(text, str(environment.folder / LOCK_NAME), runtime.target(progress))[0]


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
