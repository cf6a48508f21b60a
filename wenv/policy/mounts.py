"""Host folders that are shared with a sandbox."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import wenv_cache
import wenv_resolver
from wenv.errors import MountError
from wenv.launcher.preopens import Preopen, writes_into
from wenv.locations import PACKAGE, cache_folder, data_folder, guest_path, is_reserved
from wenv_cache.reading import Given


@dataclass(frozen=True, slots=True)
class Mount:
    """A host folder shared with the sandbox."""

    host: Path
    guest: PurePosixPath
    writable: bool = False

    @classmethod
    def parse(cls, text: str) -> "Mount":
        """Read ``HOST[:GUEST][:ro|rw]``; raises MountError.  Without GUEST the guest sees the same path."""
        rest, writable = text, False
        if rest.endswith((":ro", ":rw")):
            rest, writable = rest[:-3], rest.endswith("rw")
        drive = rest[:2] if re.match(r"[A-Za-z]:[\\/]", rest) and os.name == "nt" else ""
        host_text, _, guest_text = rest[len(drive) :].partition(":")
        host = Path(drive + host_text).expanduser()
        if not host_text or not host.is_dir():
            raise MountError(f"--mount {text}: {drive + host_text or 'nothing'} is not a folder")
        host = host.resolve()
        guest = (
            PurePosixPath("/" + guest_text.lstrip("/") if guest_text.startswith("/") else guest_text)
            if guest_text
            else guest_path(host)
        )
        if ":" in guest_text:
            raise MountError(f"--mount {text}: ends in neither :ro nor :rw", "for example --mount data:/data:rw")
        if not guest.is_absolute() or ".." in guest.parts:
            raise MountError(f"--mount {text}: the guest's path must be absolute", "for example --mount data:/data:ro")
        if is_reserved(guest):
            raise MountError(f"--mount {text}: {guest} belongs to the sandbox", "choose another path in the guest")
        return cls(host, guest, writable)

    def check_writable(self) -> None:
        """Raises MountError if writing here could change wenv's own store, whose contents run on the host."""
        if met := writes_into([self.preopen], own_folders()):
            raise MountError(
                f"{self.host} cannot be shared for writing: wenv's own files, which run on this machine, are in {met[1]}",
                "work in another folder, or put the store (WENV_CACHE_DIR, WENV_DATA_DIR) or wenv's installation elsewhere",
            )

    @classmethod
    def read(cls, given: Given) -> "Mount":
        """Read what `as_json` wrote; raises InvalidValueError."""
        host = Path(given["host"].text(host_path=True))
        guest = PurePosixPath(given["guest"].text(host_path=True))
        if not host.is_absolute() or not guest.is_absolute() or ".." in guest.parts or is_reserved(guest):
            raise given.error("a folder that cannot be shared so")
        return cls(host, guest, given["writable"].truth())

    @property
    def preopen(self) -> Preopen:
        """As plain strings."""
        return str(self.host), str(self.guest), self.writable

    def as_json(self) -> dict[str, Any]:
        """For manifests and `--json`."""
        return {"host": str(self.host), "guest": str(self.guest), "writable": self.writable}

    def __str__(self) -> str:
        return f"{self.host}:{self.guest}:{'rw' if self.writable else 'ro'}"


def own_folders() -> list[str]:
    """Host folders that no program may write to: the store, what wenv knows, and wenv itself."""
    packages = [str(PACKAGE), *(str(Path(str(package.__file__)).parent) for package in (wenv_resolver, wenv_cache))]
    installed = [sys.prefix] if sys.prefix != sys.base_prefix else []
    return [str(cache_folder()), str(data_folder()), *packages, *installed]
