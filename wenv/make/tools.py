"""Tools: console scripts of packages, each in an environment of its own; installed ones are commands of the user's."""

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv.environment.kinds import Choice
from wenv.environment.known import exists
from wenv.environment.manifest import Environment, load
from wenv.errors import UsageError, WenvError
from wenv.locations import commands_folder, tool_environments
from wenv.make.choose_runtime import first_solution
from wenv.make.create import create
from wenv.make.remove import remove
from wenv.make.scripts import environment_of
from wenv.make.wanted import Wanted
from wenv.policy.policy import Policy
from wenv.run.bin import BIN
from wenv.runtimes.workspace import Workspace
from wenv.snapshot.contents import console_scripts
from wenv_cache.store import Store
from wenv_resolver.progress import Progress

_NAME_AT_VERSION = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*(\[[\w, .-]*\])?)@(?P<version>[\w.!+-]+)")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is named: its requirement, its command, and whether the newest version is to be looked for."""

    requirement: str
    command: str
    is_latest: bool = False

    @classmethod
    def named(cls, word: str, package: str | None = None) -> "Tool":
        """From a word of a command line: ``NAME``, ``NAME@VERSION``, ``NAME@latest`` or a requirement, with the command of its
        name; or a command of `package`.

        Raises UsageError.
        """
        if package is not None:
            return cls(package, word)
        requirement, is_latest = word, False
        if match := _NAME_AT_VERSION.fullmatch(word):
            is_latest = match["version"] == "latest"
            requirement = match["name"] if is_latest else f"{match['name']}=={match['version']}"
        try:
            return cls(requirement, Requirement(requirement).name, is_latest)
        except InvalidRequirement:
            raise UsageError(f"{word} is no package", "`--from REQUIREMENT COMMAND` names a package and its command") from None


@dataclass(frozen=True, slots=True)
class Installed:
    """A tool that is installed: its package's version, its console scripts, those of them that are commands, and its folder."""

    name: str
    version: str
    scripts: tuple[str, ...]
    commands: tuple[str, ...]
    folder: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def environment_for(workspace: Workspace, tool: Tool, extra: Sequence[str], progress: Progress) -> Environment:
    """The environment to run a tool in: the installed tool's if that is meant, else one that is made at first and kept.

    Raises what `create` does.
    """
    folder = tool_environments() / canonicalize_name(tool.requirement)
    if not extra and not tool.is_latest and tool.requirement == tool.command and exists(folder):
        return load(folder)
    label = f"{tool.command} (tool)"
    return environment_of(
        workspace, None, None, [tool.requirement, *extra], None, progress, label=label, refresh=tool.is_latest
    )  # fmt: skip


def check_command(store: Store, environment: Environment, command: str) -> None:
    """Raises WenvError, with the console scripts that there are, if there is none of that name."""
    scripts = console_scripts(store, environment.packages)
    if command not in scripts:
        there = ", ".join(f"`--from PACKAGE {name}`" for name in scripts)
        raise WenvError(
            f"no package of the tool brings a command called {command}",
            f"there are {there}" if there else "it brings no commands at all: `wenv run --with PACKAGE -m MODULE` may be meant",
        )


def install(
    workspace: Workspace, tool: Tool, extra: Sequence[str], progress: Progress, *, force: bool = False, again: bool = False
) -> Installed:
    """Make a tool's environment, and commands of its console scripts.

    Raises WenvError for a tool that is there (unless `again`), or for a command that is there and not the tool's (unless
    `force`); and what `create` does.
    """
    name = canonicalize_name(Requirement(tool.requirement).name)
    folder = tool_environments() / name
    if exists(folder) and not (again or force):
        raise WenvError(f"{name} is installed", f"`wenv tool upgrade {name}` upgrades it, --force makes it again")
    wanted, was_there = Wanted((tool.requirement, *extra)), exists(folder)
    solution = first_solution(workspace, Choice.AUTO, wanted, progress, refresh=again or tool.is_latest)
    previous = _commands_of(folder)
    made = create(folder, solution, Policy(), progress, clear=True)
    own = _own_scripts(workspace.store, made, name)
    if not own:
        remove(workspace.store, folder)
        raise WenvError(f"{name} brings no commands", "`wenv run --with PACKAGE -m MODULE` may be meant")
    target = commands_folder()
    if not force and (taken := [each for each in own if each not in previous and os.path.lexists(target / _file_name(each))]):
        if not was_there:
            remove(workspace.store, folder)
        raise WenvError(f"{target / _file_name(taken[0])} is there and was not made by this tool", "--force overwrites it")
    target.mkdir(parents=True, exist_ok=True)
    for command in {*previous} - {*own}:
        (target / _file_name(command)).unlink(missing_ok=True)
    for command in own:
        _write_command(target / _file_name(command), folder, command)
    return _installed(workspace.store, folder)


def _own_scripts(store: Store, environment: Environment, name: str) -> list[str]:
    """The console scripts of the package itself, not of what it needs."""
    return list(console_scripts(store, [package for package in environment.packages if package.name == name]))


def _file_name(command: str) -> str:
    return f"{command}.cmd" if os.name == "nt" else command


def _write_command(path: Path, folder: Path, command: str) -> None:
    path.unlink(missing_ok=True)
    if os.name == "nt":
        path.write_text(f'@call "{folder / BIN / _file_name(command)}" %*\r\n', "utf-8")
    else:
        path.symlink_to(folder / BIN / command)


def _commands_of(folder: Path) -> list[str]:
    """The commands that lead to a tool's environment."""
    found = []
    for path in commands_folder().glob("*"):
        with_words = os.name == "nt" and path.suffix == ".cmd" and str(folder / BIN) in path.read_text("utf-8", "replace")
        if with_words or (path.is_symlink() and path.readlink().parent == folder / BIN):
            found.append(path.name.removesuffix(".cmd") if with_words else path.name)
    return sorted(found)


def installed(store: Store) -> list[Installed]:
    """All tools that are installed, by name."""
    return [_installed(store, folder) for folder in sorted(tool_environments().glob("*")) if exists(folder)]


def _installed(store: Store, folder: Path) -> Installed:
    environment = load(folder)
    version = next((package.version for package in environment.packages if package.name == folder.name), "")
    scripts = tuple(_own_scripts(store, environment, folder.name))
    return Installed(folder.name, version, scripts, tuple(_commands_of(folder)), str(folder))


def tool_folder(name: str) -> Path:
    """The folder of an installed tool's environment; raises WenvError."""
    folder = tool_environments() / canonicalize_name(name)
    if not exists(folder):
        raise WenvError(f"{name} is not installed", "`wenv tool list` lists what is")
    return folder


def upgrade(workspace: Workspace, name: str, progress: Progress) -> tuple[str, Installed, str]:
    """Give a tool the newest versions that its requirements allow; returns the version before, the tool, and its requirement.

    Raises what `install` does.
    """
    folder = tool_folder(name)
    before = _installed(workspace.store, folder).version
    lines = load(folder).asked_for.requirements
    own = next(line for line in lines if line.name == folder.name)
    others = [line.text for line in lines if line is not own]
    return before, install(workspace, Tool(own.text, folder.name), others, progress, again=True), own.text


def uninstall(store: Store, name: str) -> list[str]:
    """Delete a tool's environment and its commands; returns these.  Raises WenvError."""
    folder = tool_folder(name)
    commands = _commands_of(folder)
    for command in commands:
        (commands_folder() / _file_name(command)).unlink(missing_ok=True)
    remove(store, folder)
    return commands
