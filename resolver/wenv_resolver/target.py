"""What wheels must be made for: the guest's Python, as the standards of packaging describe it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename

#: A platform tag that no wheel has.
NO_PLATFORM = "none_but_pure"


@dataclass(frozen=True, slots=True)
class Target:
    """A Python to resolve for.

    `markers` are the values of PEP 508's environment markers, `platform` and `abi` the parts of wheel tags (``cp314`` and
    ``wasi_0_0_0_wasm32``).  `extensions` says whether extension modules can be added.  `contained` are packages that are there
    already, canonical name to version; `metadata` is a folder with a wheel for each (`wenv_resolver.runtime_packages`).
    """

    markers: Mapping[str, str]
    platform: str
    abi: str
    extensions: bool = True
    contained: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""

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
        return (self.platform,) if self.extensions else (NO_PLATFORM,)

    def containing(self, folder: Path) -> "Target":
        """This target, with the packages whose metadata wheels lie in a folder, and no extension modules."""
        wheels = (parse_wheel_filename(path.name) for path in folder.glob("*.whl"))
        contained = {str(name): str(version) for name, version, _, _ in wheels}
        return replace(self, extensions=False, contained=dict(sorted(contained.items())), metadata=str(folder))

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Target":
        """From what the guest says of itself (wenv/guest/platform/describe.py)."""
        return cls(description["markers"], description["platform"], description["abi"])
