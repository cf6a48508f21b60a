"""Writing an environment into one file."""

from pathlib import Path

from wenv.environment.manifest import Environment
from wenv.make.standalone import standalone
from wenv.runtimes import Runtime
from wenv.share.artifact import artifact_of
from wenv_cache import oci
from wenv_cache.files import replacing
from wenv_cache.oci import Descriptor
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress


def export(
    writing: Writing,
    runtime: Runtime,
    environment: Environment,
    output: Path,
    progress: Progress,
    *,
    with_runtime: bool = False,
) -> Descriptor:
    """Write an environment into one file; returns its manifest's descriptor."""
    environment = standalone(writing, runtime, environment, progress)
    artifact = artifact_of(runtime, environment, progress, with_runtime=with_runtime)
    with writing.store.staging() as staging:
        blobs: list[tuple[Descriptor, bytes | Path]] = [(artifact.manifest.config, artifact.configuration)]
        for descriptor in artifact.manifest.layers:
            path = staging / descriptor.digest
            if not path.exists():
                with path.open("wb") as file:
                    artifact.write_blob(descriptor, file)
            blobs.append((descriptor, path))
        with replacing(output) as file:
            oci.write_layout(file, artifact.manifest, blobs)
    return oci.describe(oci.MANIFEST, artifact.manifest.document())
