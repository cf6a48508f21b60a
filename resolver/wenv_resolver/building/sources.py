"""Source distributions: fetched, looked into, unpacked, patched."""

import hashlib
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv_cache.kinds import Kind
from wenv_cache.store import Store
from wenv_resolver.bounds import bounded
from wenv_resolver.building import rust
from wenv_resolver.errors import BuildError, HashMismatchError, HostileSourceError
from wenv_resolver.lock import LockedFile, repository_digest

if TYPE_CHECKING:
    from wenv_resolver.pip_internals.downloads import Downloader

#: Far above what real distributions hold (bytes, files).
MOST_BYTES, MOST_FILES = 4 << 30, 200_000
LANGUAGES = {
    ".pyx": "Cython", ".pyx.in": "Cython", ".c": "C", ".c.src": "C", ".cpp": "C++", ".cc": "C++", ".cxx": "C++",
}  # fmt: skip
#: What a package that needs one of these to be built is written in, whatever its files are called.
WRITTEN_IN = {"cython": "Cython", "pybind11": "C++", "nanobind": "C++", "cffi": "C"}
#: Folders whose sources are not what a build compiles.
ASIDE = {"test", "tests", "testing", "doc", "docs", "example", "examples", "bench", "benchmark", "benchmarks", "tools", "demo"}


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a look into a source distribution tells.

    `languages` are those of its sources besides Python; `backend` is its build backend's module; `requires` are canonical names
    of what it needs to be built.
    """

    languages: tuple[str, ...]
    backend: str
    requires: tuple[str, ...]

    @property
    def problem(self) -> str | None:
        """Why it cannot be built here, as far as that can be seen without trying."""
        return rust.problem() if "Rust" in self.languages else None


def obtain(store: Store, file: LockedFile, downloader: "Downloader") -> tuple[LockedFile, Path]:
    """The source distribution's file, downloaded if need be, and its entry with sha256 and size filled in.

    Raises FetchError and HashMismatchError.
    """
    folder = store.folder(Kind.DOWNLOADS) / "sources"
    if not file.is_folder and file.sha256 and (kept := folder / file.sha256 / file.filename).is_file():
        return replace(file, size=kept.stat().st_size), kept
    with store.staging() as staging:
        if file.is_folder or file.is_repository:
            return _obtain_tree(file, staging, folder)
        path, digest = staging / file.filename, hashlib.sha256()
        with path.open("wb") as out:
            for chunk in bounded(downloader.stream(file.url), file.filename, file.size):
                out.write(chunk)
                digest.update(chunk)
        sha256, size = digest.hexdigest(), path.stat().st_size
        if file.sha256 and sha256 != file.sha256:
            raise HashMismatchError(file.filename, file.sha256, sha256)
        if file.allowed and sha256 not in file.allowed:
            raise HashMismatchError(file.filename, " or ".join(file.allowed), sha256)
        kept = folder / sha256 / file.filename
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.replace(kept)
    return replace(file, sha256=sha256, size=size), kept


def _obtain_tree(file: LockedFile, staging: Path, folder: Path) -> tuple[LockedFile, Path]:
    """The same for a folder or a repository, whose address then names the commit."""
    from wenv_resolver.building.trees import Repository, write_folder, write_repository  # late: few environments need it

    path = staging / file.filename
    if file.is_folder:
        sha256 = write_folder(Path(url2pathname(urlsplit(file.url).path)), path)
    else:
        repository = Repository.parse(file.url)
        commit = write_repository(repository, staging, path)
        file = replace(file, url=f"git+{repository.url}@{commit}")
        sha256 = repository_digest(repository.url, commit)
    kept = folder / sha256 / file.filename
    kept.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size
    path.replace(kept)
    return replace(file, sha256=sha256, size=size), kept


def project_path(name: str, subdirectory: str) -> str | None:
    """Where a member of an archive lies in its project; None outside of it.  Archives hold one folder, as unpacking checks."""
    path = PurePosixPath(*PurePosixPath(name).parts[1:])
    below = PurePosixPath(subdirectory)
    return path.relative_to(below).as_posix() if path.is_relative_to(below) else None


def look_into(path: Path, subdirectory: str = "") -> SourceFacts:
    """Read what can be told without unpacking.  Raises HostileSourceError for an archive that cannot be read."""
    languages: set[str] = set()
    project: dict[str, Any] = {}
    with _reading(path):
        for name, read in members(path):
            inside = project_path(name, subdirectory)
            if inside is None:
                continue
            if inside == "pyproject.toml":
                project = tomllib.loads(read().decode("utf-8"))
            if not ASIDE.isdisjoint(part.lower() for part in PurePosixPath(inside).parts[:-1]):
                continue
            languages.update(language for suffix, language in LANGUAGES.items() if name.endswith(suffix))
    system = project.get("build-system", {})
    backend = str(system.get("build-backend", "setuptools.build_meta")).partition(".")[0]
    requires = tuple(_names(system.get("requires", ())))
    if backend == "maturin" or "setuptools-rust" in requires:
        languages.add("Rust")
    languages.update(language for name, language in WRITTEN_IN.items() if name in requires)
    return SourceFacts(tuple(sorted(languages)), backend, requires)


def _names(requirements: Any) -> Iterator[str]:
    for text in requirements if isinstance(requirements, list) else ():
        try:
            yield canonicalize_name(Requirement(str(text)).name)
        except InvalidRequirement:
            continue


def unpack(path: Path, folder: Path, subdirectory: str = "") -> Path:
    """Unpack a source distribution; returns the folder of its project.  Raises HostileSourceError."""
    with _reading(path):
        if path.name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                _check_size(len(archive.infolist()), sum(member.file_size for member in archive.infolist()), path)
                archive.extractall(folder)
        else:
            with tarfile.open(path) as tar:
                members = tar.getmembers()
                _check_size(len(members), sum(member.size for member in members), path)
                tar.extractall(folder, members, filter="data")
    projects = [entry for entry in folder.iterdir() if entry.is_dir()]
    if len(projects) != 1:
        raise HostileSourceError(path.name, "it does not hold one folder")
    project = projects[0] / subdirectory
    if not project.resolve().is_relative_to(projects[0].resolve()) or not project.is_dir():
        raise HostileSourceError(path.name, f"it holds no folder {subdirectory}")
    return project


def patched(source: Path, patches: Iterable[Path]) -> None:
    """Patch an unpacked source.  Raises BuildError if a patch does not fit."""
    for path in patches:
        import logging

        import patch_ng  # type: ignore[import-untyped]  # late: part of the extra for building

        logging.getLogger("patch_ng").setLevel(logging.CRITICAL)
        patch = patch_ng.fromfile(str(path))
        if not patch or not patch.apply(strip=1, root=str(source), fuzz=True):  # lines may have moved
            raise BuildError(f"{path.name} does not fit {source.name}", "another version of the package may be built")


def _check_size(files: int, size: int, path: Path) -> None:
    if files > MOST_FILES or size > MOST_BYTES:
        raise HostileSourceError(path.name, f"{files} files with {size} bytes")


def members(path: Path) -> Iterator[tuple[str, Any]]:
    """Names of the files in an archive, each with a function that reads it."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield entry.filename, lambda entry=entry: archive.read(entry)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                yield member.name, lambda member=member: tar.extractfile(member).read()  # type: ignore[union-attr]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what a malformed archive raises into HostileSourceError."""
    try:
        yield
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise HostileSourceError(path.name, f"its pyproject.toml cannot be read: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise HostileSourceError(path.name, f"it is damaged, or no archive ({str(error).splitlines()[0]})") from error
    except OSError as error:
        if error.errno is not None:  # else it is a decompressor's word for damaged data
            raise
        raise HostileSourceError(path.name, str(error)) from error
