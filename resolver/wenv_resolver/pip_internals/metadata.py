"""Metadata of files that the target cannot use: read from the index or out of the file, never built.

Raises RequirementsError for a folder or a repository.
"""

import re
import tarfile
import tempfile
import zipfile
import zlib
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from pip._internal.metadata import BaseDistribution, get_metadata_distribution
from pip._internal.models.link import Link
from pip._internal.req.req_install import InstallRequirement

from wenv_resolver.errors import RequirementsError, ResolverError
from wenv_resolver.pip_internals.downloads import stream_link

#: Read at most so much of an archive's metadata file, in bytes.
LARGEST_METADATA = 4 << 20
REQUIRES_PYTHON = re.compile(rb"^Requires-Python:.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE)


def described(requirement: InstallRequirement, link: Link, session: Any) -> BaseDistribution:
    """The metadata of a file that the target cannot use: read from the index or out of the file, never built.

    Raises RequirementsError for a folder or a repository.
    """
    if link.is_vcs or link.is_existing_dir():
        raise RequirementsError(f"{requirement}: only wheels and source distributions can be given by path or URL")
    metadata_link = link.metadata_link()
    if metadata_link is not None:
        text = b"".join(stream_link(session, metadata_link.url))
    else:
        with tempfile.TemporaryDirectory(prefix="wenv-metadata-") as folder:
            path = Path(folder, link.filename)
            with path.open("wb") as file:
                for chunk in stream_link(session, link.url_without_fragment):
                    file.write(chunk)
            text = _metadata_inside(path)
    # this file is here to be reported, or built: its Python must not end the resolution first
    head, blank, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    head = REQUIRES_PYTHON.sub(b"", head + b"\n")
    assert requirement.name
    name = BytesParser().parsebytes(head)["Name"] or requirement.name
    return get_metadata_distribution(head + blank[1:] + body, link.filename, str(name))


def _metadata_inside(path: Path) -> bytes:
    """METADATA of a wheel, or PKG-INFO of a source distribution."""
    try:
        if path.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(path) as archive:
                ending = ".dist-info/METADATA" if path.suffix == ".whl" else "/PKG-INFO"
                names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith(ending)]
                with archive.open(names[0]) as file:
                    return file.read(LARGEST_METADATA)
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                    extracted = tar.extractfile(member)
                    assert extracted is not None
                    return extracted.read(LARGEST_METADATA)
    except (OSError, EOFError, IndexError, zipfile.BadZipFile, zlib.error, tarfile.TarError) as error:
        raise ResolverError(f"{path.name} holds no readable metadata: {error}") from error
    raise ResolverError(f"{path.name} holds no metadata", "it would have to be built to learn what it needs")
