"""Environments that last as long as one run: what is in a ``.wenv`` file, without being imported."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from wenv.environment import known
from wenv.environment.manifest import Environment
from wenv.locations import temporary_environments
from wenv.make import remove
from wenv.share import incoming, receive
from wenv_cache.files import remove_tree
from wenv_cache.store import Store
from wenv_resolver.progress import Progress

#: Locked for as long as the environment is used.
LOCK, ENVIRONMENT = "lock", "environment"


@contextmanager
def temporary(store: Store, file: Path, progress: Progress) -> Iterator[Environment]:
    """The environment in a file; its layers stay in the store until they are pruned.  Raises what `take` does."""
    parent = temporary_environments()
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        with FileLock(folder / LOCK):
            with incoming.open_file(file) as source, store.writing() as writing:
                made = receive.take(writing, source, folder / ENVIRONMENT, progress)
            try:
                yield made
            finally:
                remove.remove(store, made.folder)
    finally:
        remove_tree(folder)
        known.forget_vanished()


def sweep() -> None:
    """Delete what runs left that were killed."""
    for folder in temporary_environments().glob("*"):
        try:
            with FileLock(folder / LOCK, timeout=0):
                remove_tree(folder / ENVIRONMENT)
        except (Timeout, OSError):
            continue  # it is in use
        remove_tree(folder)
