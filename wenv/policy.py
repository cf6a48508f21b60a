"""What a program in the sandbox may see and use."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from wenv.errors import MountError, UsageError
from wenv.launcher.sandbox import Preopen, writes_into
from wenv.locations import cache_folder, data_folder, guest_path, is_reserved

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


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
        if met := writes_into([self.preopen], [str(cache_folder()), str(data_folder())]):
            raise MountError(
                f"{self.host} cannot be shared for writing: wenv keeps its own files in {met[1]}",
                "work in a folder of its own, or put the store elsewhere with WENV_CACHE_DIR and WENV_DATA_DIR",
            )

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
    """What a run is granted beyond nothing.

    `write` lets it write to the working folder; `environment` are variables it gets, with None for
    the value that the host's has when the run starts; `memory` and `output` are limits in
    bytes, `time` in seconds, None for none.
    """

    write: bool = False
    mounts: tuple[Mount, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    memory: int | None = None
    time: float | None = None
    output: int | None = None

    def widened(self, other: "Policy") -> "Policy":
        """This policy with what `other` adds; limits that `other` sets replace this one's."""
        return replace(
            self,
            write=self.write or other.write,
            mounts=self.mounts + other.mounts,
            environment=self.environment + other.environment,
            memory=other.memory if other.memory is not None else self.memory,
            time=other.time if other.time is not None else self.time,
            output=other.output if other.output is not None else self.output,
        )

    def as_json(self) -> dict[str, Any]:
        """For manifests and `--json`."""
        return {
            "write": self.write,
            "mounts": [mount.as_json() for mount in self.mounts],
            "environment": dict(self.environment),
            "memory": self.memory,
            "time": self.time,
            "output": self.output,
        }

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
    def from_json(cls, data: Mapping[str, Any]) -> "Policy":
        """What `as_json` wrote."""
        return cls(
            write=bool(data["write"]),
            mounts=tuple(Mount(Path(m["host"]), PurePosixPath(m["guest"]), bool(m["writable"])) for m in data["mounts"]),
            environment=tuple(data["environment"].items()),
            memory=data["memory"],
            time=data["time"],
            output=data["output"],
        )


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
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", text.strip().lower())
    if not match:
        raise UsageError(f"not a size: {text}", "for example 64M, 2G or 500000")
    return int(float(match[1]) * _UNITS[match[2]])
