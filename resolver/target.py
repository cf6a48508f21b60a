"""What wheels must be made for: the guest's Python, as the standards of packaging describe it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """A Python to resolve for.

    `markers` are the values of PEP 508's environment markers, `platform` and `abi` the parts of wheel tags (``cp314`` and
    ``wasi_0_0_0_wasm32``).
    """

    markers: Mapping[str, str]
    platform: str
    abi: str

    @property
    def python_version(self) -> tuple[int, int, int]:
        """Major, minor and micro version."""
        major, minor, micro = self.markers["implementation_version"].split(".")[:3]
        return int(major), int(minor), int("".join(c for c in micro if c.isdigit())[:3] or 0)

    @property
    def python(self) -> str:
        """``3.14``."""
        return self.markers["python_version"]

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags that are accepted.

        There is no standard tag for WASI; this is what packaging.tags computes inside the guest, and what published WASI
        wheels carry.  Further ones belong here.
        """
        return (self.platform,)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Target":
        """From what the guest says of itself (wenv/guest/describe.py)."""
        return cls(description["markers"], description["platform"], description["abi"])
