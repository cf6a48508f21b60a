"""What an environment's lock says."""

import hashlib

from wenv.environment.manifest import Environment
from wenv.runtimes import Runtime
from wenv_cache.errors import MissingEntryError
from wenv_cache.store import Store
from wenv_resolver.lock import LOCK_NAME, LockedFile, read_lock
from wenv_resolver.progress import Progress


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
