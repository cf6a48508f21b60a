"""Folders and git repositories as source archives: what a project's own folder holds, so that it is built like any source."""

import hashlib
import os
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wenv_resolver.errors import BuildError, FetchError
from wenv_resolver.requirements import without_credentials

#: Folders that no build needs.
LEFT_OUT = {
    ".wenv", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache",
}  # fmt: skip
#: Words in a project's files that say that its version comes from git.
FROM_GIT = (
    "setuptools_scm", "setuptools-scm", "hatch-vcs", "versioningit", "versioneer", "flit_scm", "pbr", "dynamic-versioning",
    "git-versioning", "source = \"scm\"",
)  # fmt: skip
MOST_FILES, MOST_BYTES = 200_000, 4 << 30
#: Seconds for which git may take.
GIT_TIME = 900


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository's address (``git+https://…@revision`` as pip takes it), in parts."""

    url: str
    revision: str

    @classmethod
    def parse(cls, address: str) -> "Repository":
        """Take an address apart.  Raises FetchError for what git must not be given."""
        url = address.removeprefix("git+").partition("#")[0]
        parts = urlsplit(url)
        path, _, revision = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
        url = parts._replace(path=path).geturl()
        if parts.scheme not in ("https", "ssh", "http", "file", "git") or url.startswith("-") or revision.startswith("-"):
            raise FetchError(
                f"{without_credentials(address)}: not an address of a git repository", "git+https://HOST/PATH@REVISION"
            )
        return cls(url, revision)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return urlsplit(self.url).path.rstrip("/").rpartition("/")[2].removesuffix(".git") or "repository"


def write_folder(folder: Path, archive: Path) -> str:
    """Write a project's folder to a tar file; returns a digest of what a build could read of it.  Raises BuildError."""
    digest, files, size, root = hashlib.sha256(), 0, 0, folder.resolve()
    if not folder.exists():
        raise BuildError(f"{folder} does not exist")
    _check_is_project(folder, root)
    with tarfile.open(archive, "w") as tar:
        for path in _inside(root):
            files, size = files + 1, size + path.lstat().st_size
            if files > MOST_FILES or size > MOST_BYTES:
                raise BuildError(f"{folder} is too large for a project: more than {MOST_FILES} files or {MOST_BYTES} bytes")
            name = path.relative_to(root).as_posix()
            leads_out = path.is_symlink() and not path.resolve().is_relative_to(root)
            if leads_out and not path.is_file():
                continue
            tar.add(path.resolve() if leads_out else path, f"project/{name}", recursive=False)
            digest.update(_facts(name, path))
        if (root / ".git").is_dir() and _version_is_from_git(root):
            tar.add(root / ".git", "project/.git")
            digest.update(_git(root, "describe", "--tags", "--always", "--dirty", "--long").encode())
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """A digest of a project's folder as a build would read it, or of a file; empty for what is not there."""
    if not path.is_dir():
        return _content(path) if path.exists() else ""
    root, digest = path.resolve(), hashlib.sha256()
    for each in _inside(root):
        digest.update(_facts(each.relative_to(root).as_posix(), each))
    return digest.hexdigest()


def _facts(name: str, path: Path) -> bytes:
    """What a digest of a folder tells of what is in it."""
    return f"{name}\0{os.access(path, os.X_OK)}\0{_content(path)}\0".encode("utf-8", "surrogateescape")


def _check_is_project(folder: Path, root: Path) -> None:
    """Raises BuildError for a folder of which no build makes a package."""
    if (root / "setup.py").is_file() or (root / "setup.cfg").is_file():
        return
    if not (root / "pyproject.toml").is_file():
        way = "a lock of what a project needs has no entry for the project itself: `uv export --no-emit-project`"
        raise BuildError(f"{folder} holds no project: no pyproject.toml, setup.py or setup.cfg", way)
    try:
        tables = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{folder / 'pyproject.toml'}: {error}") from error
    if "project" in tables or "build-system" in tables:
        return
    members: Any = tables
    for name in ("tool", "uv", "workspace", "members"):
        members = members.get(name, {}) if isinstance(members, dict) else {}
    named = ", ".join(f"./{member}" for member in members) if isinstance(members, list) else ""
    way = f"the members of its workspace are projects: {named}" if named else "-r pyproject.toml --group GROUP takes its groups"
    raise BuildError(f"{folder} holds no project: its pyproject.toml has neither [project] nor [build-system]", way)


def project_files(folder: Path) -> frozenset[str]:
    """The files of a project that a build can read, relative to its folder, as POSIX paths."""
    root = folder.resolve()
    return frozenset(path.relative_to(root).as_posix() for path in _inside(root) if path.is_file())


def _content(path: Path) -> str:
    """What a link leads to, or the digest of a file's content; empty for a folder."""
    if path.is_symlink():
        return str(path.readlink())
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inside(root: Path) -> Iterator[Path]:
    """Files and folders of a project, in a fixed order."""
    for place, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in LEFT_OUT | {".git"} and not _is_environment(Path(place, name))
        )
        for name in [*folders, *sorted(files)]:
            path = Path(place, name)
            if path.is_file() or path.is_dir() or path.is_symlink():  # no sockets and pipes
                yield path


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").is_file() or (folder / "wenv.json").is_file()


def _version_is_from_git(root: Path) -> bool:
    texts = [
        (root / name).read_text("utf-8", "replace")
        for name in ("pyproject.toml", "setup.py", "setup.cfg")
        if (root / name).is_file()
    ]
    return any(word in text for text in texts for word in FROM_GIT)


def write_repository(repository: Repository, folder: Path, archive: Path) -> str:
    """Clone a repository into `folder`, and write the revision that is meant to a tar file; returns its commit.

    Raises FetchError.
    """
    clone = folder / "project"
    _git(folder, "clone", "--quiet", "--no-checkout", "--", repository.url, str(clone), scheme=urlsplit(repository.url).scheme)
    wanted = repository.revision or "HEAD"
    commit = ""
    for name in (wanted, f"refs/remotes/origin/{wanted}", f"refs/tags/{wanted}"):
        commit = commit or _git(clone, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", may_fail=True)
    if not commit:
        raise FetchError(f"{without_credentials(repository.url)} has no revision {wanted!r}")
    _git(clone, "checkout", "--quiet", "--detach", commit)
    with tarfile.open(archive, "w") as tar:
        tar.add(clone, "project")
    return commit


def _git(folder: Path, *words: str, scheme: str = "", may_fail: bool = False) -> str:
    """Call git, which runs no hook, asks nothing, and speaks one protocol only.  Raises FetchError."""
    settings = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "submodule.recurse=false", "protocol.ext.allow=never")
    options = [word for setting in settings for word in ("-c", setting)]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": scheme or "none", "GIT_LFS_SKIP_SMUDGE": "1"}
    environment.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    try:
        said = subprocess.run(
            ["git", *options, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIME,
            check=False,
        )
    except FileNotFoundError as error:
        raise FetchError("git is not on this machine, and a repository is asked for", "install git") from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"git {words[0]} took more than {GIT_TIME} s") from error
    if said.returncode and not may_fail:
        last = said.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise FetchError(f"git {words[0]} failed: {without_credentials(last[0])}")
    return said.stdout.decode("utf-8", "replace").strip() if not said.returncode else ""
