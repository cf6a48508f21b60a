"""Reads everything that a user asks for: names, requirements files, projects and scripts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from wenv_resolver.errors import RequirementsError
from wenv_resolver.foreign import is_foreign, read_foreign
from wenv_resolver.pip_settings import Settings
from wenv_resolver.pyproject import NAME, Project, read_groups, read_pyproject, read_sources
from wenv_resolver.requirements import IndexOptions, Line, Requested, folder_of
from wenv_resolver.target import Target

#: How files end that pip takes for archives, though their names could be a package's.
ARCHIVES = (".zip", ".whl", ".tar", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".tlz", ".lz", ".lzma")
LARGEST_PLAIN = 1 << 20
_COMMENT = re.compile(r"(^|\s+)#.*$")


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that was asked for, read; `pythons` are the versions of Python that projects want, with their file.

    `warnings` are what a user should hear of it.
    """

    requested: Requested
    pythons: tuple[tuple[Path, str], ...] = ()
    warnings: tuple[str, ...] = ()

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
    editables: Sequence[str] = (),
) -> Gathered:
    """Read everything that was asked for.  `extras` and `groups` are of the pyproject.toml among `files`; without one, `groups`
    are of that in the working folder.

    `editables` are folders of projects (with extras), which the user named.  A file can name only folders that lie beside it:
    others are built, as what is shared with a sandbox is not for a file to say.  Raises RequirementsError for what cannot be
    read.
    """
    options = options or IndexOptions()
    requested, pythons, warnings = Requested((), (), options), [], []
    for path in files:
        if path.name == NAME or is_foreign(path):
            project = read_pyproject(path, extras, groups) if path.name == NAME else read_foreign(path, extras, groups)
            pythons.append((path, project.python))
            found = _of_project(project, path)
        else:
            found = _plain_file(path) or _pips().read_requirements_file(path, options)
        found, outside = _editables_beside(path, found)
        warnings += outside
        if not found.requirements and not found.constraints and path.suffix != ".py":  # a script may need nothing
            warnings.append(f"{path} names no requirement")
        requested = _joined(requested, found)
    if (extras or groups) and not any(path.name in (NAME, "setup.cfg") for path in files):
        if extras or not Path(NAME).is_file():
            hint = "-r pyproject.toml, or '.[EXTRA]'" if extras else "there is none here: give it with -r pyproject.toml"
            raise RequirementsError("--extra and --group need a pyproject.toml", hint)
        # the project's own dependencies come with its name, folder or file
        requested = _joined(requested, _of_project(read_groups(Path(NAME), groups), Path(NAME)))
    for file in constraint_files:
        requested = _joined(requested, _pips().read_requirements_file(file, options, constraint=True))
    given = [_line(_package(name), "command line") for name in names]
    given += [_pips().read_requirement(_folder(name), origin="command line", editable=True) for name in editables]
    requested = _joined(requested, Requested(tuple(given)))
    return Gathered(_with_sources(requested, warnings), tuple(pythons), tuple(warnings))


def _with_sources(requested: Requested, warnings: list[str]) -> Requested:
    """The same with what [tool.uv] says in the projects of which the folders are named, and in the folders named there."""
    waiting, seen = [*requested.requirements, *requested.constraints], set[Path]()
    while waiting:
        line = waiting.pop()
        if (path := _project_file(line.text)) is None or path in seen:
            continue
        seen.add(path)
        extras = Requirement(line.text).extras if " @ " in line.text else set()
        found, outside = _editables_beside(path, _of_project(read_sources(path, extras), path))
        warnings += outside
        waiting += [*found.requirements, *found.constraints]
        requested = _joined(requested, found)
    return requested


def _project_file(text: str) -> Path | None:
    """The pyproject.toml in the folder that a requirement names; None if it names none, or there is no such file."""
    if " @ file:" not in text and not text.startswith("file:"):
        return None
    path = folder_of(text) / text.partition("#subdirectory=")[2].partition(" ;")[0] / NAME
    return path if path.is_file() else None


def _of_project(project: Project, path: Path) -> Requested:
    """What a project's file asks for."""
    lines, limits = ([_line(line, str(path)) for line in each] for each in (project.lines, project.constraints))
    lines = [replace(line, editable=line.name in project.editable and " @ file:" in line.text) for line in lines]
    return Requested(tuple(lines), tuple(limits), project.options)


def as_configured(requested: Requested, settings: Settings) -> Requested:
    """The same with the constraints that pip is configured with.

    Raises RequirementsError where pip is configured to require hashes, and there is none, or in a way that is not obeyed.
    """
    for file in settings.constraint_files:
        requested = _joined(requested, _pips().read_requirements_file(Path(file), requested.options, constraint=True))
    if unheeded := settings.unheeded:
        raise RequirementsError(
            f"pip is configured with {unheeded}, which is not obeyed here", f"give the option --{unheeded} in its place"
        )
    if settings.requires_hashes and (bare := [line.text for line in requested.requirements if not line.hashes]):
        raise RequirementsError(f"pip is configured to require hashes, and there is none for {', '.join(bare)}")
    return requested


def _pips() -> ModuleType:
    """pip's own reading, which takes half a second to be imported."""
    from wenv_resolver.pip_internals import requirements

    return requirements


def _line(text: str, origin: str) -> Line:
    """A requirement as pip reads it; a name with specifiers and a marker needs no pip for that."""
    return _plain_line(text, origin) or _pips().read_requirement(text, origin)


def _plain_line(text: str, origin: str) -> Line | None:
    """A requirement of a name, specifiers and a marker; None for anything else, such as a path, an address, or a mistake."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    if requirement.url is not None or requirement.name.endswith(ARCHIVES):
        return None
    marker, requirement.marker = requirement.marker, None
    return Line(f"{requirement} ; {marker}" if marker is not None else str(requirement), (), origin)


def _plain_file(path: Path) -> Requested | None:
    """A requirements file that holds nothing but such lines and comments; None for any other, which pip reads."""
    try:
        if path.stat().st_size > LARGEST_PLAIN or not path.is_file():
            return None
        text = path.read_bytes().decode("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    lines = []
    for number, written in enumerate(text.splitlines(), 1):
        bare = _COMMENT.sub("", written).strip()
        line = _plain_line(bare, f"-r {path} (line {number})") if bare else None
        if bare and (line is None or "$" in bare or "\\" in bare):
            return None
        if line is not None:
            lines.append(line)
    return Requested(tuple(lines))


def _package(name: str) -> str:
    """A word of a command line, unless it certainly names no package.  Raises RequirementsError."""
    path, bare = Path(name.partition("[")[0]), Requirement(name).name if _is_requirement(name) else ""
    if bare == name and (path.name == NAME or is_foreign(path) or path.suffix in (".txt", ".in")):
        raise RequirementsError(f"{name} is the name of a file, not of a package", f"-r {name} takes what it names")
    if not bare and path.name.startswith(".") and "/" not in name and path.name != "..":
        raise RequirementsError(f"{name} is no package", f"--path {name} says where an environment lies")
    if not bare and "://" not in name and " @ " not in name and _is_path(name) and not path.exists():
        raise RequirementsError(f"no such file or folder: {name}")
    return name


def _folder(name: str) -> str:
    """The folder of a project, with extras, so that it cannot be taken for a package's name.  Raises RequirementsError."""
    if "://" in name:
        return name
    path, bracket, extras = name.partition("[")
    if not Path(path).expanduser().is_dir():
        raise RequirementsError(f"-e {name}: not a project's folder here", "-e takes a folder; without it, names of packages")
    return f"{Path(path).expanduser().absolute()}{bracket}{extras}"


def _editables_beside(path: Path, found: Requested) -> tuple[Requested, list[str]]:
    """What a file names, its editable folders built where they do not lie beside it; and what is to be said of these."""
    editable = {line: folder_of(line.text) for line in found.requirements if line.editable}
    outside = {line: folder for line, folder in editable.items() if not lies_beside(path, folder)}
    lines = tuple(replace(line, editable=line.editable and line not in outside) for line in found.requirements)
    return replace(found, requirements=lines), [not_shared(path, folder) for folder in outside.values()]


def lies_beside(path: Path, folder: Path) -> bool:
    """Whether a folder is that of a file, or lies in it."""
    return folder.resolve().is_relative_to(path.absolute().parent.resolve())


def not_shared(path: Path, folder: Path) -> str:
    """What is said of an editable folder that a file names and that does not lie beside it."""
    return f"{path}: {folder} does not lie beside it, and is built as it is now (the option -e {folder} keeps it current)"


def _is_path(name: str) -> bool:
    return name.startswith(("./", "../", "/", "~")) or name.endswith((".whl", ".tar.gz", ".zip"))


def _is_requirement(name: str) -> bool:
    try:
        return bool(Requirement(name))
    except InvalidRequirement:
        return False


def _joined(first: Requested, second: Requested) -> Requested:
    """Both: unlike in `Requested.merged`, a project asked for twice must satisfy both requirements."""
    return Requested(
        tuple(dict.fromkeys(first.requirements + second.requirements)),
        tuple(dict.fromkeys(first.constraints + second.constraints)),
        first.options.merged(second.options),
    )


def _check_python(path: Path, specifier: str, target: Target) -> None:
    try:
        fits = SpecifierSet(specifier).contains(target.markers["python_full_version"], prereleases=True)
    except InvalidSpecifier as error:
        raise RequirementsError(f"{path}: requires-python: {error}") from error
    if not fits:
        here = target.markers["python_full_version"]
        way = "widen requires-python where the project allows it, or write what it needs to a requirements file"
        raise RequirementsError(f"{path} requires Python {specifier}; the runtime is {here}", way)
