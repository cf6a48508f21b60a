"""Copying and renaming environments."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from wenv.environment.editables import check_granted
from wenv.environment.find import place
from wenv.environment.known import exists
from wenv.environment.manifest import Environment
from wenv.errors import WenvError
from wenv.locations import history_file
from wenv.make.locked import lock_of
from wenv.make.remove import remove
from wenv.make.write import alone, check_place, write
from wenv.runtimes import Runtime
from wenv.snapshot.ready import ensure_ready
from wenv_resolver.progress import Progress


def copy(runtime: Runtime, environment: Environment, folder: Path, progress: Progress) -> Environment:
    """Make the same environment once more, in `folder`; it costs a manifest.  Raises WenvError."""
    with runtime.store.writing(), alone(runtime.store, folder):
        if exists(folder):
            raise WenvError(f"{folder.name} is there already", "choose another name")
        check_place(folder, clear=False)
        check_granted(environment)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = replace(environment, folder=folder, created=now, changed=now, stamp=None)
        lock = lock_of(runtime.store, environment)
        ready = ensure_ready(runtime, environment, progress)
        write(replace(ready, environment=made), lock, granting=environment.is_policy_granted(), sharing=True)
        return made


def rename(runtime: Runtime, environment: Environment, name: str, progress: Progress) -> Environment:
    """Give a named environment another name; cut off, it has both.  Raises WenvError, EnvironmentExistsError."""
    if environment.name is None:
        raise WenvError(
            f"{environment.label} has no name: it belongs to the folder it lies in", "`wenv copy NAME` makes a named one of it"
        )
    made = copy(runtime, environment, place(name), progress)
    old, new = history_file(environment.folder), history_file(made.folder)
    if old.is_file():
        old.replace(new)
    remove(runtime.store, environment.folder)
    return made
