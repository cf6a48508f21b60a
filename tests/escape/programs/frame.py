"""How attempts are named, tried and judged.

What an attempt returns, or raises, is one of four outcomes:

- ``refused``: an error, and nothing came of it;
- ``harmless``: it could be done, and reached nothing outside of the sandbox;
- ``succeeded``: it read or changed something outside;
- ``unclear``: an error that no attempt expects.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tests.escape.programs.given import GIVEN

Result = tuple[str, str]
#: What is tried: returns an outcome and a detail, or raises.
Program = Callable[[], Result]

ROOT, WORK, FIXED, OUTSIDE = GIVEN["root"], GIVEN["work"], GIVEN["fixed"], GIVEN["outside"]
STORE, DATA = GIVEN["store"], GIVEN["data"]
TMP, PYTHON, CODE, PRIVATE, DEV = (ROOT + name for name in ("/tmp", "/python", "/wenv/code", "/wenv/private", "/dev"))
LAYER = PYTHON + "/layers/zzvictim-1.0/site-packages/zzvictim/__init__.py"
LIBRARY = next((p for p in (PYTHON + "/os.py", PYTHON + "/os.pyc") if os.path.exists(p)), PYTHON + "/os.py")
#: Files that attempts try to change: one that is missing would be refused for the wrong reason.
TARGETS = (
    FIXED + "/plain.txt",
    LIBRARY,
    LAYER,
    CODE + "/0.bin",
    FIXED + "/.wenv/environment.json",
    FIXED + "/.wenv/bin/python",
)
#: From any folder of the sandbox to the root.
UP = "../" * 20
#: What stands in the host's files, variables and descriptors; in two parts, so that the program's own text does not hold it.
MARKS = ("FLAG-" + "7f3a9c", "HOST" + "SECRET-5521", "root:" + "x:0")
#: Names that only the host's folders hold.
HOST_NAMES = {"outside", "flag.txt", "etc", "usr", "root", "proc", "boot", "environment.json", "registered", "layers-v1"}


class RefusedError(Exception):
    """An attempt says itself that it came to nothing."""


#: What the sandbox, and Python where the platform lacks something, answer attempts with.
ANSWERS = (RefusedError, OSError, AttributeError, ImportError, ValueError, TypeError, RuntimeError, LookupError, EOFError)


class Attempt(NamedTuple):
    """`inside` says why the attempt is not tried, or cannot succeed, outside of a sandbox; empty: it succeeds there."""

    name: str
    program: Program
    inside: str


ATTEMPTS: list[Attempt] = []


def attempt(name: str, *, inside: str = "") -> Callable[[Program], Program]:
    """Name a program that says itself what came of it."""

    def register(program: Program) -> Program:
        ATTEMPTS.append(Attempt(name, program, inside))
        return program

    return register


def leaks(data: object) -> bool:
    """Whether something of the host's is in it."""
    text = data.decode("latin-1") if isinstance(data, (bytes, bytearray)) else data if isinstance(data, str) else repr(data)
    return any(mark in text for mark in MARKS)


def read(read_it: Callable[[], object]) -> Program:
    """An attempt to read: it succeeds if what it gets is the host's."""

    def program() -> Result:
        data = read_it()
        return "succeeded" if leaks(data) else "harmless", repr(data)[:60]

    return program


def content(path: "str | bytes", flags: int = os.O_RDONLY, dir_fd: "int | None" = None) -> bytes:
    """The beginning of a file, by the calls nearest to the system's."""
    descriptor = os.open(path, flags, dir_fd=dir_fd)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)


def change(change_it: Callable[[], object]) -> Program:
    """An attempt that must raise: where it returns, it succeeded."""

    def program() -> Result:
        return "succeeded", repr(change_it())[:60]

    return program


def plant(plant_it: Callable[[], object]) -> Program:
    """An attempt to change the folder outside.

    It may return and be harmless: a path below ``/tmp`` can be made in the run's own ``/tmp``.  The host's folder holds a flag.
    """

    def program() -> Result:
        done = repr(plant_it())[:60]
        try:
            there = leaks(content(OUTSIDE + "/flag.txt"))
        except OSError:
            there = False
        return "succeeded" if there else "harmless", done

    return program


def listing(list_it: Callable[[], "list[str]"]) -> Program:
    """An attempt to list a folder: it succeeds if a name is the host's."""

    def program() -> Result:
        names = sorted(os.fsdecode(name) for name in list_it())
        return "succeeded" if HOST_NAMES & set(names) else "harmless", repr(names)[:80]

    return program


def table(
    group: str, kind: "Callable[[Callable[[], object]], Program]", rows: "dict[str, Callable[[], object]]", inside: str = ""
) -> None:
    """Attempts of one kind, by name."""
    for name, function in rows.items():
        ATTEMPTS.append(Attempt(f"{group}: {name}", kind(function), inside))


def temporary(text: "str | None" = None) -> str:
    """A path in the run's ``/tmp`` that no attempt has used; with `text`, of a file."""
    global COUNT
    COUNT += 1
    path = f"{TMP}/t{COUNT}"
    if text is not None:
        with open(path, "w") as file:
            file.write(text)
    return path


COUNT = 0


def tried(one: Attempt) -> "dict[str, str]":
    """Try an attempt; its name, outcome and detail."""
    try:
        outcome, detail = one.program()
    except ANSWERS as error:
        outcome, detail = "refused", f"{type(error).__name__}: {error}"
    except BaseException as error:
        outcome, detail = "unclear", f"{type(error).__name__}: {error}"
    with suppress(OSError):  # an attempt may have moved it away
        os.chdir(WORK)
    if os.path.isdir(OUTSIDE) and not os.path.exists(OUTSIDE + "/flag.txt"):
        shutil.rmtree(OUTSIDE, ignore_errors=True)  # one of the run's own, below its /tmp: the next ones aim at the host's
    return {"name": one.name, "outcome": outcome, "detail": detail[:120]}


def main() -> None:
    """Try everything; one line of JSON for each, and a last one."""
    os.chdir(WORK)
    write = sys.stdout.write
    write("\n" + json.dumps({"targets": [path for path in TARGETS if os.path.exists(path)]}) + "\n")
    for one in ATTEMPTS:
        write("\n" + json.dumps(tried(one)) + "\n")  # an attempt may have left half a line
        sys.stdout.flush()
    write("\n" + json.dumps({"tried": len(ATTEMPTS)}) + "\n")
    sys.stdout.flush()
