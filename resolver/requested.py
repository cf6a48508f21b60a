"""What a user asked for: requirements from the command line, requirements files and pyproject.toml."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from resolver.errors import RequirementsError
from resolver.target import Target


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Where to look for packages, beyond pip's own configuration, which stays in force."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False

    def pip_arguments(self) -> list[str]:
        """The same as options of pip's."""
        arguments = ["--index-url", self.index_url] if self.index_url else []
        for option, values in (
            ("--extra-index-url", self.extra_index_urls),
            ("--find-links", self.find_links),
            ("--trusted-host", self.trusted_hosts),
        ):
            for value in values:
                arguments += [option, value]
        return arguments + ["--no-index"] * self.no_index + ["--pre"] * self.pre

    def merged(self, other: "IndexOptions") -> "IndexOptions":
        """These options and `other`'s."""
        return IndexOptions(
            other.index_url or self.index_url,
            tuple(dict.fromkeys(self.extra_index_urls + other.extra_index_urls)),
            tuple(dict.fromkeys(self.find_links + other.find_links)),
            tuple(dict.fromkeys(self.trusted_hosts + other.trusted_hosts)),
            self.no_index or other.no_index,
            self.pre or other.pre,
        )

    def as_json(self) -> dict[str, Any]:
        """For manifests.  Addresses are kept without user names and passwords: pip finds these where they are configured."""
        from resolver.pip_internals import without_credentials

        return {
            "index_url": self.index_url and without_credentials(self.index_url),
            "extra_index_urls": [without_credentials(url) for url in self.extra_index_urls],
            "find_links": [without_credentials(url) for url in self.find_links],
            "trusted_hosts": list(self.trusted_hosts),
            "no_index": self.no_index,
            "pre": self.pre,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "IndexOptions":
        """What `as_json` wrote."""
        lists = ("extra_index_urls", "find_links", "trusted_hosts")
        return cls(**{**data, **{key: tuple(data[key]) for key in lists}})


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement: PEP 508 text, the sha256 values that are allowed for it (none: any), and where it was written."""

    text: str
    hashes: tuple[str, ...] = ()
    origin: str = ""

    @property
    def name(self) -> str | None:
        """Canonical name of the project, None for a bare path or URL."""
        try:
            return canonicalize_name(Requirement(self.text).name)
        except InvalidRequirement:
            return None

    def as_json(self) -> dict[str, Any]:
        """For manifests."""
        return {"text": self.text, "hashes": list(self.hashes)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Line":
        """What `as_json` wrote."""
        return cls(data["text"], tuple(data["hashes"]))


@dataclass(frozen=True, slots=True)
class Requested:
    """Everything that a resolution starts from."""

    requirements: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    options: IndexOptions = field(default_factory=IndexOptions)

    def merged(self, other: "Requested") -> "Requested":
        """This and `other`: requirements of the same project replace this one's."""
        fresh = {line.name for line in other.requirements if line.name}
        kept = tuple(line for line in self.requirements if line.name is None or line.name not in fresh)
        return Requested(
            tuple(dict.fromkeys(kept + other.requirements)),
            tuple(dict.fromkeys(self.constraints + other.constraints)),
            self.options.merged(other.options),
        )

    def without(self, names: Iterable[str]) -> "Requested":
        """Without the requirements of these projects."""
        gone = {canonicalize_name(name) for name in names}
        return replace(self, requirements=tuple(line for line in self.requirements if line.name not in gone))

    def as_json(self) -> dict[str, Any]:
        """For manifests."""
        return {
            "requirements": [line.as_json() for line in self.requirements],
            "constraints": [line.as_json() for line in self.constraints],
            "options": self.options.as_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Requested":
        """What `as_json` wrote."""
        return cls(
            tuple(Line.from_json(line) for line in data["requirements"]),
            tuple(Line.from_json(line) for line in data["constraints"]),
            IndexOptions.from_json(data["options"]),
        )


def gather(
    names: Sequence[str],
    files: Sequence[Path],
    constraint_files: Sequence[Path],
    *,
    target: Target,
    options: IndexOptions = IndexOptions(),
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Requested:
    """Read everything that was asked for.  `extras` and `groups` are of the pyproject.toml among `files`.

    Raises RequirementsError for what cannot be read.
    """
    from resolver.pip_internals import read_requirement, read_requirements_file

    requested = Requested((), (), options)
    for path in files:
        if path.name == "pyproject.toml":
            lines = read_pyproject(path, target, extras=extras, groups=groups)
            found = Requested(tuple(read_requirement(line, origin=str(path)) for line in lines))
        else:
            found = read_requirements_file(path, options)
        requested = _joined(requested, found)
    if (extras or groups) and not any(path.name == "pyproject.toml" for path in files):
        raise RequirementsError("--extra and --group need a pyproject.toml", "give it with -r pyproject.toml")
    for path in constraint_files:
        requested = _joined(requested, read_requirements_file(path, options, constraint=True))
    given = tuple(read_requirement(name, origin="command line") for name in names)
    return _joined(requested, Requested(given))


def _joined(first: Requested, second: Requested) -> Requested:
    """Both: unlike in `Requested.merged`, a project asked for twice must satisfy both requirements."""
    return Requested(
        tuple(dict.fromkeys(first.requirements + second.requirements)),
        tuple(dict.fromkeys(first.constraints + second.constraints)),
        first.options.merged(second.options),
    )


def read_pyproject(path: Path, target: Target, *, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Requirements of a pyproject.toml (PEP 621, PEP 735) with the given extras and dependency groups."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RequirementsError(f"{path}: {error}") from error
    project = document.get("project", {})
    if "dependencies" in project.get("dynamic", ()):
        raise RequirementsError(f"{path}: its dependencies are dynamic", "write them to a requirements file first")
    _check_python(path, project.get("requires-python", ""), target)
    lines: list[str] = list(project.get("dependencies", ()))
    optional = {canonicalize_name(key): value for key, value in project.get("optional-dependencies", {}).items()}
    waiting, seen = [canonicalize_name(extra) for extra in extras], set[str]()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        if extra not in optional:
            raise RequirementsError(f"{path} has no extra {extra!r}", f"it has: {', '.join(sorted(optional)) or 'none'}")
        for line in optional[extra]:
            requirement = _requirement(path, line)
            if canonicalize_name(requirement.name) == canonicalize_name(project.get("name", "")):
                waiting += [canonicalize_name(name) for name in requirement.extras]  # an extra made of other extras
            else:
                lines.append(line)
    available = document.get("dependency-groups", {})
    try:
        lines += resolve_dependency_groups(available, *groups)
    except (LookupError, ValueError, TypeError) as error:
        raise RequirementsError(f"{path}: dependency groups: {error}") from error
    except ExceptionGroup as errors:
        raise RequirementsError(f"{path}: dependency groups: {errors.exceptions[0]}") from errors
    return lines


def _check_python(path: Path, specifier: str, target: Target) -> None:
    try:
        fits = SpecifierSet(specifier).contains(target.markers["python_full_version"], prereleases=True)
    except InvalidSpecifier as error:
        raise RequirementsError(f"{path}: requires-python: {error}") from error
    if not fits:
        raise RequirementsError(f"{path} requires Python {specifier}; the runtime is {target.markers['python_full_version']}")


def _requirement(path: Path, line: str) -> Requirement:
    try:
        return Requirement(line)
    except InvalidRequirement as error:
        raise RequirementsError(f"{path}: {line!r}: {error}") from error
