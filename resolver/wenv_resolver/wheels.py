"""From a wheel to a layer: the archive is checked as a whole, then unpacked the way the wheel standard says.

A layer made from a wheel has these folders: ``site-packages`` (the wheel's purelib or platlib), ``bin`` (its scripts),
``include/NAME`` (its headers), and beside them what it installs as data.
"""

import posixpath
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import Parser
from io import BytesIO
from lzma import LZMAError
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import installer
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, InvalidRecordEntry, RecordEntry
from installer.sources import WheelContentElement, WheelFile
from installer.utils import Scheme, construct_record_file
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from wenv_cache.errors import UnsafePathError
from wenv_cache.layers import LayerWriter, StagedLayer
from wenv_cache.manifest import File
from wenv_cache.names import check_collisions, checked
from wenv_cache.store import Store
from wenv_resolver.editable import Editable
from wenv_resolver.errors import HostileWheelError
from wenv_resolver.layout import HEADERS, SCRIPTS, SITE_PACKAGES

if TYPE_CHECKING:
    from installer.scripts import ScriptSection

#: Far above what real wheels hold; below what would fill a disk before anybody notices.
MOST_FILES = 100_000
MOST_BYTES = 4 << 30
#: Above this size (bytes) contents may not be more than 200 times their compressed size; text reaches 20.
BOMB_BYTES, BOMB_RATIO = 64 << 20, 200

_FOLDERS = {"purelib": SITE_PACKAGES, "platlib": SITE_PACKAGES, "scripts": SCRIPTS, "headers": HEADERS, "data": ""}


@dataclass(frozen=True, slots=True)
class StagedWheel:
    """A wheel whose layer is ready to be published."""

    name: str
    version: str
    filename: str
    layer: StagedLayer


def stage_wheel(
    store: Store, staging: Path, path: Path, name: str, version: str, editable: Editable | None = None
) -> StagedWheel:
    """Make a layer of the wheel at `path`, which must be of project `name` at `version`; of an `editable` one what is left.

    Raises HostileWheelError, with nothing left behind, for a wheel that is malformed or made to do harm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive)
            wheel = _Wheel(archive, editable.left_out if editable is not None else frozenset())
            _check_identity(wheel, name, version)
            _check_record(wheel)
            destination = _Layer(LayerWriter(store, staging), canonicalize_name(name))
            more = {"direct_url.json": editable.direct_url} if editable is not None else {}
            installer.install(wheel, destination, {"INSTALLER": b"wenv\n", **more})
            layer = destination.writer.finish()
    except UnsafePathError as error:
        raise HostileWheelError(path.name, str(error)) from error
    except OSError as error:
        if error.errno is not None:  # else it is a decompressor's word for damaged data
            raise
        raise HostileWheelError(path.name, str(error)) from error
    except AssertionError as error:  # what `installer` says of an entry point that is none
        raise HostileWheelError(path.name, "its entry_points.txt is malformed") from error
    except wheel_validation_errors() as error:
        issues = getattr(error, "issues", None)
        raise HostileWheelError(path.name, "; ".join(issues[:3]) if issues else str(error) or type(error).__name__) from error
    return StagedWheel(name, version, path.name, layer)


def wheel_validation_errors() -> tuple[type[Exception], ...]:
    """What reading a malformed wheel can raise."""
    return (
        InstallerError,
        LZMAError,
        InvalidRecordEntry,
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        KeyError,
        EOFError,
        NotImplementedError,
    )


def check_archive(archive: zipfile.ZipFile) -> None:
    """Raises ValueError or UnsafePathError for an archive that must not be unpacked."""
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise ValueError(f"{len(members)} files")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if size > MOST_BYTES or (size > BOMB_BYTES and size > BOMB_RATIO * max(packed, 1)):
        raise ValueError(f"{size} bytes packed into {packed}")
    for member in members:
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ValueError(f"{member.filename} is a link or special file")
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename} is encrypted")
        if member.orig_filename != member.filename:
            raise ValueError(f"{member.orig_filename!r} is no portable name")
        checked(member.filename.rstrip("/") if member.is_dir() else member.filename)
    check_collisions(member.filename for member in members if not member.is_dir())


def _check_record(wheel: "_Wheel") -> None:
    """Raises what `WheelFile.validate_record` does, unless all that it misses are digests: a wheel is known by its own."""
    try:
        wheel.validate_record()
    except InstallerError as error:
        issues = getattr(error, "issues", [str(error)])
        if not all("hash / size of" in issue and "is not included in RECORD" in issue for issue in issues):
            raise


def _check_identity(wheel: "_Wheel", name: str, version: str) -> None:
    metadata = Parser().parsestr(wheel.read_dist_info("METADATA"), headersonly=True)
    try:
        same = canonicalize_name(str(metadata["Name"])) == canonicalize_name(name)
        same = same and Version(str(metadata["Version"])) == Version(version)
    except InvalidVersion as error:
        raise ValueError(str(error)) from error
    if not same:
        raise ValueError(f"says it is {metadata['Name']} {metadata['Version']}, expected {name} {version}")


class _Wheel(WheelFile):
    """A wheel without the compiled files that it should not contain: they could differ from the source they claim to be.

    Files of `left_out` are not taken either.
    """

    def __init__(self, archive: zipfile.ZipFile, left_out: frozenset[str]) -> None:
        super().__init__(archive)
        self._left_out = left_out

    def get_contents(self) -> Iterator[WheelContentElement]:
        for record, stream, executable in super().get_contents():
            if "__pycache__" not in record[0].split("/") and record[0] not in self._left_out:
                yield record, stream, executable


class _Layer(WheelDestination):
    """Writes an installation into a layer."""

    def __init__(self, writer: LayerWriter, name: str) -> None:
        self.writer = writer
        self._name = name

    def write_file(self, scheme: Scheme, path: "str | PathLike[str]", stream: BinaryIO, is_executable: bool) -> RecordEntry:
        file = self._add(scheme, fspath(path), stream, is_executable)
        return RecordEntry(fspath(path), Hash("sha256", _urlsafe(file.sha256)), file.size)

    def write_script(self, name: str, module: str, attr: str, section: "ScriptSection") -> RecordEntry:
        # the guest starts no processes: scripts are made on the host (wenv/run/bin.py), from entry_points.txt
        return RecordEntry(name, None, None)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        kept = [(s, r) for s, r in records if not (s == "scripts" and r.hash_ is None)]
        text = construct_record_file(kept, self._prefix)
        self._add(scheme, record_file_path, BytesIO(text.read()), False)

    def _prefix(self, scheme: Scheme) -> str | None:
        """From site-packages to where a scheme's files lie."""
        return None if scheme in ("purelib", "platlib") else posixpath.join("..", self._folder(scheme), "")

    def _folder(self, scheme: Scheme) -> str:
        folder = _FOLDERS[scheme]
        return posixpath.join(folder, self._name) if scheme == "headers" else folder

    def _add(self, scheme: Scheme, path: str, stream: BinaryIO, executable: bool) -> File:
        return self.writer.add(posixpath.join(self._folder(scheme), path), stream, executable=executable)


def _urlsafe(sha256: str) -> str:
    import base64

    return base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()
