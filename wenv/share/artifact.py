"""Environments as OCI artifacts: what a ``.wenv`` file and a registry hold, and how it becomes an environment again.

An artifact is a manifest, a configuration (`Configuration`), and one blob for each layer: see docs/reference/format.md.
Whatever is read of one is checked before it is used; what can be computed from the layers is computed, not believed.
"""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from wenv.environment.known import DIGEST as SHA256
from wenv.environment.manifest import Environment, PackageLayer, RuntimeRecord, read_packages, read_time
from wenv.make.locked import lock_of
from wenv.policy.policy import Policy
from wenv.runtimes import Runtime, packer_of
from wenv.version import __version__
from wenv_cache import oci
from wenv_cache.manifest import snapshot_digest
from wenv_cache.oci import ArchiveError, Descriptor, ImageManifest
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
COMPRESSING = "Compressing layers"


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
        packages = [package.as_json() for package in self.packages]
        return oci.canonical({"format": FORMAT, **asdict(self), "packages": packages})

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
        if shared := [package.name for package in made.packages if package.editable is not None]:
            raise ArchiveError(f"a configuration with editable projects, which name folders of a machine: {', '.join(shared)}")
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

    `with_runtime` takes the standard library and the interpreter along.  Editable projects are taken in before
    (`wenv.make.standalone`).
    """
    assert not environment.editables, "folders of this machine are nobody else's"
    store = runtime.store
    interpreter = packer_of(runtime).component_file(progress) if with_runtime else None
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


# -- in
