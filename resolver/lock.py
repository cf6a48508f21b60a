"""pylock.toml (PEP 751): what a resolution decided, so that it need not be decided again."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import tomli_w
from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
    is_valid_pylock_path,
)
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from resolver.errors import LockError, Unusable, UnusablePackagesError
from resolver.requested import without_credentials
from resolver.target import Target

LOCK_NAME = "pylock.toml"
#: The table under [tool] where the lock remembers what was asked for.
TOOL = "wenv"


@dataclass(frozen=True, slots=True)
class LockedWheel:
    """One wheel of a lock.

    `url` may be a ``file:`` address; `sha256` is empty only before the wheel has been fetched for the first time from an index
    that gives none; `allowed` are the sha256 values that the user's requirements allow (none: any).  `size` in bytes.
    """

    name: str
    version: str
    filename: str
    url: str
    sha256: str = ""
    size: int | None = None
    requires_python: str | None = None
    allowed: tuple[str, ...] = ()


def is_lock(path: Path) -> bool:
    """Whether a file's name says that it is a lock."""
    return is_valid_pylock_path(path)


def lock_text(wheels: Iterable[LockedWheel], requested: Sequence[str], target: Target) -> str:
    """The lock as TOML; the same wheels give the same text."""
    packages = [
        Package(
            name=canonicalize_name(wheel.name),
            version=Version(wheel.version),
            requires_python=SpecifierSet(wheel.requires_python) if wheel.requires_python else None,
            wheels=[
                PackageWheel(
                    name=wheel.filename, url=without_credentials(wheel.url), size=wheel.size, hashes={"sha256": wheel.sha256}
                )
            ],
        )
        for wheel in sorted(wheels, key=lambda wheel: wheel.name)
    ]
    marker = f'sys_platform == "{target.markers["sys_platform"]}" and python_version == "{target.python}"'
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(marker)],
        requires_python=SpecifierSet(f"=={target.python}.*"),
        created_by="wenv",
        packages=packages,
        tool={TOOL: {"requested": list(requested)}},
    )
    return tomli_w.dumps(lock.to_dict())


def read_lock(text: str, origin: str, target: Target) -> tuple[list[LockedWheel], list[str]]:
    """The wheels that a lock gives for the target, and what was asked for if the lock says so.

    `origin` is the lock's path, for messages and for relative paths in it.  Raises LockError, and UnusablePackagesError that
    lists every package for which the lock has no wheel the target can use.
    """
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, PylockValidationError, PylockUnsupportedVersionError) as error:
        raise LockError(f"{origin}: {error}") from error
    wheels: list[LockedWheel] = []
    unusable: list[Unusable] = []
    for package in lock.packages:
        # one at a time: an error about the first package that has no wheel here would hide the others
        alone = replace(lock, packages=[package])
        try:
            selected = next(iter(alone.select(environment=target.markers, tags=tags(target))), None)  # type: ignore[arg-type]
        except PylockSelectError as error:
            if package.wheels is None or "No wheel found" not in str(error):
                raise LockError(f"{origin} is not for this runtime: {error}") from error
            unusable.append(_unusable(package, "wheels for other platforms"))
            continue
        except InvalidWheelFilename as error:
            raise LockError(f"{origin}: {error}") from error
        if selected is None:
            continue  # its marker does not hold here
        if isinstance(selected[1], (PackageWheel, PackageArchive)) and _filename(selected[1]).endswith(".whl"):
            wheels.append(_locked(package, selected[1], origin))
        else:
            unusable.append(_unusable(package, "a source distribution" if package.sdist else "source code"))
    if unusable:
        raise UnusablePackagesError(unusable, target.platform)
    names = [wheel.name for wheel in wheels]
    if twice := {name for name in names if names.count(name) > 1}:
        raise LockError(f"{origin}: several packages called {', '.join(sorted(twice))} are for this runtime")
    tool = (lock.tool or {}).get(TOOL)
    requested = tool.get("requested") if isinstance(tool, dict) else None
    return wheels, [str(name) for name in requested] if isinstance(requested, list) else names


def _unusable(package: Package, what: str) -> Unusable:
    return Unusable(package.name, str(package.version or "?"), (), f"the lock has only {what}")


def _locked(package: Package, file: PackageWheel | PackageArchive, origin: str) -> LockedWheel:
    filename = _filename(file)
    if "/" in filename or "\\" in filename:
        raise LockError(f"{origin}: {filename!r} is no file's name")
    sha256 = file.hashes.get("sha256")
    if sha256 is None:
        raise LockError(f"{origin}: {filename} has no sha256", "lock again with a tool that writes sha256 hashes")
    try:
        _, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise LockError(f"{origin}: {error}") from error
    url = file.url or (Path(origin).absolute().parent / str(file.path)).as_uri()
    requires_python = str(package.requires_python) if package.requires_python else None
    return LockedWheel(package.name, str(version), filename, url, sha256, file.size, requires_python)


def _filename(file: PackageWheel | PackageArchive) -> str:
    named = file.name if isinstance(file, PackageWheel) else None
    return named or PurePosixPath(unquote(urlsplit(file.url or "").path or str(file.path))).name


def tags(target: Target) -> list[Tag]:
    """The wheel tags that the target accepts, most preferred first (PEP 425)."""
    version, platforms = target.python_version[:2], target.platforms
    interpreter = f"cp{version[0]}{version[1]}"
    return [
        *cpython_tags(version, [target.abi], platforms),
        *compatible_tags(version, interpreter, platforms),
    ]
