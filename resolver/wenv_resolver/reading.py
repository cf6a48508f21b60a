"""Reads everything that a user asks for: names, requirements files, and pyproject.toml with extras and dependency groups."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from wenv_resolver.errors import RequirementsError
from wenv_resolver.requirements import IndexOptions, Requested
from wenv_resolver.target import Target


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that was asked for, read; `pythons` are the versions of Python that projects want, with their file."""

    requested: Requested
    pythons: tuple[tuple[Path, str], ...] = ()

    def requested_for(self, target: Target) -> Requested:
        """The requirements, for a target that has such a Python.  Raises RequirementsError."""
        for path, specifier in self.pythons:
            _check_python(path, specifier, target)
        return self.requested


def gather(
    names: Sequence[str],
    files: Sequence[Path],
    constraint_files: Sequence[Path],
    *,
    options: IndexOptions | None = None,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Gathered:
    """Read everything that was asked for.  `extras` and `groups` are of the pyproject.toml among `files`.

    Raises RequirementsError for what cannot be read.
    """
    from wenv_resolver.pip_internals.requirements import read_requirement, read_requirements_file  # late: imports pip

    options = options or IndexOptions()
    requested, pythons = Requested((), (), options), []
    for path in files:
        if path.name == "pyproject.toml":
            lines, python = _read_pyproject(path, extras, groups)
            pythons.append((path, python))
            found = Requested(tuple(read_requirement(line, origin=str(path)) for line in lines))
        else:
            found = read_requirements_file(path, options)
        requested = _joined(requested, found)
    if (extras or groups) and not any(path.name == "pyproject.toml" for path in files):
        raise RequirementsError("--extra and --group need a pyproject.toml", "give it with -r pyproject.toml")
    for path in constraint_files:
        requested = _joined(requested, read_requirements_file(path, options, constraint=True))
    given = tuple(read_requirement(name, origin="command line") for name in names)
    return Gathered(_joined(requested, Requested(given)), tuple(pythons))


def _joined(first: Requested, second: Requested) -> Requested:
    """Both: unlike in `Requested.merged`, a project asked for twice must satisfy both requirements."""
    return Requested(
        tuple(dict.fromkeys(first.requirements + second.requirements)),
        tuple(dict.fromkeys(first.constraints + second.constraints)),
        first.options.merged(second.options),
    )


def _read_pyproject(path: Path, extras: Sequence[str], groups: Sequence[str]) -> tuple[list[str], str]:
    """Requirements of a pyproject.toml (PEP 621, PEP 735) with the given extras and dependency groups, and its Python."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RequirementsError(f"{path}: {error}") from error
    project = document.get("project", {})
    if "dependencies" in project.get("dynamic", ()):
        raise RequirementsError(f"{path}: its dependencies are dynamic", "write them to a requirements file first")
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
    return lines, project.get("requires-python", "")


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
