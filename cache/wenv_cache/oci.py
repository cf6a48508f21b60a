"""OCI: layers as compressed archives, and image layouts in one tar file.

Written so that the same content gives the same bytes, and read so that a file from anywhere can do no more than be refused:
nothing is believed before its digest has been checked, nothing is written outside a staging folder, and no more is unpacked
than was declared.

Sources: OCI image specification 1.1 (manifest, descriptor, image layout); a layer's archive is POSIX pax, compressed by zstd.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import zstandard

from wenv_cache.errors import CacheError
from wenv_cache.files import CHUNK
from wenv_cache.layers import LayerWriter, StagedLayer
from wenv_cache.store import Store

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYOUT_FILE, INDEX_FILE, BLOBS = "oci-layout", "index.json", "blobs/sha256/"
LAYOUT_VERSION = "1.0.0"
#: zstd's level: a third more time than the usual 3, a seventh smaller.  Other levels give other bytes.
LEVEL = 9
#: The largest document (index, manifest, configuration) that is read, in bytes; how many blobs a file may hold.
LARGEST_DOCUMENT, MOST_BLOBS = 16 << 20, 4096
#: The most that decompression may keep in memory, in bytes; what a layer may declare, in files.
WINDOW, MOST_FILES = 1 << 24, 200_000
#: The longest header of an archive: a path and its lengths.
LONGEST_HEADER = 1 << 16
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


class ArchiveError(CacheError):
    """A file or registry gave something that is not what it should be; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What one document says of another: `digest` is a sha256 in hexadecimal, `size` in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    def as_json(self) -> dict[str, Any]:
        """As in OCI documents."""
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": f"sha256:{self.digest}", "size": self.size}
        return {**found, "annotations": dict(self.annotations)} if self.annotations else found

    @classmethod
    def parse(cls, data: object) -> "Descriptor":
        """Read what `as_json` wrote; raises ArchiveError."""
        if not isinstance(data, dict):
            raise ArchiveError("not a descriptor: expected an object with mediaType, digest and size")
        digest = _DIGEST.fullmatch(str(data.get("digest")))
        size, media_type, annotations = data.get("size"), data.get("mediaType"), data.get("annotations") or {}
        strings = isinstance(annotations, dict) and all(isinstance(x, str) for pair in annotations.items() for x in pair)
        if not digest or type(size) is not int or not 0 <= size < 1 << 53 or not strings:
            raise ArchiveError("a descriptor without a sha256 digest and a size")
        if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
            raise ArchiveError("a descriptor without a media type")
        return cls(media_type, digest[1], size, annotations)


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """An OCI image manifest: a configuration and layers, lowest first."""

    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]

    def document(self) -> bytes:
        """The bytes whose digest names the artifact."""
        return canonical(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": self.artifact_type,
                "config": self.config.as_json(),
                "layers": [layer.as_json() for layer in self.layers],
            }
        )

    @classmethod
    def parse(cls, document: bytes) -> "ImageManifest":
        """Read a manifest; raises ArchiveError."""
        data = parse_document(document)
        layers = data.get("layers")
        if data.get("mediaType", MANIFEST) != MANIFEST or not isinstance(layers, list) or len(layers) > MOST_BLOBS:
            raise ArchiveError("not an OCI image manifest")
        config = Descriptor.parse(data.get("config"))
        return cls(str(data.get("artifactType") or config.media_type), config, tuple(map(Descriptor.parse, layers)))


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: the same value gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")


def parse_document(document: bytes) -> dict[str, Any]:
    """A JSON object; raises ArchiveError."""
    try:
        data = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"a document that is not JSON: {error or type(error).__name__}") from None
    if not isinstance(data, dict):
        raise ArchiveError("a document that is no JSON object")
    return data


def describe(media_type: str, content: bytes, annotations: Mapping[str, str] | None = None) -> Descriptor:
    """The descriptor of some bytes."""
    return Descriptor(media_type, hashlib.sha256(content).hexdigest(), len(content), annotations or {})


# -- layers as blobs


def write_layer(store: Store, digest: str, target: BinaryIO) -> tuple[str, int]:
    """Write a layer of the store as a compressed archive; returns the sha256 and the size in bytes of what was written."""
    hashing = _Hashing(target)
    manifest, tree = store.manifest(digest), store.tree(digest)
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with (
        compressor.stream_writer(cast(BinaryIO, hashing), closefd=False) as compressed,
        tarfile.open(fileobj=cast(BinaryIO, compressed), mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in manifest.files:
            member = tarfile.TarInfo(file.path)
            member.size, member.mode = file.size, 0o755 if file.executable else 0o644
            with (tree / file.path).open("rb") as content:
                archive.addfile(member, content)
    return hashing.sha256.hexdigest(), hashing.size


def read_layer(store: Store, staging: Path, blob: BinaryIO, descriptor: Descriptor, digest: str, limit: int) -> StagedLayer:
    """Unpack a layer into a staging folder.  Raises ArchiveError unless the blob has the descriptor's digest and the files have
    the layer's, `digest`; and as soon as these are more than `limit` bytes."""
    source = _Hashing(_Limited(blob, descriptor.size))
    writer, left = LayerWriter(store, staging), limit
    with reading("layer"):
        plain = zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(cast(BinaryIO, source), closefd=False)
        stream = cast(
            BinaryIO, _Limited(plain, limit + MOST_FILES * 4 * tarfile.BLOCKSIZE, ArchiveError("a layer without end"))
        )
        with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", tarinfo=_LayerMember) as archive:
            for count, member in enumerate(archive):
                content = (
                    cast(BinaryIO | None, archive.extractfile(member)) if member.isreg() and not member.issparse() else None
                )
                if content is None or count >= MOST_FILES:
                    raise ArchiveError(f"a layer with something else than files, or too many: {member.name[:80]!r}")
                left -= member.size
                if left < 0:
                    raise ArchiveError("a layer that holds more than it declares")
                writer.add(member.name, content, executable=bool(member.mode & 0o100))
    source.check(descriptor)
    staged = writer.finish()
    if staged.manifest.digest != digest:
        raise ArchiveError(f"a layer whose files do not have the digest {digest[:12]}")
    return staged


def check_blob(blob: BinaryIO, descriptor: Descriptor) -> None:
    """Raises ArchiveError unless the blob has the descriptor's digest."""
    _Hashing(_Limited(blob, descriptor.size)).check(descriptor)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn everything that a library makes of hostile bytes into ArchiveError."""
    try:
        yield
    except CacheError:
        raise
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise ArchiveError(f"a damaged {what}: {error or type(error).__name__}") from error


class _Hashing:
    """A stream that knows the sha256 and the size of all that passed through it."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.sha256, self.size = stream, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.size += len(data)
        self._stream.write(data)
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def check(self, descriptor: Descriptor) -> None:
        """Read what is left; raises ArchiveError unless all together has the descriptor's digest."""
        while self.read(CHUNK):
            pass
        if (self.sha256.hexdigest(), self.size) != (descriptor.digest, descriptor.size):
            raise ArchiveError(f"a layer that does not have its digest {descriptor.digest[:12]}")


class _Limited:
    """At most `size` bytes of a stream; then its end, or `beyond` is raised."""

    def __init__(self, stream: Any, size: int, beyond: ArchiveError | None = None) -> None:
        self._stream, self._left, self._beyond = stream, size, beyond

    def read(self, size: int = -1) -> bytes:
        if self._beyond is not None and size > self._left:
            raise self._beyond
        data: bytes = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class _Member(tarfile.TarInfo):
    """A member of an image layout: a file with a short name.  Anything else is refused before tarfile looks at it."""

    allowed: tuple[bytes, ...] = (tarfile.REGTYPE, tarfile.AREGTYPE)

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        header = found.type == tarfile.XHDTYPE
        if found.type not in cls.allowed or found.size < 0 or (header and found.size > LONGEST_HEADER):
            raise ArchiveError(f"something that is no file: {found.name[:80]!r}")
        return found


class _LayerMember(_Member):
    """A member of a layer: a file, before which a header may stand that says its long name."""

    allowed = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.XHDTYPE)


# -- image layouts


def write_layout(target: BinaryIO, manifest: ImageManifest, blobs: Iterable[tuple[Descriptor, bytes | Path]]) -> None:
    """Write an image layout as a tar file: the manifest, and `blobs`, its configuration and layers."""
    document = manifest.document()
    described = describe(MANIFEST, document)
    top = {**described.as_json(), "artifactType": manifest.artifact_type}
    index = canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]})
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:

        def add(name: str, content: bytes | Path) -> None:
            member = tarfile.TarInfo(name)
            member.mode = 0o644
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                return
            member.size = content.stat().st_size
            with content.open("rb") as file:
                archive.addfile(member, file)

        add(LAYOUT_FILE, canonical({"imageLayoutVersion": LAYOUT_VERSION}))
        add(INDEX_FILE, index)
        added = {described.digest}
        add(BLOBS + described.digest, document)
        for descriptor, content in blobs:
            if descriptor.digest not in added:
                added.add(descriptor.digest)
                add(BLOBS + descriptor.digest, content)


class Layout:
    """An image layout in a tar file, opened for reading; its directory is read at once, blobs when they are wanted."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises ArchiveError for a file of another kind."""
        self._file = file
        self._members: dict[str, tuple[int, int]] = {}
        size = file.seek(0, 2)
        file.seek(0)
        with reading("file"), tarfile.open(fileobj=file, mode="r:", encoding="utf-8", tarinfo=_Member) as archive:
            for member in archive:
                name = member.name
                known = name in (LAYOUT_FILE, INDEX_FILE) or re.fullmatch(BLOBS + "[0-9a-f]{64}", name)
                if not member.isreg() or member.issparse() or not known or name in self._members:
                    raise ArchiveError(f"something that an image layout does not hold: {name[:80]!r}")
                if member.size < 0 or member.offset_data + member.size > size or len(self._members) > MOST_BLOBS:
                    raise ArchiveError("a file that was cut off, or is far too large")
                self._members[name] = (member.offset_data, member.size)
        layout = parse_document(self._document(LAYOUT_FILE))
        manifests = parse_document(self._document(INDEX_FILE)).get("manifests")
        if layout.get("imageLayoutVersion") != LAYOUT_VERSION or not isinstance(manifests, list) or len(manifests) != 1:
            raise ArchiveError("not an image layout with one manifest")
        self.descriptor = Descriptor.parse(manifests[0])
        self.manifest = ImageManifest.parse(self.document(self.descriptor))

    def document(self, descriptor: Descriptor) -> bytes:
        """The content of a small blob; raises ArchiveError if it is not there or has another digest."""
        content = self._document(BLOBS + descriptor.digest)
        if hashlib.sha256(content).hexdigest() != descriptor.digest or len(content) != descriptor.size:
            raise ArchiveError(f"a document that does not have its digest {descriptor.digest[:12]}")
        return content

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[BinaryIO]:
        """A blob as a stream, not yet checked.  Raises ArchiveError if it is not there or of another size."""
        offset, size = self._place(BLOBS + descriptor.digest)
        if size != descriptor.size:
            raise ArchiveError(f"a blob that does not have its size: {descriptor.digest[:12]}")
        self._file.seek(offset)
        yield self._file

    def _place(self, name: str) -> tuple[int, int]:
        if name not in self._members:
            raise ArchiveError(f"a file that lacks {name}")
        return self._members[name]

    def _document(self, name: str) -> bytes:
        offset, size = self._place(name)
        if size > LARGEST_DOCUMENT:
            raise ArchiveError(f"a document that is too large: {name}")
        self._file.seek(offset)
        return self._file.read(size)


@contextmanager
def open_layout(path: Path) -> Iterator[Layout]:
    """Open an image layout in a tar file; raises ArchiveError and OSError."""
    with path.open("rb") as file:
        yield Layout(file)
