"""pylock.toml (PEP 751): what a resolution decided, so that it need not be decided again.

One file of more than 350 lines: what is written of each kind of entry stands beside what is read of it.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import tomli_w
from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
    is_valid_pylock_path,
)
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from wenv_cache.reading import Given, InvalidValueError, printable
from wenv_resolver.errors import LockError, Unusable, UnusablePackagesError
from wenv_resolver.requirements import without_credentials
from wenv_resolver.target import Target

if TYPE_CHECKING:
    from packaging.markers import Environment

LOCK_NAME = "pylock.toml"
#: The table under [tool] where the lock remembers what was asked for.
TOOL = "wenv"
#: In it, what the runtime holds itself.
CONTAINED = "runtime-packages"
_SHA256 = re.compile("[0-9a-f]{64}")
_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of a lock: a wheel, or a source distribution from which a wheel is built on this machine.

    `url` may be a ``file:`` address, one of a folder (it ends with ``/``), or of a git repository (``git+https://…@COMMIT``):
    of these two `sha256` is a digest of what a build can read.  `subdirectory` is where the project lies in it.  `sha256` is
    empty only before the file has been fetched for the first time from an index that gives none; `allowed` are the sha256
    values that the user's requirements allow (none: any).  `size` in bytes.  `recipe` names what is done to a source
    distribution's build (`wenv_resolver.building.recipes.Recipe.identity`).  `editable` says of a folder that its modules are
    imported from there.
    """

    name: str
    version: str
    filename: str
    url: str
    sha256: str = ""
    size: int | None = None
    requires_python: str | None = None
    allowed: tuple[str, ...] = ()
    recipe: str = ""
    subdirectory: str = ""
    editable: bool = False

    @property
    def label(self) -> str:
        """What it is, for people: its name and its version, which a folder may show only once it is built."""
        return f"{self.name} {self.version}".rstrip()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine, as it is when it is built."""
        return self.url.startswith("file:") and self.url.endswith("/")

    @property
    def is_repository(self) -> bool:
        """Whether it is a revision of a git repository."""
        return self.url.startswith("git+")

    @property
    def is_source(self) -> bool:
        """Whether it has to be built."""
        return not self.filename.endswith(".whl")


def is_lock(path: Path) -> bool:
    """Whether a file's name says that it is a lock."""
    return is_valid_pylock_path(path)


def lock_text(
    wheels: Iterable[LockedFile],
    requested: Sequence[str],
    target: Target,
    runtime: str,
    beside: Path | None = None,
    script: str | None = None,
) -> str:
    """The lock as TOML; the same wheels give the same text.  `runtime` names the one that `target` is of.

    Files and folders of this machine are named as they lie from the folder `beside`, in which the lock will be; without it by
    their whole paths.  `script` is the file's name of a script whose lock it is.
    """
    packages = [
        Package(
            name=canonicalize_name(wheel.name),
            version=Version(wheel.version) if wheel.version and not wheel.is_folder else None,
            requires_python=SpecifierSet(wheel.requires_python) if wheel.requires_python else None,
            **_file_entry(wheel, beside),
        )
        for wheel in sorted(wheels, key=lambda wheel: wheel.name)
    ]
    held = [f"{name}=={version}" for name, version in target.contained.items()]
    asked = [as_locked(text, beside) for text in requested]
    marker = f'sys_platform == "{target.markers["sys_platform"]}" and python_version == "{target.python}"'
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(marker)],
        requires_python=SpecifierSet(f"=={target.python}.*"),
        created_by="wenv",
        packages=packages,
        tool={
            TOOL: {
                "requested": asked,
                "runtime": runtime,
                **({CONTAINED: held} if held else {}),
                **({"script": script} if script else {}),
            }
        },
    )
    return tomli_w.dumps(lock.to_dict())


def _path_from(url: str, beside: Path | None) -> str:
    """A path for a lock in the folder `beside`: PEP 751 wants it relative where it can be, with slashes."""
    path = url2pathname(urlsplit(url).path)
    if beside is None:
        return str(Path(path))
    try:
        return PurePath(os.path.relpath(path, beside.absolute())).as_posix()
    except ValueError:  # on another drive
        return str(Path(path))


def as_locked(text: str, beside: Path | None) -> str:
    """What was asked for as a lock says it: with a file's or folder's address as it lies from the folder `beside`."""
    name, at, address = text.partition(" @ ")
    if beside is None or not address.startswith("file:"):
        return text
    url, semicolon, marker = address.partition(" ;")
    return f"{name}{at}{_path_from(url, beside)}{semicolon}{marker}"


def _file_entry(file: LockedFile, beside: Path | None) -> dict[str, Any]:
    """How a package's entry names its file, or what it is built from."""
    below = file.subdirectory or None
    tool: dict[str, Any] = {"recipe": file.recipe} if file.recipe else {}
    if file.is_folder:
        tool["version"] = file.version
    more = {"tool": {TOOL: tool}} if tool else {}
    if file.is_folder:
        path = _path_from(file.url, beside)
        return {"directory": PackageDirectory(path=path, editable=file.editable, subdirectory=below), **more}
    if file.is_repository:
        url, _, commit = file.url.removeprefix("git+").rpartition("@")
        entry = PackageVcs(type="git", url=without_credentials(url), commit_id=commit, subdirectory=below)
        return {"vcs": entry, **more}
    address: dict[str, Any] = {"name": file.filename, "url": without_credentials(file.url), "size": file.size}
    if file.url.startswith("file:") and not (path := _path_from(file.url, beside)).startswith("..") and beside is not None:
        address |= {"url": None, "path": path}
    if not file.is_source:
        return {"wheels": [PackageWheel(**address, hashes={"sha256": file.sha256})]}
    if below or not _is_sdist(file.filename):
        del address["name"]
        return {"archive": PackageArchive(**address, hashes={"sha256": file.sha256}, subdirectory=below), **more}
    return {"sdist": PackageSdist(**address, hashes={"sha256": file.sha256}), **more}


def _is_sdist(filename: str) -> bool:
    try:
        return bool(parse_sdist_filename(filename))
    except InvalidSdistFilename:
        return False


def read_lock(
    text: str, origin: str, target: Target, extras: Collection[str] = (), groups: Collection[str] | None = None
) -> tuple[list[LockedFile], list[str]]:
    """The files that a lock gives for the target, and what was asked for if the lock says so.

    `extras` and `groups` are of those that it knows; None stands for its usual groups.  `origin` is the lock's path, for
    messages and for relative paths in it.  Raises LockError, and UnusablePackagesError that lists every package for which the
    lock has no wheel the target can use.
    """
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
    except (ValueError, RecursionError, PylockValidationError, PylockUnsupportedVersionError) as error:
        raise LockError(f"{origin}: {error or type(error).__name__}") from error
    tool = (lock.tool or {}).get(TOOL)
    held_then = tool.get(CONTAINED) if isinstance(tool, dict) else None
    held_now = {f"{name}=={version}" for name, version in target.contained.items()}
    if gone := sorted(set(map(str, held_then)) - held_now) if held_now and isinstance(held_then, list) else []:
        raise LockError(f"{origin}: it was made for a runtime with {', '.join(gone[:3])}, which this one has not", "lock again")
    wheels: list[LockedFile] = []
    unusable: list[Unusable] = []
    for package in lock.packages:
        held = target.contained.get(package.name)
        if held is not None:
            if package.version is not None and str(package.version) != held:
                unusable.append(Unusable(package.name, str(package.version), (), f"this runtime holds {held}, and no other"))
            continue
        # one at a time: an error about the first package that has no wheel here would hide the others
        alone = replace(lock, packages=[package])
        try:
            environment = cast("Environment", target.markers)
            found = alone.select(environment=environment, tags=tags(target), extras=extras, dependency_groups=groups)
            selected = next(iter(found), None)
        except PylockSelectError as error:
            if package.wheels is None or "No wheel found" not in str(error):
                raise LockError(f"{origin} is not for this runtime: {error}") from error
            unusable.append(_unusable(package, "wheels for other platforms"))
            continue
        except (ValueError, LookupError, RecursionError) as error:  # a wheel's name, or a marker that compares what cannot be
            raise LockError(f"{origin}: {package.name}: {error or type(error).__name__}") from error
        if selected is None:
            continue  # its marker does not hold here
        file = selected[1]
        _check_address(getattr(file, "url", None), package, origin)
        if isinstance(file, PackageDirectory):
            wheels.append(_locked_folder(package, file, origin))
        elif isinstance(file, PackageVcs):
            wheels.append(_locked_repository(package, file, origin))
        else:
            wheels.append(_locked(package, file, origin))
    if unusable:
        raise UnusablePackagesError(unusable, target.platform if target.extensions else None)
    names = [wheel.name for wheel in wheels]
    if twice := {name for name in names if names.count(name) > 1}:
        raise LockError(f"{origin}: several packages called {', '.join(sorted(twice))} are for this runtime")
    requested = tool.get("requested") if isinstance(tool, dict) else None
    try:
        asked = [item.text() for item in Given(requested, "requested").items()] if isinstance(requested, list) else names
        return wheels, [_with_address(text, wheels) for text in asked]
    except InvalidValueError as error:
        raise LockError(f"{origin}: {error}") from error


def _with_address(text: str, files: Iterable[LockedFile]) -> str:
    """What was asked for by a path that is relative to a lock, with the address that the lock gives for it."""
    name, at, address = text.partition(" @ ")
    if not at or urlsplit(address).scheme:
        return text
    _, semicolon, marker = address.partition(" ;")
    own = canonicalize_name(name.partition("[")[0])
    return next((f"{name}{at}{file.url}{semicolon}{marker}" for file in files if file.name == own), name)


@dataclass(frozen=True, slots=True)
class LockFacts:
    """What a lock says before it is known for what it is read: the runtime, what was asked for and the script's name that it is
    the lock of, if wenv wrote it, and its packages as requirements."""

    runtime: str | None
    requirements: tuple[str, ...]
    requested: tuple[str, ...] | None = None
    script: str | None = None


def lock_facts(text: str) -> LockFacts:
    """Look into a lock; one that cannot be read says nothing."""
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
    except (ValueError, RecursionError, PylockValidationError, PylockUnsupportedVersionError):
        return LockFacts(None, ())
    tool = (lock.tool or {}).get(TOOL)
    runtime = tool.get("runtime") if isinstance(tool, dict) else None
    names = tuple(f"{p.name}=={p.version}" if p.version else str(p.name) for p in lock.packages)
    asked = tool.get("requested") if isinstance(tool, dict) else None
    requested = tuple(map(str, asked)) if isinstance(asked, list) else None
    script = tool.get("script") if isinstance(tool, dict) else None
    owner = script if isinstance(script, str) else None
    return LockFacts(runtime if isinstance(runtime, str) else None, names, requested, owner)


def _unusable(package: Package, what: str) -> Unusable:
    return Unusable(package.name, str(package.version or "?"), (), f"the lock has only {what}")


def _locked(package: Package, file: PackageWheel | PackageArchive | PackageSdist, origin: str) -> LockedFile:
    filename = _filename(file)
    try:
        Given(filename).text(longest=255)
        Given(file.url or str(file.path)).text()
    except InvalidValueError as error:
        raise LockError(f"{origin}: {printable(package.name)}: {error}") from error
    if "/" in filename or "\\" in filename:
        raise LockError(f"{origin}: {filename!r} is no file's name")
    sha256 = file.hashes.get("sha256")
    if sha256 is None:
        raise LockError(f"{origin}: {filename} has no sha256", "lock again with a tool that writes sha256 hashes")
    if not _SHA256.fullmatch(sha256):  # it becomes a path
        raise LockError(f"{origin}: {filename}: {printable(sha256[:80])!r} is not a sha256 digest")
    try:
        if isinstance(file, PackageArchive) and not filename.endswith(".whl"):
            version = str(package.version or "")
        else:
            is_source = isinstance(file, PackageSdist)
            version = str(parse_sdist_filename(filename)[1] if is_source else parse_wheel_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise LockError(f"{origin}: {error}") from error
    url = file.url or _beside(origin, str(file.path)).as_uri()
    requires_python = str(package.requires_python) if package.requires_python else None
    recipe = "" if isinstance(file, PackageWheel) else _own(package, "recipe")
    below = file.subdirectory if isinstance(file, PackageArchive) else None
    return LockedFile(
        package.name,
        version,
        filename,
        url,
        sha256,
        file.size,
        requires_python,
        recipe=recipe,
        subdirectory=_text(origin, package, below or ""),
    )


def _locked_folder(package: Package, entry: PackageDirectory, origin: str) -> LockedFile:
    folder = _beside(origin, entry.path)
    url, version = folder.as_uri().rstrip("/") + "/", str(package.version or _own_version(package))
    below = _text(origin, package, entry.subdirectory or "")
    editable = bool(entry.editable) and not below
    return LockedFile(package.name, version, f"{package.name}.tar", url, subdirectory=below, editable=editable)


def _locked_repository(package: Package, entry: PackageVcs, origin: str) -> LockedFile:
    if entry.type != "git":
        raise LockError(f"{origin}: {package.name}: repositories of git can be read, and not of {printable(entry.type)}")
    if not _COMMIT.fullmatch(entry.commit_id):
        raise LockError(f"{origin}: {package.name}: {printable(entry.commit_id[:80])!r} is not a commit")
    url = _text(origin, package, entry.url or _beside(origin, str(entry.path)).as_uri())
    version, below = str(package.version or ""), _text(origin, package, entry.subdirectory or "")
    sha256 = repository_digest(url, entry.commit_id)
    return LockedFile(package.name, version, f"{package.name}.tar", f"git+{url}@{entry.commit_id}", sha256, subdirectory=below)


def repository_digest(url: str, commit: str) -> str:
    """What stands for the content of a git repository at a commit."""
    return hashlib.sha256(f"{without_credentials(url)}\n{commit}".encode()).hexdigest()


def _beside(origin: str, path: str) -> Path:
    """A path that a lock names, which may be relative to it."""
    return (Path(origin).absolute().parent / path).resolve()


def _text(origin: str, package: Package, value: str) -> str:
    """A text of a lock; raises LockError for one with control characters."""
    try:
        return Given(value).text() if value else ""
    except InvalidValueError as error:
        raise LockError(f"{origin}: {printable(package.name)}: {error}") from error


def _own_version(package: Package) -> str:
    """The version that a folder's project had when the lock was made; empty if it says none."""
    try:
        return str(Version(_own(package, "version")))
    except InvalidVersion:
        return ""


def _own(package: Package, name: str) -> str:
    """A text in our own table of a package."""
    tool = (package.tool or {}).get(TOOL)
    value = tool.get(name) if isinstance(tool, dict) else None
    return value if isinstance(value, str) else ""


def _check_address(url: str | None, package: Package, origin: str) -> None:
    """Raises LockError for an address that cannot be taken apart, or has no scheme."""
    try:
        usable = not url or bool(urlsplit(url).scheme)
    except ValueError:
        usable = False
    if not usable:
        raise LockError(f"{origin}: {package.name}: {printable(str(url)[:80])!r} is not a URL")


def _filename(file: PackageWheel | PackageArchive | PackageSdist) -> str:
    named = None if isinstance(file, PackageArchive) else file.name
    return named or PurePosixPath(unquote(urlsplit(file.url or "").path or str(file.path))).name


def tags(target: Target) -> list[Tag]:
    """The wheel tags that the target accepts, most preferred first (PEP 425)."""
    version, platforms = target.python_version[:2], target.platforms
    interpreter = f"cp{version[0]}{version[1]}"
    return [
        *cpython_tags(version, [target.abi], platforms),
        *compatible_tags(version, interpreter, platforms),
    ]
