"""wenv's errors and its exit statuses."""

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

from wenv.launcher import traps
from wenv.version import __version__
from wenv_cache.errors import UserError


class Exit(IntEnum):
    """Exit statuses of the command line.  A program that ran gives its own status, 0 to 255."""

    OK = 0
    FAILURE = 1
    """The command could not do what was asked."""
    USAGE = 2
    """The command line was wrong."""
    MEMORY_LIMIT = 116
    """`run`: the program did not catch that its memory limit was reached."""
    OUTPUT_LIMIT = traps.OUTPUT_LIMIT
    """`run`: the program was stopped at its output limit."""
    DISK_LIMIT = traps.DISK_LIMIT
    """`run`: the program was stopped at its limit of bytes or files on the disk, or did not catch that it was reached."""
    FILES_LIMIT = 119
    """`run`: the program did not catch that it has as many files open as it may."""
    TIME_LIMIT = traps.TIME_LIMIT
    """`run`: the program was stopped at its time limit."""
    NOT_STARTED = 125
    """`run` and `shell`: the program was not started."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TRAPPED = traps.TRAPPED
    """`run` and `shell`: the sandbox stopped the program (stack exhausted, abort, out of memory in C code)."""


class WenvError(UserError):
    """Something wenv was asked to do and cannot."""


class UsageError(WenvError):
    """Options or arguments that do not go together."""


class NoEnvironmentError(WenvError):
    """No environment where one was looked for."""

    def __init__(self, place: str, hint: str = "make one with `wenv create`, or name one with -n or --path") -> None:
        super().__init__(f"no environment {place}", hint)


class EnvironmentExistsError(WenvError):
    """An environment stands where a new one shall be made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} already holds an environment",
            "--clear replaces it; `wenv install` adds to it",
        )


class DamagedEnvironmentError(WenvError):
    """A manifest that cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}", "make it anew with `wenv create --clear`, or `wenv remove` it")
        self.path = path


class NewerFormatError(DamagedEnvironmentError):
    """A manifest that a later version of wenv wrote."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        words = f"{path} has format {found}, and this wenv ({__version__}) reads formats up to {known}"
        WenvError.__init__(self, words, "a newer wenv reads it: install the version that it was made with, or a later one")
        self.path = path


class ForeignEnvironmentError(WenvError):
    """An environment of another user, found where anybody could have put it."""

    def __init__(self, folder: Path, variable: str) -> None:
        super().__init__(
            f"{folder} belongs to another user, and is not used unless you trust it",
            f"`wenv trust {folder.parent}`, or {variable}={folder.parent} for one command; --path names another environment",
        )


class LinkedEnvironmentError(WenvError):
    """An environment's folder that is a link: what it leads to may not be this project's."""

    def __init__(self, folder: Path, target: Path) -> None:
        super().__init__(f"{folder} is a link to {target}, and is not followed", f"--path {target} names that environment")


class UngrantedProjectError(WenvError):
    """An environment with an editable project that this user did not make on this machine: its folder is not shared."""

    def __init__(self, label: str, name: str, folder: str, again: str) -> None:
        super().__init__(
            f"{label} would share {folder} (the editable project {name}), and was not made on this machine with it",
            f"`wenv create --clear -e {again}` makes it again",
        )


class MissingProjectError(WenvError):
    """The folder of an editable project is gone."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(
            f"{folder}, the folder of the editable project {name}, is not there any more, or is a link now",
            f"`wenv install -e FOLDER` names where it is, `wenv uninstall {name}` takes it out",
        )


class StaleEnvironmentError(WenvError):
    """An environment made for a runtime that is not the installed one."""

    def __init__(self, made_for: str, installed: str) -> None:
        super().__init__(
            f"this environment was made for {made_for}, installed is {installed}", "`wenv install` moves it to the new one"
        )


class RequestError(WenvError):
    """What a project asks for cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}", "`wenv grant --help` lists what can be asked for")


class MountError(WenvError):
    """A folder that cannot be shared with the sandbox."""


class TrapError(WenvError):
    """The sandbox stopped the program."""

    status = Exit.TRAPPED


class TimeLimitError(TrapError):
    """The program reached its time limit."""

    status = Exit.TIME_LIMIT

    def __init__(self, seconds: float) -> None:
        super().__init__(traps.time_is_up(seconds))


class OutputLimitError(TrapError):
    """The program wrote more than it may; `size` in bytes."""

    status = Exit.OUTPUT_LIMIT

    def __init__(self, size: int) -> None:
        super().__init__(traps.too_much_output(size))


class DiskLimitError(TrapError):
    """The program keeps more on the disk than it may."""

    status = Exit.DISK_LIMIT

    def __init__(self, reason: str) -> None:
        super().__init__(traps.too_much_on_disk(reason))


class GuestAnswerError(WenvError):
    """A guest gave an answer that none of its services gives: its own code has been changed by what runs in it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: the sandbox's answer makes no sense: {reason}")


class RuntimeBuildError(WenvError):
    """The interpreter could not be made."""


class LinkError(WenvError):
    """Extension modules that cannot be linked with the interpreter; `packages` are names with versions."""

    def __init__(self, packages: Sequence[str], reason: str) -> None:
        self.packages = tuple(package.rpartition("-")[0] for package in packages)
        missing = re.findall(r"/\d+/([^/\s]+)/\S+ needs (\S+)", reason)
        if missing:
            words = "; ".join(
                f"{package} needs {', '.join(dict.fromkeys(name for other, name in missing if other == package))}"
                for package in dict.fromkeys(package for package, _ in missing)
            )
            self.packages = tuple(package.rpartition("-")[0] for package, _ in missing)
            super().__init__(f"{words}: not in the package, and nothing here has it", "nothing was changed")
            return
        super().__init__(f"the extension modules of {', '.join(packages)} cannot be linked with the interpreter: {reason}")


class UnacceptedWheelError(WenvError):
    """A wheel that was built here and whose extension modules cannot be imported."""

    def __init__(self, name: str, version: str, failures: Mapping[str, str]) -> None:
        self.name = name
        lines = "\n".join(f"  - import {module}: {reason}" for module, reason in failures.items())
        super().__init__(
            f"{name} {version} was built, and its extension modules do not work here:\n{lines}",
            f"nothing was changed; `wenv build --log {name}` shows how it was built",
        )
