"""What a program in the sandbox may see and use."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import wenv
import wenv_cache
import wenv_resolver
from wenv.errors import MountError, UsageError
from wenv.launcher.request import Preopen, writes_into
from wenv.locations import cache_folder, data_folder, guest_path, is_reserved
from wenv_cache.reading import Given

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
#: The fields of a policy that limit a run; of several policies the last that names one counts.
LIMITS = ("memory", "time", "output", "disk", "files", "open_files")
#: What none of them exceeds: bytes, seconds or files.
LARGEST = 1 << 53
_NAME = re.compile("[^=]+")


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


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run is granted beyond nothing, and its limits.

    `write` lets it write to the working folder; `environment` are variables it gets, with None for
    the value that the host's has when the run starts; `memory` and `output` are limits in
    bytes, `time` in seconds, None for none.  `disk` (bytes) and `files` (a number) limit what it keeps in its private folders,
    `open_files` how many it has open at once; None for the defaults in wenv/launcher/limits.py.
    """

    write: bool = False
    mounts: tuple[Mount, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    memory: int | None = None
    time: float | None = None
    output: int | None = None
    disk: int | None = None
    files: int | None = None
    open_files: int | None = None

    def widened(self, other: "Policy") -> "Policy":
        """This policy with what `other` adds; limits that `other` sets replace this one's."""
        limits = {name: getattr(other, name) for name in LIMITS if getattr(other, name) is not None}
        return replace(
            self,
            write=self.write or other.write,
            mounts=self.mounts + other.mounts,
            environment=self.environment + other.environment,
            **limits,
        )

    def as_json(self) -> dict[str, Any]:
        """For manifests and `--json`."""
        return {
            "write": self.write,
            "mounts": [mount.as_json() for mount in self.mounts],
            "environment": dict(self.environment),
            **{name: getattr(self, name) for name in LIMITS},
        }

    @property
    def shares_for_writing(self) -> bool:
        """Whether a run may write to folders of the host's."""
        return self.write or any(mount.writable for mount in self.mounts)

    @property
    def without_values(self) -> "Policy":
        """This policy as it may be given to others: of variables only their names."""
        return replace(self, environment=tuple((name, None) for name, _ in self.environment))

    @property
    def words(self) -> str:
        """For people."""
        mounts, names = ", ".join(str(mount) for mount in self.mounts), ", ".join(name for name, _ in self.environment)
        shown = {**self.as_json(), "mounts": mounts, "environment": names}
        words = [f"{key} {value}" for key, value in shown.items() if value not in (None, False, "", {})]
        return "; ".join(words) or "working folder read-only, no network, no variables"

    @classmethod
    def read(cls, given: Given) -> "Policy":
        """Read what `as_json` wrote; limits that were not known then are the default ones.  Raises InvalidValueError."""
        variables = given["environment"].entries()
        return cls(
            write=given["write"].truth(),
            mounts=tuple(map(Mount.read, given["mounts"].items())),
            environment=tuple(_variables(variables)),
            **{name: _limit(name, given.get(name)) for name in LIMITS},
        )


def own_folders() -> list[str]:
    """Host folders that no program may write to: the store, what wenv knows, and wenv itself."""
    packages = [str(Path(str(package.__file__)).parent) for package in (wenv, wenv_resolver, wenv_cache)]
    installed = [sys.prefix] if sys.prefix != sys.base_prefix else []
    return [str(cache_folder()), str(data_folder()), *packages, *installed]


def _variables(entries: Mapping[str, Given]) -> Iterator[tuple[str, str | None]]:
    for name, value in entries.items():
        Given(name, value.where).text(_NAME)
        yield name, None if value.optional is None else value.text(controls=True)


def _limit(name: str, given: Given | None) -> Any:
    if given is None or given.optional is None:
        return None
    return given.number(0, LARGEST) if name == "time" else given.whole(0, LARGEST)


def parse_variable(text: str) -> tuple[str, str | None]:
    """Read ``NAME=VALUE``, or ``NAME`` for the value that the host's has at the time of a run; raises UsageError."""
    name, given, value = text.partition("=")
    if not name or "\0" in text:
        raise UsageError(f"--env {text}: not NAME or NAME=VALUE")
    if not given:
        if name not in os.environ:
            raise UsageError(f"--env {name}: not set here", f"give a value: --env {name}=VALUE")
        return name, None
    return name, value


def parse_size(text: str) -> int:
    """Read a size such as ``512M`` as bytes; raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", text.strip().lower(), re.ASCII)
    size = int(float(match[1]) * _UNITS[match[2]]) if match and len(match[1]) < 20 else -1
    if not 0 <= size <= LARGEST:
        raise UsageError(f"not a size: {text}", "for example 64M, 2G or 500000")
    return size
