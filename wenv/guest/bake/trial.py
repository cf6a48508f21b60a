"""Finds out, in a run of its own that is thrown away, what a module does while it is imported: whether it can be baked."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, ClassVar, TypedDict

from ..imports import importer
from ..platform import threads
from ..program import program
from ..request import Request
from . import baking

#: Files that are the same in every run.
OWN = ("/python/", "/wenv/")
#: Flags of a file that is opened to be changed.
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
#: Caches that are made again where they are missing: they may be left among the temporary files.
CACHES = ("/tmp/.matplotlib/fontlist-",)
#: Audit events of access to files, and what to call them.
ACCESSES = {"open": "opens", "os.listdir": "lists", "os.scandir": "lists"} | dict.fromkeys(
    ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.utime"), "changes"
)


class Order(TypedDict):
    """What to import, in which run.

    `renewed` says that every run begins with the variables that were set and the temporary folders that were made; `looked_for`
    that before each run the host looks for what was looked for in vain.
    """

    request: Request
    module: str
    renewed: bool
    looked_for: bool


class Verdict(TypedDict):
    """What came of it.

    `against` says why the module cannot be baked, empty if it can; `variables` are environment variables it looked at, `absent`
    files that it looked for and did not find.
    """

    against: str
    variables: list[str]
    absent: list[str]
    files: list[str]
    """Source files of all modules that were in memory then."""


class _Watched(os._Environ):  # type: ignore[type-arg]
    """`os.environ`, remembering which variables were asked for."""

    names: ClassVar[set[str]] = set()
    whole = changed = False

    def __getitem__(self, key: str) -> str:
        type(self).names.add(os.fsdecode(key))  # `os.get_exec_path` asks by bytes, too
        value: str = super().__getitem__(key)
        return value

    def __iter__(self) -> Iterator[str]:
        type(self).whole = True
        return super().__iter__()

    def __setitem__(self, key: str, value: str) -> None:
        type(self).changed = True
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        type(self).changed = True
        super().__delitem__(key)


def trial(order: Order) -> Verdict:
    """Import the module and watch it."""
    program.prepare(order["request"])
    against: list[str] = []
    absent: set[str] = set()
    _watch(against, absent if order["looked_for"] else None, renewed=order["renewed"])
    try:
        importlib.import_module(order["module"])
    except BaseException as error:
        against.append(f"its import fails: {type(error).__name__}: {error}")
    os.environ.__class__ = os._Environ
    if _Watched.whole:
        against.append("it reads all environment variables")
    if order["renewed"]:
        against += [f"it leaves {path}" for path in _temporary_files() if not path.startswith(CACHES)]
    else:
        if threads.started:
            against.append("it starts threads")
        if _Watched.changed:
            against.append("it sets environment variables")
    importer.close()
    if program.files_left_open():
        against.append("it leaves files open")
    if any(getattr(sys, name) is not getattr(sys, f"__{name}__") for name in ("stdin", "stdout", "stderr")):
        against.append("it replaces a standard stream")
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    files = sorted({str(spec.origin) for spec in specs if spec is not None and spec.has_location})
    return {
        "against": "; ".join(dict.fromkeys(against)),
        "variables": sorted(_Watched.names),
        "absent": sorted(absent),
        "files": files,
    }


def _temporary_files() -> list[str]:
    return [f"{folder}/{name}" for folder, _, files in os.walk(baking.TEMPORARY) for name in files]


def _watch(against: list[str], absent: set[str] | None, *, renewed: bool) -> None:
    """Note what a module must not depend on: anything that is outside the snapshot.

    What it only looks for in vain goes to `absent`, if that is a set.  If every run begins with the temporary files that were
    made, these are its own affair.
    """

    def note(what: str, path: str, writing: bool = False) -> None:
        if f"{path}/".startswith(OWN):
            return
        if f"{path}/".startswith(f"{baking.TEMPORARY}/"):
            if renewed:
                return
        elif absent is not None and not writing and not os.access(path, os.F_OK) and ".." not in path.split("/"):
            absent.add(path)
            return
        against.append(f"it {what} {path}")

    os.environ.__class__ = _Watched

    def watched(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            path = arguments[0] if arguments else "."
            if isinstance(path, (str, bytes, os.PathLike)) and not _is_import():
                note(what, os.fsdecode(path))
            return function(*arguments, **keywords)

        return call

    os.stat, os.lstat = watched(os.stat, "looks at"), watched(os.lstat, "looks at")
    os.isatty = _asked(os.isatty, "it asks whether it writes to a terminal", against)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        asking = _asked(stream.isatty, "it asks whether it writes to a terminal", against)
        stream.isatty = asking  # type: ignore[method-assign]
    getcwd = os.getcwd

    def asked() -> str:
        name = sys._getframe(1).f_globals.get("__name__")
        if not _is_import() and name not in baking.WORKING_DIRECTORY:
            against.append("it asks for the working directory")
        return getcwd()

    os.getcwd = asked

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        path = arguments[0] if arguments else None
        if isinstance(path, str) and event in ACCESSES and not _is_import():
            writing = event == "open" and bool(arguments[2] & WRITING)
            note(ACCESSES[event], path, writing or ACCESSES[event] == "changes")

    sys.addaudithook(audit)


def _asked(function: Callable[..., Any], what: str, against: list[str]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        against.append(what)
        return function(*arguments, **keywords)

    return call


def _is_import() -> bool:
    """Whether CPython's own search for modules asks."""
    frame: FrameType | None = sys._getframe(2)
    return frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")
