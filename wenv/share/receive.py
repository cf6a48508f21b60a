"""Making an environment of what has arrived."""

from pathlib import Path

from wenv.environment.kinds import Kind
from wenv.environment.manifest import Environment
from wenv.errors import StaleEnvironmentError
from wenv.guest.imports.extensions import is_extension
from wenv.make.write import alone, check_place, write
from wenv.runtimes import runtime_of
from wenv.share.artifact import TITLE
from wenv.share.incoming import Arrived, declared_size
from wenv.snapshot.ready import ensure_ready
from wenv_cache import oci
from wenv_cache.layers import StagedLayer, publish
from wenv_cache.oci import ArchiveError
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress

#: What the layers of one artifact may hold together, in bytes, unless the user allows more.
LARGEST = 8 << 30


UNPACKING = "Unpacking layers"


def take_layers(
    writing: Writing, source: Arrived, progress: Progress, largest: int = LARGEST, *, at_once: bool = False
) -> None:
    """Have all layers of an artifact in the store.

    Raises ArchiveError, after which the store is as it was.  With `at_once` each layer is kept as soon as it has been checked,
    so that what was fetched is not fetched again.
    """
    store = writing.store
    if source.size > largest:
        raise ArchiveError(f"it holds {source.size} bytes of files, {largest} are allowed", "--max-size allows more")
    missing = {digest: blob for digest, blob in source.layers.items() if not store.has_layer(digest)}
    if not at_once:  # what is not unpacked is not believed either
        for digest, blob in source.layers.items():
            if digest not in missing:
                with source.open_blob(blob) as stream:
                    oci.check_blob(stream, blob)
    progress.begin(UNPACKING, sum(blob.size for blob in missing.values()))
    with store.staging() as staging:
        staged: list[StagedLayer] = []
        for digest, blob in missing.items():
            progress.note(UNPACKING, blob.annotations.get(TITLE, digest[:12]))
            with source.open_blob(blob) as stream:
                layer = oci.read_layer(store, staging, stream, blob, digest, declared_size(blob))
            publish(writing, [layer]) if at_once else staged.append(layer)
            progress.advance(UNPACKING, blob.size)
        publish(writing, staged)
    progress.end(UNPACKING)


def take(
    writing: Writing,
    source: Arrived,
    folder: Path,
    progress: Progress,
    *,
    largest: int = LARGEST,
    grant: bool = False,
    clear: bool = False,
    at_once: bool = False,
) -> Environment:
    """Make the environment of an artifact in `folder`.

    Its policy is only granted with `grant`.  Raises ArchiveError, StaleEnvironmentError, EnvironmentExistsError; nothing is
    visible then.
    """
    store = writing.store
    runtime = runtime_of(store, Kind(source.configuration.runtime.kind))
    with alone(store, folder):
        check_place(folder, clear=clear)
        own = runtime.standard_library(progress)
        if source.configuration.runtime.standard_library != own:
            raise StaleEnvironmentError(source.configuration.runtime.identity, runtime.identity)
        take_layers(writing, source, progress, largest, at_once=at_once)
        environment = source.configuration.environment(folder)
        for package in environment.packages:
            if package.native != any(is_extension(file.path) for file in store.manifest(package.digest).files):
                raise ArchiveError(f"{source.label}: {package.name} is not what the configuration says of it")
        store.put_document(source.configuration.lock)
        ready = ensure_ready(runtime, environment, progress)
        write(ready, source.configuration.lock, granting=grant, sharing=False)
    return environment
