"""What a source says of its requirements without being built: files that its author's tools left in it.

Where these are the build's own word (metadata 2.2 and later, a [project] table that is not dynamic), they are believed.  What
setuptools left in an older archive is taken for the resolution; what the built wheel then says differently is resolved again
(`wenv.make.prepare`).
"""

import configparser
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from wenv_resolver.building.sources import members, project_path
from wenv_resolver.errors import ResolverError

#: Read at most so much of a file, in bytes.
LARGEST = 4 << 20
#: From this version on metadata say what the build may change.
SAYS_DYNAMIC = Version("2.2")


@dataclass(frozen=True, slots=True)
class StaticMetadata:
    """Core metadata (METADATA's format) as far as they are known; `is_complete` is whether requirements and version are.

    `python` is what they say of Python's version (Requires-Python), empty for nothing.
    """

    name: str | None
    version: str | None
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    is_complete: bool
    python: str = ""

    def text(self) -> bytes:
        """As a METADATA file.  Raises ValueError without a name and a version."""
        if not self.name or not self.version:
            raise ValueError("a project without a name or a version")
        lines = ["Metadata-Version: 2.2", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Python: {self.python}"] if self.python else []
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        return ("\n".join(lines) + "\n").encode()


def static_metadata(path: Path, subdirectory: str, name: str | None, version: str | None) -> StaticMetadata:
    """Look into the archive at `path`; `name` and `version` are what its address says.

    Raises ResolverError for an archive that cannot be read.
    """
    try:
        found = _files(path, subdirectory)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, tarfile.TarError) as error:
        raise ResolverError(f"{path.name} cannot be read: {error}") from error
    information = BytesParser().parsebytes(found["PKG-INFO"]) if "PKG-INFO" in found else None
    if information is not None:
        name, version = information["Name"] or name, information["Version"] or version
        if _is_said(information):
            return _of_message(information, name, version)
    project = _project(found)
    name, version = project.get("name", name), project.get("version", version)
    if (
        project
        and "dependencies" not in project.get("dynamic", ())
        and "optional-dependencies" not in project.get("dynamic", ())
    ):
        optional = project.get("optional-dependencies", {})
        requires = [*project.get("dependencies", ())]
        requires += [_for_extra(line, extra) for extra, lines in optional.items() for line in lines]
        python = "" if "requires-python" in project.get("dynamic", ()) else project.get("requires-python", "")
        return StaticMetadata(name, version, tuple(requires), tuple(optional), bool(name and version), python)
    if information is not None and information.get_all("Requires-Dist"):
        return _of_message(information, name, version)
    if "requires.txt" in found:
        requires, extras = _of_requires(found["requires.txt"].decode("utf-8", "replace"))
        return StaticMetadata(name, version, tuple(requires), tuple(extras), bool(name and version))
    is_complete = "egg-info" in found and bool(name and version)  # setuptools wrote down that it needs nothing
    return StaticMetadata(name, version, (), (), is_complete)


def sources_of(path: Path, subdirectory: str) -> list[str]:
    """The projects that [tool.uv.sources] of an archive's pyproject.toml has addresses for; none if that cannot be read."""
    try:
        document = tomllib.loads(_files(path, subdirectory).get("pyproject.toml", b"").decode("utf-8"))
        return sorted(map(str, document["tool"]["uv"]["sources"]))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, tarfile.TarError, ValueError, KeyError, TypeError):
        return []


def _is_said(information: Message) -> bool:
    """Whether metadata are the build's own word for the requirements."""
    try:
        if Version(information["Metadata-Version"] or "1.0") < SAYS_DYNAMIC:
            return False
    except InvalidVersion:
        return False
    dynamic = {str(field).strip().lower() for field in information.get_all("Dynamic", [])}
    return not dynamic & {"requires-dist", "provides-extra"}


def _of_message(information: Message, name: str | None, version: str | None) -> StaticMetadata:
    requires = tuple(" ".join(str(line).split()) for line in information.get_all("Requires-Dist", []))
    extras, python = map(str, information.get_all("Provides-Extra", [])), str(information["Requires-Python"] or "")
    return StaticMetadata(name, version, requires, tuple(extras), True, " ".join(python.split()))


def _files(path: Path, subdirectory: str) -> dict[str, bytes]:
    """What tells something, of the project in an archive: by its name, and ``egg-info`` if there is such a folder."""
    found: dict[str, bytes] = {}
    for name, read in members(path):
        inside = project_path(name, subdirectory)
        if inside is None:
            continue
        if inside in ("PKG-INFO", "pyproject.toml", "setup.cfg"):
            found[inside] = read()[:LARGEST]
        folder, _, file = inside.rpartition("/")
        if folder.endswith(".egg-info") and folder.count("/") < 2 and "egg-info" not in found:
            found["egg-info"] = b""
        if folder.endswith(".egg-info") and file == "requires.txt" and "requires.txt" not in found:
            found[file] = read()[:LARGEST]
    return found


def _project(found: Mapping[str, bytes]) -> dict[str, Any]:
    """The [project] table, unless it is not as the standard says: then the build has words for what is wrong."""
    try:
        project = tomllib.loads(found.get("pyproject.toml", b"").decode("utf-8")).get("project")
    except ValueError:
        return {}
    if not isinstance(project, dict):
        return {}
    optional, dynamic = project.get("optional-dependencies", {}), project.get("dynamic", [])
    lists = [project.get("dependencies", []), dynamic, *(optional.values() if isinstance(optional, dict) else [None])]
    single = [project.get(name, "x") for name in ("name", "version", "requires-python")]
    if not all(isinstance(each, list) and all(map(_is_line, each)) for each in lists) or not all(map(_is_line, single)):
        return {}
    return {**project, "version": None} if "version" in dynamic else project


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def name_of_folder(folder: Path) -> str | None:
    """The name of the project in a folder, if a file there says it."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project")
    except (OSError, ValueError):
        project = None
    if isinstance(project, dict) and isinstance(project.get("name"), str):
        return str(project["name"])
    config = configparser.ConfigParser()
    try:
        config.read_string((folder / "setup.cfg").read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return None
    name = config.get("metadata", "name", fallback="")
    return name if name and ":" not in name else None


def _for_extra(line: str, extra: str) -> str:
    """A requirement that holds where an extra is asked for."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return line  # pip says what is wrong with it
    own = f"({requirement.marker}) and " if requirement.marker else ""
    requirement.marker = None
    separator = " ;" if requirement.url else ";"
    return f"{requirement}{separator} {own}extra == {extra!r}"


def _of_requires(text: str) -> tuple[list[str], list[str]]:
    """Requirements and extras of setuptools' requires.txt: sections ``[extra]``, ``[:marker]`` and ``[extra:marker]``."""
    requires, extras, extra, marker = list[str](), list[str](), "", ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            if extra and extra not in extras:
                extras.append(extra)
        elif line and not line.startswith("#"):
            conditions = [f"({marker})"] * bool(marker) + [f"extra == {extra!r}"] * bool(extra)
            requires.append(f"{line}{' ;' if '@' in line else ';'} {' and '.join(conditions)}" if conditions else line)
    return requires, extras
