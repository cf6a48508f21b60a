"""OCI registries: artifacts sent and fetched, by oras.

Addresses are ``HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]``.  User names and passwords come from Docker's configuration and its
credential helpers.  A registry on this machine is spoken to without TLS, as Docker does.
Source: OCI distribution specification 1.1; for components, the CNCF's Wasm OCI artifact layout.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from wenv.errors import UsageError, WenvError
from wenv.share.artifact import Artifact
from wenv.share.incoming import Arrived, arrived
from wenv_cache import oci
from wenv_cache.files import replacing
from wenv_cache.oci import ArchiveError, Descriptor, ImageManifest
from wenv_resolver.progress import Progress

if TYPE_CHECKING:
    from requests import Response

COMPONENT, COMPONENT_CONFIGURATION = "application/wasm", "application/vnd.wasm.config.v0+json"
DEFAULT_TAG = "latest"
#: Seconds until a connection is there, and between two answers.
TIMEOUTS = (10, 60)
SENDING, FETCHING = "Sending", "Fetching"
_REFERENCE = re.compile(
    r"(?P<host>localhost|[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:[0-9])|\[[0-9a-fA-F:]+\])(?P<port>:[0-9]{1,5})?"
    r"/(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an artifact lies; `digest` with its algorithm, if it is named."""

    host: str
    name: str
    tag: str
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Raises UsageError."""
        match = _REFERENCE.fullmatch(text)
        if not match:
            raise UsageError(f"{text!r} is no address in a registry", "HOST/NAME:TAG, for example localhost:5000/lab:1")
        return cls(match["host"] + (match["port"] or ""), match["name"], match["tag"] or DEFAULT_TAG, match["digest"])

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine."""
        name = self.host.partition(":")[0] if not self.host.startswith("[") else self.host
        return name == "localhost" or name.startswith("127.") or self.host.startswith("[::1]")

    def __str__(self) -> str:
        return f"{self.host}/{self.name}{f'@{self.digest}' if self.digest else f':{self.tag}'}"


def is_reference(text: str) -> bool:
    """Whether a text looks like an address in a registry."""
    return _REFERENCE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a push did: the manifest's digest, and how many blobs were sent and how many were there already."""

    reference: str
    digest: str
    sent: int
    present: int
    size: int


class Registry:
    """One repository of a registry."""

    def __init__(self, reference: Reference, *, plain_http: bool = False) -> None:
        """Raises WenvError if the registry does not answer, or wants a password that nobody has."""
        import requests
        from oras.container import Container
        from oras.provider import Registry as Client
        from requests.adapters import HTTPAdapter

        class Patient(HTTPAdapter):
            """Waits no longer than `TIMEOUTS`."""

            def send(self, request: requests.PreparedRequest, *arguments: Any, **keywords: Any) -> requests.Response:
                return super().send(request, *arguments, **{**keywords, "timeout": TIMEOUTS})

        logging.getLogger("oras").setLevel(logging.CRITICAL + 1)  # what it would say is said by our errors
        self.reference = reference
        self._insecure = plain_http or reference.is_local
        self._container: Container = Container(f"{reference.name}:{reference.tag}", registry=reference.host)
        with self._speaking():
            scheme = "http" if self._insecure else "https"
            challenge = requests.get(f"{scheme}://{reference.host}/v2/", timeout=TIMEOUTS).headers.get("Www-Authenticate", "")
        backend = "basic" if challenge.lower().startswith("basic") else "token"
        self._client: Client = Client(reference.host, insecure=self._insecure, auth_backend=backend)
        for prefix in ("http://", "https://"):
            self._client.session.mount(prefix, Patient())
        try:
            self._client.auth._auth_config = _docker_configuration()  # oras itself knows only the one in the home folder
            self._client.auth.load_configs(self._container)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise WenvError(f"Docker's configuration cannot be read: {error}") from error
        if backend == "basic" and not getattr(self._client.auth, "_basic_auth", None):
            raise WenvError(f"{reference.host} wants a user name and a password", f"docker login {reference.host}")
        self._always: dict[str, str] = self._client.auth.get_auth_header() if backend == "basic" else {}

    # -- out

    def push(self, artifact: Artifact, progress: Progress) -> Sent:
        """Send what the registry lacks, the manifest last.  Raises UsageError, and WenvError for what the registry answers."""
        document = artifact.manifest.document()
        digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
        if self.reference.digest not in (None, digest):
            raise UsageError(f"the digest is {digest}, not the one that is named", "name a tag")
        sent = present = size = 0
        blobs = [artifact.manifest.config, *artifact.manifest.layers]
        progress.begin(SENDING, sum(blob.size for blob in blobs))
        for blob in dict.fromkeys(blobs):
            progress.note(SENDING, blob.annotations.get("org.opencontainers.image.title", blob.media_type))
            if self._ask("HEAD", self._container.get_blob_url(f"sha256:{blob.digest}"), (200, 404)).status_code == 200:
                present += 1
            else:
                self._send(blob, artifact)
                sent, size = sent + 1, size + blob.size
            progress.advance(SENDING, blob.size)
        where = self._container.manifest_url(self.reference.digest or self.reference.tag)
        self._ask("PUT", where, (200, 201), data=document, headers={"Content-Type": oci.MANIFEST})
        progress.end(SENDING)
        return Sent(str(self.reference), digest, sent, present, size)

    def _send(self, blob: Descriptor, artifact: Artifact) -> None:
        with tempfile.TemporaryFile() as file:
            if blob == artifact.manifest.config:
                file.write(artifact.configuration)
            else:
                artifact.write_blob(blob, file)
            file.seek(0)
            started = self._ask("POST", self._container.upload_blob_url(), (202,))
            place = started.headers.get("Location", "")
            if not place:
                raise WenvError(f"{self.reference.host} does not say where to send a blob")
            place = f"{self.reference.host}{place}" if place.startswith("/") else place.partition("://")[2]
            joined = "&" if "?" in place else "?"
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
            self._ask("PUT", f"{place}{joined}digest=sha256:{blob.digest}", (201,), data=file, headers=headers)

    # -- in

    def manifest(self) -> tuple[ImageManifest, str]:
        """The manifest, and its digest.  Raises WenvError and ArchiveError."""
        where = self._container.manifest_url(self.reference.digest or self.reference.tag)
        response = self._ask("GET", where, (200,), headers={"Accept": oci.MANIFEST}, stream=True)
        document = self._small(response)
        digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
        if self.reference.digest not in (None, digest):
            raise ArchiveError(f"{self.reference}: the registry gave something else, {digest}")
        return ImageManifest.parse(document), digest.removeprefix("sha256:")

    def document(self, descriptor: Descriptor) -> bytes:
        """The content of a small blob.  Raises ArchiveError if it has another digest."""
        response = self._ask("GET", self._container.get_blob_url(f"sha256:{descriptor.digest}"), (200,), stream=True)
        content = self._small(response)
        if hashlib.sha256(content).hexdigest() != descriptor.digest:
            raise ArchiveError(f"{self.reference}: a document that does not have its digest {descriptor.digest[:12]}")
        return content

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[BinaryIO]:
        """A blob as a stream, not yet checked."""
        url = self._container.get_blob_url(f"sha256:{descriptor.digest}")
        with self._ask("GET", url, (200,), stream=True) as response, self._speaking():
            yield response.raw  # as it is sent: the digest is that of these bytes

    def environment(self, manifest: ImageManifest, digest: str) -> Arrived:
        """The environment that a manifest names, read as far as its configuration.  Raises WenvError and ArchiveError."""
        configuration = self.document(manifest.config) if manifest.artifact_type != COMPONENT_CONFIGURATION else b""
        return arrived(str(self.reference), manifest, digest, configuration, self.blob)

    def fetch_component(self, manifest: ImageManifest, output: Path, progress: Progress) -> int:
        """Write the component of a manifest into a file; returns its size in bytes.  Raises ArchiveError."""
        layers = [layer for layer in manifest.layers if layer.media_type == COMPONENT]
        if len(layers) != 1:
            raise ArchiveError(f"{self.reference} does not hold one WebAssembly component")
        layer = layers[0]
        progress.begin(FETCHING, layer.size)
        try:
            with self.blob(layer) as stream, replacing(output) as file:
                digest = hashlib.sha256()
                left = layer.size
                while left and (chunk := stream.read(min(left, 1 << 20))):
                    digest.update(chunk)
                    file.write(chunk)
                    left -= len(chunk)
                    progress.advance(FETCHING, len(chunk))
                if left or digest.hexdigest() != layer.digest:
                    raise ArchiveError(f"{self.reference}: a component that does not have its digest {layer.digest[:12]}")
        finally:
            progress.end(FETCHING)
        return layer.size

    # -- requests

    def _small(self, response: "Response") -> bytes:
        with self._speaking():
            content: bytes = response.raw.read(oci.LARGEST_DOCUMENT + 1, decode_content=True)
        if len(content) > oci.LARGEST_DOCUMENT:
            raise ArchiveError(f"{self.reference}: a document that is too large")
        return content

    def _ask(self, method: str, where: str, expected: tuple[int, ...], **options: Any) -> "Response":
        """Send a request; `where` is an address without its scheme.  Raises WenvError for an answer that is not expected."""
        scheme = "http" if self._insecure else "https"
        # at once: oras asks without first, and a file that was sent once is at its end when it is sent again.  Tokens it keeps,
        # and the request that comes before a file's renews them.
        headers = {**options.pop("headers", {}), **self._always}
        with self._speaking():
            response: Response = self._client.do_request(f"{scheme}://{where}", method, headers=headers, **options)
        if response.status_code in expected:
            return response
        if response.status_code in (401, 403):
            raise WenvError(
                f"{self.reference.host} does not allow this for {self.reference.name}", f"docker login {self.reference.host}"
            )
        if response.status_code == 404:
            raise WenvError(f"{self.reference} is not there")
        raise WenvError(
            f"{self.reference.host} answered {response.status_code} {response.reason}: {response.text[:200].strip()}"
        )

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what can go wrong on the way into WenvError."""
        import requests
        import urllib3

        try:
            yield
        except requests.exceptions.SSLError as error:
            raise WenvError(f"{self.reference.host}: no secure connection", "--plain-http speaks without TLS") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            hint = "what was sent or fetched is kept: try again"
            raise WenvError(f"{self.reference.host} does not answer, or stopped in between", hint) from error
        except ValueError as error:
            if "authentication" not in str(error):
                raise
            raise WenvError(f"{self.reference.host} wants another password", f"docker login {self.reference.host}") from error


def _docker_configuration() -> dict[str, Any]:
    """What Docker's configuration says of credentials; see docker(1) on ``DOCKER_CONFIG``."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    path = folder / "config.json"
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return {key: found.get(key) or empty for key, empty in (("auths", {}), ("credHelpers", {}), ("credsStore", None))}


def component_artifact(path: Path) -> Artifact:
    """A packed component as an artifact that other tools run.  Raises WenvError."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"\0asm":
                raise WenvError(f"{path} is no WebAssembly component", "`wenv pack` makes one")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise WenvError(f"{path}: {error.strerror}") from error
    layer = Descriptor(COMPONENT, digest, size, {"org.opencontainers.image.title": path.name})
    about = {"architecture": "wasm", "os": "wasip2", "layerDigests": [f"sha256:{digest}"], "created": "1970-01-01T00:00:00Z"}
    configuration = oci.canonical(about)

    def write_blob(_: Descriptor, target: BinaryIO) -> None:
        with path.open("rb") as file:
            shutil.copyfileobj(file, target)

    described = oci.describe(COMPONENT_CONFIGURATION, configuration)
    return Artifact(ImageManifest(COMPONENT, described, (layer,)), configuration, write_blob)
