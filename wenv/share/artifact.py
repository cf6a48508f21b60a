"""Environments as OCI artifacts: what a ``.wenv`` file and a registry hold, and how it becomes an environment again.

An artifact is a manifest, a configuration (`Configuration`), and one blob for each layer.  It is described in docs/format.md.
Whatever is read of one is checked before it is used; what can be computed from the layers is computed, not believed.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from wenv import __version__
from wenv.environment.kinds import Kind
from wenv.environment.known import DIGEST as SHA256
from wenv.environment.manifest import Environment, PackageLayer, RuntimeRecord, read_packages, read_time
from wenv.errors import StaleEnvironmentError, WenvError
from wenv.guest.imports.extensions import is_extension
from wenv.make.write import alone, check_place, lock_of, write
from wenv.policy.policy import Policy
from wenv.runtimes import Runtime, runtime_of
from wenv.snapshot.ready import ensure_ready
from wenv_cache import oci
from wenv_cache.files import replacing
from wenv_cache.layers import StagedLayer, publish
from wenv_cache.manifest import snapshot_digest
from wenv_cache.oci import ArchiveError, Descriptor, ImageManifest, Layout
from wenv_cache.reading import Given, InvalidValueError, given_json
from wenv_cache.store import READ_ONLY, Store, ignoring
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import Requested

ARTIFACT = "application/vnd.wenv.environment.v1"
CONFIGURATION = "application/vnd.wenv.config.v1+json"
LAYER = "application/vnd.wenv.layer.v1.tar+zstd"
INTERPRETER = "application/vnd.wenv.runtime.v1+wasm"
#: On a layer's descriptor: its digest in a snapshot, bytes of its files, and for people what it is.
DIGEST, SIZE, TITLE = "dev.wenv.layer.digest", "dev.wenv.layer.size", "org.opencontainers.image.title"
FORMAT = 1
#: Entries of a history.
MOST_HISTORY = 1000
SUFFIX = ".wenv"
#: What the layers of one artifact may hold together, in bytes, unless the user allows more.
LARGEST = 8 << 30
COMPRESSING, UNPACKING = "Compressing layers", "Unpacking layers"

#: Opens a blob of an artifact for reading.
Opener = Callable[[Descriptor], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an artifact says of an environment besides its layers.

    `policy` is what its maker allowed; whoever imports it grants it, or does not.  `history` says what was done when and by
    which version.
    """

    snapshot: str
    runtime: RuntimeRecord
    packages: tuple[PackageLayer, ...]
    lock: str
    requested: dict[str, Any]
    policy: dict[str, Any]
    history: tuple[dict[str, str], ...]

    def document(self) -> bytes:
        """The bytes of the blob."""
        return oci.canonical({"format": FORMAT, **asdict(self)})

    @classmethod
    def parse(cls, document: bytes) -> "Configuration":
        """Read a configuration; raises ArchiveError."""
        try:
            given = given_json(document, oci.LARGEST_DOCUMENT)
            if (found := given["format"].whole(1, 1 << 30)) != FORMAT:
                raise ArchiveError(
                    f"its format is {found}, this wenv ({__version__}) reads formats up to {FORMAT}", "a newer wenv reads it"
                )
            made = cls(
                snapshot=given["snapshot"].text(SHA256),
                runtime=RuntimeRecord.read(given["runtime"]),
                packages=read_packages(given["packages"]),
                lock=given["lock"].text(longest=oci.LARGEST_DOCUMENT, controls=True),
                requested=Requested.read(given["requested"]).as_json(),
                policy=Policy.read(given["policy"]).as_json(),
                history=tuple(_done(item) for item in given["history"].items(MOST_HISTORY)),
            )
        except InvalidValueError as error:
            raise ArchiveError(f"a configuration that cannot be read: {error}") from error
        if made.snapshot != snapshot_digest(made.layers):
            raise ArchiveError("a configuration whose layers do not have the snapshot's digest")
        return made

    @property
    def asked(self) -> Policy:
        """The policy that its maker allowed."""
        return Policy.read(Given(self.policy, "policy"))

    @property
    def layers(self) -> tuple[str, ...]:
        """Digests of the snapshot's layers, the standard library first."""
        return (self.runtime.standard_library, *(package.digest for package in self.packages))

    def environment(self, folder: Path) -> Environment:
        """The environment, as if it were made in a folder; scripts and the like are still to be computed."""
        times = {item["action"]: item["time"] for item in self.history}
        created = times.get("create", "")
        return Environment(
            folder=folder,
            runtime=self.runtime,
            packages=self.packages,
            lock=hashlib.sha256(self.lock.encode()).hexdigest(),
            requested=self.requested,
            policy=self.policy,
            created=created,
            changed=times.get("change", created),
        )


def _done(given: Given) -> dict[str, str]:
    """What was done, when, and by which version."""
    return {"action": given["action"].text(longest=40), "time": read_time(given["time"]), "by": given["by"].text(longest=100)}


def configuration_of(store: Store, environment: Environment) -> Configuration:
    """What is said of an environment; where and by which build its layers came about is not, as it differs between hosts."""
    by = f"wenv {__version__}"
    history = [{"action": "create", "time": environment.created, "by": by}]
    if environment.changed != environment.created:
        history.append({"action": "change", "time": environment.changed, "by": by})
    return Configuration(
        environment.snapshot,
        environment.runtime,
        tuple(replace(package, built="") for package in environment.packages),
        lock_of(store, environment),
        environment.requested,
        environment.asked.without_values.as_json(),
        tuple(history),
    )


# -- out


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact that can be sent: its manifest, and its blobs, which are made when they are wanted."""

    manifest: ImageManifest
    configuration: bytes
    write_blob: Callable[[Descriptor, BinaryIO], None]


def artifact_of(runtime: Runtime, environment: Environment, progress: Progress, *, with_runtime: bool = False) -> Artifact:
    """An environment as an artifact.  Raises MissingEntryError for layers that are not in the store.

    `with_runtime` takes the standard library and the interpreter along.
    """
    store = runtime.store
    interpreter = runtime.component_file(progress) if with_runtime else None
    content = configuration_of(store, environment).document()
    layers: dict[Descriptor, str] = {}
    named = [(package.digest, package.guest_base.name) for package in environment.packages]
    if with_runtime:
        named.insert(0, (environment.runtime.standard_library, "standard library"))
    progress.begin(COMPRESSING, len(named))
    for digest, title in named:
        progress.note(COMPRESSING, title)
        size = store.manifest(digest).size
        annotations = {DIGEST: f"sha256:{digest}", SIZE: str(size), TITLE: title}
        layers[Descriptor(LAYER, *_compressed(store, digest), annotations)] = digest
        progress.advance(COMPRESSING, 1)
    progress.end(COMPRESSING)
    descriptors = list(layers)
    if interpreter is not None:
        with interpreter.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        descriptors.append(Descriptor(INTERPRETER, sha256, interpreter.stat().st_size, {TITLE: environment.runtime.name}))

    def write_blob(descriptor: Descriptor, target: BinaryIO) -> None:
        if descriptor.media_type == INTERPRETER and interpreter is not None:
            target.write(interpreter.read_bytes())
        else:
            oci.write_layer(store, layers[descriptor], target)

    manifest = ImageManifest(ARTIFACT, oci.describe(CONFIGURATION, content), tuple(descriptors))
    return Artifact(manifest, content, write_blob)


def _compressed(store: Store, layer: str) -> tuple[str, int]:
    """The sha256 and size of a layer's blob; found out once."""
    import zstandard

    key = hashlib.sha256(f"{LAYER} {oci.LEVEL} {zstandard.__version__} {layer}".encode()).hexdigest()
    record = store.record(key)
    if record is None:
        with tempfile.TemporaryFile() as nowhere:
            sha256, size = oci.write_layer(store, layer, nowhere)
        record = {"sha256": sha256, "size": size}
        with ignoring(READ_ONLY):
            store.put_record(key, record)
    return str(record["sha256"]), int(str(record["size"]))


def export(
    runtime: Runtime, environment: Environment, output: Path, progress: Progress, *, with_runtime: bool = False
) -> Descriptor:
    """Write an environment into one file; returns its manifest's descriptor.  Hold `Store.adding`."""
    artifact = artifact_of(runtime, environment, progress, with_runtime=with_runtime)
    with runtime.store.staging() as staging:
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


# -- in


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


def take_layers(store: Store, source: Arrived, progress: Progress, largest: int = LARGEST, *, at_once: bool = False) -> None:
    """Have all layers of an artifact in the store; hold `Store.adding`.

    Raises ArchiveError, after which the store is as it was.  With `at_once` each layer is kept as soon as it has been checked,
    so that what was fetched is not fetched again.
    """
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
            publish(store, [layer]) if at_once else staged.append(layer)
            progress.advance(UNPACKING, blob.size)
        publish(store, staged)
    progress.end(UNPACKING)


def take(
    store: Store,
    source: Arrived,
    folder: Path,
    progress: Progress,
    *,
    largest: int = LARGEST,
    grant: bool = False,
    clear: bool = False,
    at_once: bool = False,
) -> Environment:
    """Make the environment of an artifact in `folder`; hold `Store.adding`.

    Its policy is only granted with `grant`.  Raises ArchiveError, StaleEnvironmentError, EnvironmentExistsError; nothing is
    visible then.
    """
    runtime = runtime_of(store, Kind(source.configuration.runtime.kind))
    with alone(store, folder):
        check_place(folder, clear=clear)
        own = runtime.standard_library(progress)
        if source.configuration.runtime.standard_library != own:
            raise StaleEnvironmentError(source.configuration.runtime.identity, runtime.identity)
        take_layers(store, source, progress, largest, at_once=at_once)
        environment = source.configuration.environment(folder)
        for package in environment.packages:
            if package.native != any(is_extension(file.path) for file in store.manifest(package.digest).files):
                raise ArchiveError(f"{source.label}: {package.name} is not what the configuration says of it")
        store.put_document(source.configuration.lock)
        ensure_ready(runtime, environment, progress)
        write(runtime, environment, source.configuration.lock, progress, granting=grant)
    return environment
