"""The canonical manifest of a layer, and the digests of layers and snapshots.

Format (UTF-8, lines end in ``\\n``)::

    wenv-layer 1
    SHA256 SIZE MODE PATH

one line for each file, sorted by the bytes of PATH: SHA256 of the content in hexadecimal, SIZE in bytes, MODE ``x`` for an
executable file and ``-`` for any other, PATH relative with forward slashes.  Folders, times, owners and other mode bits are
not part of a layer.  A layer's digest is the sha256 of this text; a snapshot's is the sha256 of ``wenv-snapshot 1`` and its
layers' digests, one a line, lowest first.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wenv_cache.errors import CacheError
from wenv_cache.names import check_collisions, checked

HEADER = "wenv-layer 1"
_LINE = re.compile(r"([0-9a-f]{64}) (0|[1-9][0-9]{0,15}) ([-x]) (.+)")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a layer; `size` in bytes."""

    path: str
    sha256: str
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a layer, sorted."""

    files: tuple[File, ...]

    @classmethod
    def of(cls, files: Iterable[File]) -> "Manifest":
        """A manifest of files in any order; raises UnsafePathError for paths that a layer must not hold."""
        listed = tuple(sorted(files, key=lambda file: file.path.encode()))
        check_collisions(checked(file.path) for file in listed)
        return cls(listed)

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Read the canonical text; raises CacheError for anything else."""
        lines = text.split("\n")
        if lines[0] != HEADER or lines[-1] != "":
            raise CacheError("not a layer manifest")
        matches = [_LINE.fullmatch(line) for line in lines[1:-1]]
        files = [File(m[4], m[1], int(m[2]), m[3] == "x") for m in matches if m]
        manifest = cls.of(files)
        if manifest.text() != text:
            raise CacheError("a layer manifest that is not canonical")
        return manifest

    def text(self) -> str:
        """The canonical text."""
        lines = [f"{file.sha256} {file.size} {'x' if file.executable else '-'} {file.path}" for file in self.files]
        return "\n".join([HEADER, *lines, ""])

    @property
    def digest(self) -> str:
        """The layer's digest, 64 hexadecimal digits."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def snapshot_digest(layers: Iterable[str]) -> str:
    """The digest of a stack of layers, lowest first."""
    return hashlib.sha256("\n".join(["wenv-snapshot 1", *layers, ""]).encode()).hexdigest()
