"""Editable projects of an environment: folders of this machine that every run in it may read, and imports modules from.

They are named in the manifest, which may have come with a clone or a copy: a folder is shared only if this user made the
environment with it here, which the known environments remember (`wenv.environment.known`).
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from wenv.environment.manifest import Environment, PackageLayer
from wenv.errors import MissingProjectError, UngrantedProjectError
from wenv.launcher.guest_paths import guest_path
from wenv.locations import ENVIRONMENT_FOLDER
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.requirements import bracketed


@dataclass(frozen=True, slots=True)
class SharedProject:
    """One of them: its folder on the host, and as guest paths the folder, its `roots` for ``sys.path``, and `built`, the folder
    with what its build added."""

    host: str
    guest: str
    roots: tuple[str, ...]
    built: str

    @property
    def entry(self) -> tuple[str, str, list[str], str]:
        """As plain data, for launch plans."""
        return self.host, self.guest, list(self.roots), self.built


def shared_projects(environment: Environment) -> tuple[SharedProject, ...]:
    """The editable projects of an environment.

    Raises what `check_granted` does, and MissingProjectError for one whose folder is not there, or does not lead where it did.
    """
    check_granted(environment)
    return tuple(map(_shared, environment.editables))


def check_granted(environment: Environment) -> None:
    """Raises UngrantedProjectError if an environment has editable projects and was not made with them on this machine."""
    if environment.editables and not environment.are_editables_granted():
        first = environment.editables[0]
        raise UngrantedProjectError(environment.label, first.name, _folder(first), _again(environment, first))


def _folder(package: PackageLayer) -> str:
    assert package.editable is not None
    return package.editable.folder


def _again(environment: Environment, package: PackageLayer) -> str:
    """What to name when it is made again, as a word of a command line: the folder of the project that the environment lies in,
    if it does, with the extras that were asked for."""
    beside = environment.folder.parent
    is_beside = environment.folder.name == ENVIRONMENT_FOLDER and _is_project(beside)
    lines = [line.text for line in environment.asked_for.requirements if line.name == package.name]
    extras = bracketed({extra for text in lines for extra in Requirement(text).extras})
    return shlex.quote(f"{beside if is_beside else _folder(package)}{extras}")


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg"))


def _shared(package: PackageLayer) -> SharedProject:
    assert package.editable is not None
    host = package.editable.folder
    if not Path(host).is_dir() or os.path.realpath(host) != host:
        raise MissingProjectError(package.name, host)
    guest = guest_path(host)
    roots = tuple(f"{guest}/{root}".rstrip("/") for root in package.editable.roots)
    return SharedProject(host, guest, roots, f"{package.guest_base}/{SITE_PACKAGES}")
