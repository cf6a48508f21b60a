"""Changes to a project's pyproject.toml; what else is in it stays as it was written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from wenv.errors import UsageError, WenvError
from wenv_cache.files import rewrite

NAME = "pyproject.toml"


def project_file(folder: Path) -> Path:
    """The pyproject.toml of a folder; raises UsageError."""
    path = folder / NAME
    if not path.is_file():
        raise UsageError(f"there is no {NAME} here", "`wenv install` and `wenv uninstall` change the environment alone")
    return path


def _read(path: Path) -> Any:
    try:
        document = tomlkit.parse(path.read_text("utf-8"))
    except (OSError, ValueError, TOMLKitError) as error:
        raise WenvError(f"{path}: {error}") from error
    if not isinstance(document.get("project"), dict):
        raise WenvError(f"{path} has no table [project]", "`wenv install` changes the environment alone")
    project = document["project"]
    tables = {"project.optional-dependencies": project.get("optional-dependencies", {})}
    tables["dependency-groups"] = document.get("dependency-groups", {})
    lists = {"project.dependencies": project.get("dependencies", [])}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise WenvError(f"{path}: {name} is no table")
        lists |= {f"{name}.{each}": value for each, value in table.items()}
    for name, value in lists.items():
        if not isinstance(value, list):
            raise WenvError(f"{path}: {name} is no list")
    return document


def table_is_missing(path: Path, group: str | None, extra: str | None) -> bool:
    """Whether the group or the extra is not there yet; raises WenvError for a file that cannot be read."""
    document = _read(path)
    if group is not None:
        return group not in document.get("dependency-groups", {})
    return extra is not None and extra not in document["project"].get("optional-dependencies", {})


def has_dependencies(path: Path) -> bool:
    """Whether the project needs anything yet."""
    return bool(_read(path)["project"].get("dependencies"))


def _listed(document: Any, group: str | None, extra: str | None) -> Any:
    """The list of requirements that is meant; it is made where it is missing."""
    if group is not None:
        return document.setdefault("dependency-groups", tomlkit.table()).setdefault(group, _empty())
    if extra is not None:
        return document["project"].setdefault("optional-dependencies", tomlkit.table()).setdefault(extra, _empty())
    return document["project"].setdefault("dependencies", _empty())


def _empty() -> Any:
    return tomlkit.array().multiline(True)


def _name(line: Any) -> str:
    try:
        return canonicalize_name(Requirement(str(line)).name)
    except InvalidRequirement:
        return ""  # a table, or another's mistake


def check(path: Path, names: Sequence[str]) -> None:
    """Raises WenvError for what cannot stand in the file, or for a file that cannot be read."""
    _read(path)
    for text in names:
        requirement_of(text, path)


def requirement_of(text: str, path: Path) -> Requirement:
    """A requirement that can stand in a file; raises WenvError."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        raise WenvError(f"{text} has no name that could stand in {path.name}", "write NAME @ ADDRESS") from None


def put(listed: Any, name: str, text: str) -> None:
    """Have a list of requirements hold a project's line, in the place of one that is there."""
    same = [index for index, line in enumerate(listed) if _name(line) == name]
    if same:
        listed[same[0]] = text
    else:
        listed.append(text)


def take(listed: Any, name: str) -> list[str]:
    """Take a project's lines out of a list of requirements; returns them."""
    same = [index for index, line in enumerate(listed) if _name(line) == canonicalize_name(name)]
    gone = [str(listed[index]) for index in reversed(same)]
    for index in reversed(same):
        del listed[index]
    return gone


def add(path: Path, names: Sequence[str], versions: Mapping[str, str], group: str | None, extra: str | None) -> list[str]:
    """Add requirements; one without a version gets the installed one as its lowest.  Returns the lines that were written.

    Raises WenvError for what is no requirement, or a file that cannot be read.
    """
    document = _read(path)
    listed, written = _listed(document, group, extra), []
    for given in names:
        requirement = requirement_of(given, path)
        name, text = canonicalize_name(requirement.name), given
        if not requirement.specifier and requirement.url is None and name in versions:
            head, semicolon, marker = given.partition(";")
            text = f"{head.strip()}>={versions[name]}{semicolon and f' ;{marker}'}"
        put(listed, name, text)
        written.append(text)
    rewrite(path, tomlkit.dumps(document))
    return written


def drop(path: Path, names: Sequence[str], group: str | None, extra: str | None) -> list[str]:
    """Take requirements out; returns the lines that are gone.  Raises WenvError for one that is not there."""
    document = _read(path)
    listed, gone = _listed(document, group, extra), []
    for given in names:
        taken = take(listed, given)
        if not taken:
            where = f"group {group}" if group else f"extra {extra}" if extra else "dependencies"
            raise WenvError(
                f"{given} is not among the {where} of {path.name}", "`wenv uninstall` changes the environment alone"
            )
        gone += taken
    rewrite(path, tomlkit.dumps(document))
    return gone
