"""What a pyproject.toml asks for: its dependencies with extras and groups (PEP 621, PEP 735), and what uv's table adds to them.

Tables of other tools that would change what is installed are obeyed where a few lines can, and refused by name where not: a
project is never read as less than it is.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv_resolver.errors import RequirementsError
from wenv_resolver.requirements import IndexOptions, moment

NAME = "pyproject.toml"
#: Tables of tools that have dependencies of their own, and what writes these down for others.
OWN_TABLES = {
    "poetry": "`poetry export -o requirements.txt`, and -r requirements.txt",
    "pdm": "`pdm export -o requirements.txt`, and -r requirements.txt",
    "flit": "`flit` writes a [project] table when it is told to: see its documentation of `flit.metadata`",
}
#: What a source may say; some of it is refused by name.
SOURCE_KEYS = frozenset((
    "branch", "editable", "extra", "git", "group", "index", "lfs", "marker", "package", "path", "rev", "subdirectory", "tag",
    "url", "workspace",
))  # fmt: skip
#: Keys of [tool.uv] that change what is installed and have no counterpart in pip.
REFUSED = {
    "override-dependencies": "pip has no overrides: give what is wanted as a requirement or constraint",
    "exclude-dependencies": "nothing can be left out of a resolution",
    "conflicts": "extras and groups are chosen by --extra and --group",
}


@dataclass(frozen=True, slots=True)
class Project:
    """A project as read: requirement lines (PEP 508), constraints, the Python it wants, and where packages come from.

    `editable` are canonical names of the projects that lie in folders and are to be imported from there.
    """

    lines: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    python: str = ""
    options: IndexOptions = field(default_factory=IndexOptions)
    editable: frozenset[str] = frozenset()


def read_pyproject(path: Path, extras: Sequence[str], groups: Sequence[str]) -> Project:
    """Read a pyproject.toml with the given extras and dependency groups.

    Raises RequirementsError for one that cannot be read, or that says what cannot be obeyed.
    """
    return project_of(_document(path), path, extras, groups)


def read_groups(path: Path, groups: Sequence[str]) -> Project:
    """The same of dependency groups alone, without what the project itself needs."""
    document = _document(path)
    project = _table(path, document, "project")
    kept = {key: project[key] for key in ("name", "optional-dependencies", "requires-python") if key in project}
    return project_of({**document, "project": kept}, path, (), groups)


def read_sources(path: Path, extras: Collection[str]) -> Project:
    """What [tool.uv] adds to a project in a folder, whose requirements its build says: its index options and constraints, with
    the addresses of what it needs, with these extras; `lines` are those of editable projects.

    Raises RequirementsError for what cannot be obeyed.
    """
    document = _document(path)
    uv = _table(path, _table(path, document, "tool"), "uv")
    if not uv:
        return Project(())
    project, sources = _table(path, document, "project"), _table(path, uv, "sources")
    dynamic, optional = set(_texts(path, project, "dynamic")), _optional(path, project)
    needed = _Lines(path, str(project.get("name", "")), optional)
    needed.add(list(sources) if "dependencies" in dynamic else _texts(path, project, "dependencies"))
    for extra in sorted({canonicalize_name(extra) for extra in extras} & {canonicalize_name(name) for name in optional}):
        needed.add_extra(extra)
    editable, addressed = _editable(sources), []
    lines = []
    for line in needed.found:
        requirement = Requirement(found := _from_source(path, line, sources))
        if canonicalize_name(requirement.name) in editable:
            lines.append(found)
        elif found != line:
            requirement.extras = set()  # which a constraint cannot have
            addressed.append(str(requirement))
    limits = (*addressed, *_texts(path, uv, "constraint-dependencies"))
    return Project(tuple(lines), limits, "", _options(path, uv), editable)


def with_sources(path: Path, lines: Sequence[str]) -> Project:
    """Requirement lines with the addresses that [tool.uv.sources] of a pyproject.toml gives for them.

    Raises RequirementsError for what cannot be obeyed.
    """
    uv = _table(path, _table(path, _document(path), "tool"), "uv")
    sources = _table(path, uv, "sources")
    return Project(tuple(_from_source(path, line, sources) for line in lines), editable=_editable(sources))


def _editable(sources: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        canonicalize_name(name) for name, given in sources.items() if isinstance(given, dict) and given.get("editable")
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RequirementsError(f"{path}: {error}") from error


def project_of(document: Mapping[str, Any], path: Path, extras: Sequence[str], groups: Sequence[str]) -> Project:
    """The project that the tables of a file describe.  Raises RequirementsError."""
    project, tool = _table(path, document, "project"), _table(path, document, "tool")
    if not project and not groups:
        _refuse_without_project(path, document, tool)
    dynamic = set(_texts(path, project, "dynamic"))
    if "dependencies" in dynamic:
        raise RequirementsError(f"{path}: its dependencies are dynamic", "write them to a requirements file first")
    if "optional-dependencies" in dynamic and extras:
        raise RequirementsError(f"{path}: its extras are dynamic", "write what they need to a requirements file first")
    lines = _Lines(path, str(project.get("name", "")), _optional(path, project))
    lines.add(_texts(path, project, "dependencies"))
    for extra in extras:
        lines.add_extra(extra)
    lines.add(_of_groups(path, document, tool, groups))
    uv = _table(path, tool, "uv")
    sources = _table(path, uv, "sources")
    found = tuple(_from_source(path, line, sources) for line in lines.found)
    bounds = [_bound(line) for line, addressed in zip(lines.found, found, strict=True) if line != addressed]
    python = project.get("requires-python", "")
    if not isinstance(python, str):
        raise RequirementsError(f"{path}: requires-python is no text")
    limits = (*filter(None, bounds), *_texts(path, uv, "constraint-dependencies"))
    return Project(found, limits, python, _options(path, uv), _editable(sources))


def _optional(path: Path, project: Mapping[str, Any]) -> dict[str, list[str]]:
    """The requirement lines of each extra."""
    optional = _table(path, project, "optional-dependencies")
    return {name: _texts(path, optional, name) for name in optional}


def _table(path: Path, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name, {})
    if not isinstance(found, dict):
        raise RequirementsError(f"{path}: {name} is no table")
    return found


def _texts(path: Path, table: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts in a table; empty if it is not there."""
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise RequirementsError(f"{path}: {name} is no list of texts")
    return found


def _refuse_without_project(path: Path, document: Mapping[str, Any], tool: Mapping[str, Any]) -> None:
    for name, way in OWN_TABLES.items():
        table = _table(path, tool, name)
        if table.keys() & {"dependencies", "dev-dependencies", "group", "metadata"}:
            raise RequirementsError(f"{path} has no [project] table, and {name}'s own is not read", way)
    groups = ", ".join(sorted(document.get("dependency-groups", {})))
    hint = f"--group takes one of its groups: {groups}" if groups else "a requirements file or names say what is wanted"
    raise RequirementsError(f"{path} has no [project] table: it names no dependencies", hint)


class _Lines:
    """Requirement lines, with references to the project itself replaced by what these stand for."""

    def __init__(self, path: Path, name: str, optional: Mapping[str, Sequence[str]]) -> None:
        self._path, self._name = path, canonicalize_name(name)
        self._optional = {canonicalize_name(key): value for key, value in optional.items()}
        self._seen = set[tuple[str, str]]()
        self.found: list[str] = []

    def add(self, lines: Sequence[str], marker: Marker | None = None) -> None:
        """Add lines, which hold where `marker` does."""
        for line in lines:
            try:
                requirement = Requirement(line)
            except (InvalidRequirement, TypeError) as error:
                raise RequirementsError(f"{self._path}: {line!r}: {error}") from error
            both = _both(marker, requirement.marker)
            if self._name and canonicalize_name(requirement.name) == self._name:
                for extra in sorted(requirement.extras):  # the project itself is never looked for on an index
                    self.add_extra(extra, both)
            elif marker is None:
                self.found.append(line)
            else:
                requirement.marker = both
                self.found.append(str(requirement))

    def add_extra(self, extra: str, marker: Marker | None = None) -> None:
        """Add what an extra stands for."""
        name = canonicalize_name(extra)
        if (name, str(marker)) in self._seen:
            return
        self._seen.add((name, str(marker)))
        if name not in self._optional:
            there = ", ".join(sorted(self._optional)) or "none"
            raise RequirementsError(f"{self._path} has no extra {name!r}", f"it has: {there}")
        self.add(self._optional[name], marker)


def _both(first: Marker | None, second: Marker | None) -> Marker | None:
    if first is None or second is None:
        return first or second
    return Marker(f"({first}) and ({second})")


def _of_groups(path: Path, document: Mapping[str, Any], tool: Mapping[str, Any], groups: Sequence[str]) -> list[str]:
    available = dict(_table(path, document, "dependency-groups"))
    if "dev-dependencies" in (uv := _table(path, tool, "uv")):  # what uv had before there were groups
        available["dev"] = [*_texts(path, uv, "dev-dependencies"), *available.get("dev", ())]
    available = {**_table(path, _table(path, tool, "pdm"), "dev-dependencies"), **available}
    try:
        return list(resolve_dependency_groups(available, *groups))
    except (LookupError, ValueError, TypeError) as error:
        raise RequirementsError(f"{path}: dependency groups: {error}", _has(available)) from error
    except ExceptionGroup as errors:
        raise RequirementsError(f"{path}: dependency groups: {errors.exceptions[0]}", _has(available)) from errors


def _has(groups: Mapping[str, Any]) -> str:
    return f"it has: {', '.join(sorted(groups)) or 'none'}"


# -- what uv's table says


def _from_source(path: Path, line: str, sources: Mapping[str, Any]) -> str:
    """A requirement line with the address that [tool.uv.sources] gives for it."""
    requirement = Requirement(line)
    given = next(
        (value for key, value in sources.items() if canonicalize_name(key) == canonicalize_name(requirement.name)), None
    )
    if given is None or requirement.url:
        return line
    label = f"{path}: [tool.uv.sources] {requirement.name}"
    if isinstance(given, list):
        raise RequirementsError(f"{label}: several sources are not read", "name the one that is wanted as a requirement")
    if not isinstance(given, dict):
        raise RequirementsError(f"{label} is no table", f'for example {requirement.name} = {{ path = "…" }}')
    requirement.url = _address(label, requirement.name, path, given)
    requirement.specifier = type(requirement.specifier)()
    if "marker" in given:
        requirement.marker = _both(requirement.marker, Marker(given["marker"]))
    return str(requirement)


def _bound(line: str) -> str:
    """The versions that a requirement allows, as a constraint; empty for any."""
    requirement = Requirement(line)
    requirement.extras = set()
    return str(requirement) if requirement.specifier else ""


def _address(label: str, name: str, path: Path, given: Mapping[str, Any]) -> str:
    if unknown := sorted(given.keys() - SOURCE_KEYS):
        raise RequirementsError(f"{label}: unknown: {', '.join(unknown)}", f"known are {', '.join(sorted(SOURCE_KEYS))}")
    below = f"#subdirectory={given['subdirectory']}" if given.get("subdirectory") else ""
    if "url" in given:
        return f"{given['url']}{below}"
    if "git" in given:
        revision = given.get("rev") or given.get("tag") or given.get("branch")
        return f"git+{given['git']}{f'@{revision}' if revision else ''}{below}"
    if "path" in given:
        folder = (path.absolute().parent / str(given["path"])).resolve()
        _check_name(label, name, folder / str(given.get("subdirectory", "")) / NAME)
        return folder.as_uri() + below
    kind = next(iter(given), "nothing")
    raise RequirementsError(
        f"{label} = {{ {kind} = … }} is not read", "`uv export -o requirements.txt`, and -r requirements.txt"
    )


def _check_name(label: str, name: str, path: Path) -> None:
    """Raises RequirementsError where a project's own file calls it otherwise."""
    if not path.is_file():
        return
    project = _document(path).get("project", {})
    own = project.get("name") if isinstance(project, dict) else None
    if isinstance(own, str) and canonicalize_name(own) != canonicalize_name(name):
        raise RequirementsError(f"{label}: the project in {path.parent} is called {own}")


def _options(path: Path, uv: Mapping[str, Any]) -> IndexOptions:
    for key, way in REFUSED.items():
        if uv.get(key):
            raise RequirementsError(f"{path}: [tool.uv] {key} is not obeyed", way)
    if uv.get("resolution", "highest") != "highest":
        raise RequirementsError(f"{path}: [tool.uv] resolution is not obeyed", "the highest versions are chosen here")
    indexes = list(_indexes(path, uv))
    no_build = [":all:"] if uv.get("no-build") else _texts(path, uv, "no-build-package")
    no_binary = [":all:"] if uv.get("no-binary") else _texts(path, uv, "no-binary-package")
    newer = uv.get("exclude-newer")
    try:
        before = None if newer is None else moment(newer.isoformat() if isinstance(newer, date) else str(newer))
    except ValueError as error:
        way = "a date, a time, or a number of days or weeks in its place, or as the option --exclude-newer"
        raise RequirementsError(f"{path}: [tool.uv] exclude-newer: {error}", way) from error
    return IndexOptions(
        uploaded_before=before,
        index_url=next((url for url, is_first in indexes if is_first), None),
        extra_index_urls=tuple(url for url, is_first in indexes if not is_first),
        find_links=tuple(
            str(path.absolute().parent / link) if "://" not in link else link for link in _texts(path, uv, "find-links")
        ),
        no_index=bool(uv.get("no-index")),
        pre=uv.get("prerelease") == "allow",
        no_binary=tuple(no_binary),
        only_binary=tuple(no_build),
    )


def _indexes(path: Path, uv: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The indexes that are named, and whether one takes the place of the usual one."""
    if "index-url" in uv:
        yield str(uv["index-url"]), True
    for url in _texts(path, uv, "extra-index-url"):
        yield url, False
    for index in uv.get("index", ()):
        if not isinstance(index, dict) or "url" not in index:
            raise RequirementsError(f"{path}: [[tool.uv.index]] without a url")
        if not index.get("explicit"):
            yield str(index["url"]), bool(index.get("default"))
