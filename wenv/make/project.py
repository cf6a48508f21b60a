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
from wenv_resolver.pyproject import with_sources
from wenv_resolver.requirements import bracketed, folder_of

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


def asked_for(
    path: Path, names: Sequence[str], group: str | None, extra: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the environment is to be given for requirements that are added: names, and folders of editable projects.

    A bare name that stands in the file already means what it says there, and [tool.uv.sources] says where it comes from.
    Raises WenvError, also for a project whose build says what it needs.
    """
    document = _read(path)
    kind = "optional-dependencies" if extra else "dependencies"
    if group is None and kind in document["project"].get("dynamic", []):
        raise WenvError(
            f"{path.name}: project.{kind} are dynamic: the build says what they are", "write it where that reads it"
        )
    listed = _listed(document, group, extra)
    lines = [_written(listed, requirement_of(given, path), given) for given in names]
    found = with_sources(path, lines)
    requirements = [Requirement(line) for line in found.lines]
    folders = {each: canonicalize_name(each.name) in found.editable and each.url is not None for each in requirements}
    editables = tuple(f"{folder_of(str(each.url))}{bracketed(each.extras)}" for each, is_one in folders.items() if is_one)
    return tuple(line for line, each in zip(found.lines, requirements, strict=True) if not folders[each]), editables


def _written(listed: Any, requirement: Requirement, given: str) -> str:
    """The line of a project that stands in a list already, if nothing but its name is given, with its extras."""
    if requirement.specifier or requirement.url or requirement.marker:
        return given
    name = canonicalize_name(requirement.name)
    for line in listed:
        if _name(line) == name:
            there = Requirement(str(line))
            there.extras |= requirement.extras
            return str(there)
    return given


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
    sourced = {canonicalize_name(name) for name in document.get("tool", {}).get("uv", {}).get("sources", {})}
    for given in names:
        requirement = requirement_of(given, path)
        name = canonicalize_name(requirement.name)
        text = _written(listed, requirement, given)
        if text == given and not requirement.specifier and requirement.url is None and name in versions and name not in sourced:
            head, semicolon, marker = given.partition(";")
            text = f"{head.strip()}>={versions[name]}{semicolon and f' ;{marker}'}"
        put(listed, name, text)
        written.append(text)
    rewrite(path, tomlkit.dumps(document))
    return written


def drop(path: Path, names: Sequence[str], group: str | None, extra: str | None) -> list[str]:
    """Take requirements out; returns the lines that are gone.  Raises WenvError for one that is not there."""
    document = _read(path)
    if table_is_missing(path, group, extra):
        raise WenvError(f"{path.name} has no {f'group {group}' if group else f'extra {extra}'}")
    listed, gone = _listed(document, group, extra), []
    for given in names:
        taken = take(listed, given)
        if not taken:
            where = f"in the group {group}" if group else f"in the extra {extra}" if extra else "among the dependencies"
            raise WenvError(f"{given} is not {where} of {path.name}", "`wenv uninstall` changes the environment alone")
        gone += taken
    rewrite(path, tomlkit.dumps(document))
    return gone
