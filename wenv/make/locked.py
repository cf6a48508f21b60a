"""What an environment's lock says."""

import hashlib

from wenv.environment.manifest import Environment
from wenv.runtimes import Runtime
from wenv_cache.errors import MissingEntryError
from wenv_cache.store import Store
from wenv_resolver.lock import LOCK_NAME, LockedFile, read_lock
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import without_credentials


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


def addresses(runtime: Runtime, environment: Environment, progress: Progress) -> dict[str, str]:
    """Where those packages of an environment came from that no index has by their versions alone: folders, revisions of
    repositories, and what was asked for by its address; by canonical name, without user names and passwords."""
    asked = environment.asked_for.requirements
    found = {str(line.name): line.text.partition(" @ ")[2].partition(" ;")[0] for line in asked if " @ " in line.text}
    for file in locked_wheels(runtime, environment, progress):
        if file.is_folder or file.is_repository:
            below = f"#subdirectory={file.subdirectory}" if file.subdirectory else ""
            found[file.name] = f"{without_credentials(file.url)}{below}"
    return found


def locked_wheels(runtime: Runtime, environment: Environment, progress: Progress) -> list[LockedFile]:
    """The wheels of an environment's lock."""
    text = lock_of(runtime.store, environment)
    return read_lock(text, str(environment.folder / LOCK_NAME), runtime.target(progress))[0]
