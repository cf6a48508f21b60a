"""Environments that came as a file or from a registry, before they are believed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wenv.errors import WenvError
from wenv.share.artifact import ARTIFACT, CONFIGURATION, DIGEST, INTERPRETER, LAYER, SIZE, Configuration
from wenv_cache import oci
from wenv_cache.oci import ArchiveError, Descriptor, ImageManifest, Layout

#: Opens a blob of an artifact for reading.
Opener = Callable[[Descriptor], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class Arrived:
    """An artifact that was read as far as its configuration; its blobs are opened when they are wanted."""

    label: str
    manifest: ImageManifest
    digest: str
    configuration: Configuration
    layers: Mapping[str, Descriptor]
    """The layers that are inside, by their digest in the snapshot."""
    open_blob: Opener

    @property
    def size(self) -> int:
        """Bytes of all files inside, as far as is declared."""
        return sum(declared_size(descriptor) for descriptor in self.layers.values())

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        configuration = asdict(self.configuration)
        layers = [
            {"digest": digest, "blob": blob.digest, "compressed": blob.size, "size": declared_size(blob)}
            for digest, blob in self.layers.items()
        ]
        return {"digest": self.digest, "size": self.size, "layers": layers, **configuration}


def declared_size(descriptor: Descriptor) -> int:
    """What a layer says of its size; raises ArchiveError."""
    text = descriptor.annotations.get(SIZE, "")
    if not text.isascii() or not text.isdecimal() or len(text) > 16:
        raise ArchiveError("a layer that does not say its size")
    return int(text)


def arrived(label: str, manifest: ImageManifest, digest: str, configuration: bytes, open_blob: Opener) -> Arrived:
    """Check what is known of an artifact before its layers are read.  Raises ArchiveError."""
    if manifest.artifact_type != ARTIFACT or manifest.config.media_type != CONFIGURATION:
        raise ArchiveError(f"{label} is no environment but {manifest.artifact_type[:80]}")
    said = Configuration.parse(configuration)
    found = Arrived(label, manifest, digest, said, _layers_of(manifest, said), open_blob)
    _ = found.size
    return found


def _layers_of(manifest: ImageManifest, configuration: Configuration) -> dict[str, Descriptor]:
    """The layers that are inside, by their digest in the snapshot.  Raises ArchiveError."""
    found: dict[str, Descriptor] = {}
    for descriptor in manifest.layers:
        if descriptor.media_type == INTERPRETER:
            continue  # for others: wenv runs no interpreter but its own
        digest = descriptor.annotations.get(DIGEST, "").removeprefix("sha256:")
        if descriptor.media_type != LAYER or digest not in configuration.layers or digest in found:
            raise ArchiveError(f"a layer that the environment does not have, or of an unknown type: {descriptor.media_type}")
        found[digest] = descriptor
    missing = [package.name for package in configuration.packages if package.digest not in found]
    if missing:
        raise ArchiveError(f"the layers of {', '.join(missing)} are missing")
    return found


@contextmanager
def open_file(path: Path) -> Iterator[Arrived]:
    """Open a ``.wenv`` file.  Raises ArchiveError and WenvError."""
    try:
        with oci.open_layout(path) as layout:
            yield _of_layout(path, layout)
    except ArchiveError as error:
        raise ArchiveError(
            f"{path}: {error}", error.hint or "the file is damaged, or no .wenv file; nothing was kept"
        ) from error
    except OSError as error:
        if error.filename != str(path) and error.filename is not None:
            raise
        raise WenvError(f"{path}: {error.strerror}") from error


def _of_layout(path: Path, layout: Layout) -> Arrived:
    configuration = layout.document(layout.manifest.config)
    return arrived(str(path), layout.manifest, layout.descriptor.digest, configuration, layout.blob)
