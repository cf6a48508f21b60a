"""Metadata of files that the target cannot use as they are: read from the index, out of the file, or asked of a build."""

import re
import tempfile
import zipfile
import zlib
from contextlib import suppress
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version
from pip._internal.exceptions import MetadataInvalid
from pip._internal.metadata import BaseDistribution, get_metadata_distribution
from pip._internal.models.link import Link
from pip._internal.req.req_install import InstallRequirement

from wenv_cache.reading import printable
from wenv_resolver.building.trees import Repository
from wenv_resolver.errors import RequirementsError, ResolverError
from wenv_resolver.lock import LockedFile
from wenv_resolver.pip_internals.downloads import stream_link

if TYPE_CHECKING:
    from wenv_resolver.building.describing import Describer

#: Read at most so much of an archive's metadata file, in bytes.
LARGEST_METADATA = 4 << 20
REQUIRES_PYTHON = re.compile(rb"^Requires-Python:.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE)


def described(
    requirement: InstallRequirement, link: Link, session: Any, sources: "Describer", *, may_ask: bool
) -> BaseDistribution:
    """The metadata of a file that the target cannot use as it is: a wheel's from the index or out of the file, a source's as
    `sources` finds them out; its build is asked only with `may_ask`.

    Raises MetadataInvalid (pip's) for a version that is none, which pip then leaves out.
    """
    metadata_link = link.metadata_link() if link.is_wheel else None
    if metadata_link is not None:
        text = b"".join(stream_link(session, metadata_link.url))
    elif link.is_wheel:
        with tempfile.TemporaryDirectory(prefix="wenv-metadata-") as folder:
            path = Path(folder, link.filename)
            with path.open("wb") as file:
                for chunk in stream_link(session, link.url_without_fragment):
                    file.write(chunk)
            text = metadata_inside(path)
    else:
        text = sources.metadata(source_of(link, requirement.name), may_ask=may_ask)
    head, blank, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    head += b"\n"
    if link.is_wheel or link.requires_python:  # it fits, or is here to be reported: its Python must not end the resolution
        head = REQUIRES_PYTHON.sub(b"", head)
    said = BytesParser().parsebytes(head)
    name, version = said["Name"] or requirement.name, printable(str(said["Version"]))
    try:
        Version(version)
    except InvalidVersion as error:
        raise MetadataInvalid(requirement, f"its version is {version!r}") from error
    return get_metadata_distribution(head + blank[1:] + body, link.filename, str(name))


def source_of(link: Link, name: str | None) -> LockedFile:
    """The source behind a link, with the version that its file name gives, if any.  Raises RequirementsError for one that is in
    a version control system other than git."""
    version, filename, url = "", str(link.filename), str(link.url_without_fragment)
    if link.is_vcs:
        if not url.startswith("git+"):
            raise RequirementsError(f"{link}: repositories of git can be read, and no others", "give an archive, or a folder")
        filename = f"{Repository.parse(url).name}.tar"
    elif link.is_file and link.is_existing_dir():
        filename, url = f"{Path(link.file_path).resolve().name or 'project'}.tar", url.rstrip("/") + "/"
    else:
        with suppress(InvalidSdistFilename, InvalidVersion):
            version = str(parse_sdist_filename(filename)[1])
    sha256 = dict(link._hashes).get("sha256", "") if link._hashes else ""
    return LockedFile(
        canonicalize_name(name or ""), version, filename, url, sha256, subdirectory=link.subdirectory_fragment or ""
    )


def metadata_inside(wheel: Path | BinaryIO, filename: str = "") -> bytes:
    """METADATA of a wheel.  Raises ResolverError for one that cannot be read."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")]
            with archive.open(names[0]) as file:
                return file.read(LARGEST_METADATA)
    except (OSError, EOFError, IndexError, zipfile.BadZipFile, zlib.error) as error:
        name = wheel.name if isinstance(wheel, Path) else filename
        raise ResolverError(f"{name} holds no readable metadata: {error}") from error
