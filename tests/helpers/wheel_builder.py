"""Builds small wheels, well-formed or deliberately broken, for tests."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Wheel:
    """What a wheel holds; `files` are relative to the archive's root."""

    name: str
    version: str = "1.0"
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    requires: Sequence[str] = ()
    extras: Sequence[str] = ()
    requires_python: str | None = None
    entry_points: str | None = None
    tag: str = "py3-none-any"
    record: str | None = None
    """The text of RECORD; made from the files if None."""

    @property
    def filename(self) -> str:
        """The wheel's file name."""
        return f"{self.name}-{self.version}-{self.tag}.whl"

    def contents(self) -> dict[str, bytes]:
        """Every file but RECORD."""
        info = f"{self.name}-{self.version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}"]
        metadata += [f"Requires-Dist: {line}" for line in self.requires]
        metadata += [f"Provides-Extra: {extra}" for extra in self.extras]
        metadata += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        files: dict[str, str | bytes] = dict(self.files) or {f"{self.name}.py": f"version = {self.version!r}\n"}
        files[f"{info}/METADATA"] = "\n".join(metadata) + "\n"
        purelib = "true" if self.tag.endswith("any") else "false"
        files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {purelib}\nTag: {self.tag}\n"
        if self.entry_points:
            files[f"{info}/entry_points.txt"] = self.entry_points
        return {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}

    def write(self, folder: Path) -> Path:
        """Write the wheel into a folder; returns its path."""
        path, contents = folder / self.filename, self.contents()
        record = f"{self.name}-{self.version}.dist-info/RECORD"
        lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in contents.items()]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
            archive.writestr(record, self.record if self.record is not None else "\n".join([*lines, f"{record},,"]) + "\n")
        return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
