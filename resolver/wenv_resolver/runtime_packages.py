"""Packages that a runtime holds already, as the resolver sees them: wheels with their metadata and nothing else."""

import zipfile
from collections.abc import Iterable
from email.parser import BytesParser
from pathlib import Path

from packaging.utils import canonicalize_name

WHEEL = "Wheel-Version: 1.0\nGenerator: wenv\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_metadata_wheels(texts: Iterable[bytes], folder: Path) -> None:
    """Write a wheel for each METADATA file (core metadata specification) into a folder."""
    for text in texts:
        metadata = BytesParser().parsebytes(text, headersonly=True)
        stem = f"{canonicalize_name(str(metadata['Name'])).replace('-', '_')}-{metadata['Version']}"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            for name, content in (("METADATA", text), ("WHEEL", WHEEL), ("RECORD", "")):
                wheel.writestr(f"{stem}.dist-info/{name}", content)
