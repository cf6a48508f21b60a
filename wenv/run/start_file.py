"""Start files: what a launch plan says, for the native launcher (wenv/launcher/native/start.c).

A start file is a sequence of texts, each ended by a zero byte; the first character of a text says what the rest is:

====== ==================================================================================================
``D``  the environment's folder
``S``  a file that must not have changed: size in bytes, time of modification in ns, inode (0: any), path
``G``  a file that must not be there
``V``  a variable that must be as it was: ``NAME=VALUE``, or ``NAME`` for one that must not be set
``O``  limits: bytes and number of files in private folders, files open at once
``K``  the folder that wenv is imported from; ``I`` the Python that has words for what stops a program
``L``  wasmtime's C library; ``Z`` the bytes of stack for WebAssembly
``C``  the compiled component, or module; ``B`` the baked one, used if every ``b`` (as ``V``) holds and at no ``A`` (a guest
       path) anything is found
``M``  of a module: the image of its memory, ``m`` the baked one; ``F`` and ``f`` the Python around the request
``U``  something is unusual (the policy grants something): Python knows how
``P``  a host folder that the guest may read, followed by ``p``, its guest path; ``W`` and ``w`` one that it may write to
``R``  a folder to make in the private folder, in this order; ``Q`` one of these that the guest is given, at ``q``
``X``  a guest folder that hides what the host has in it, or at it alone (``x``); ``H`` where that is found instead
``Y``  the guest's working folder if the host's is not shared
``N``  a variable that is passed on; ``E`` the others, as the inside of a JSON object
``T``  a console script, followed by ``t``, its entry point
``J``  the rest of the request, as the inside of a JSON object
``#``  the last: the CRC-32 of all before it, 8 hexadecimal digits
====== ==================================================================================================
"""

import json
import os
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.errors import WenvError
from wenv.guest.command_line import CommandLine
from wenv.launcher import guest_paths
from wenv.launcher import plan as plans
from wenv.launcher.c_api import MAIN, STACK
from wenv.launcher.limits import DISK, FILES, OPEN_FILES
from wenv.launcher.private import PrivateFolders
from wenv.launcher.program import Program
from wenv.launcher.request import TERMINAL_VARIABLES, request_of, terminal_variables
from wenv.locations import PACKAGE
from wenv.policy.policy import Policy

if TYPE_CHECKING:
    from wenv.launcher.plan import Baked, Plan
    from wenv.launcher.preopens import Preopen

#: The program, where it could be built (hatch_build.py).
LAUNCHER = PACKAGE / "launcher" / "native" / "start"


class UnwritableTextError(WenvError):
    """A text that a start file cannot hold exactly."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"a record {kind!r} of a start file cannot hold {text[:60]!r}")


def has_native_launcher() -> bool:
    """Whether runs can start without Python on the host."""
    return os.access(LAUNCHER, os.X_OK)


def path_of(registry: Path, folder: str) -> Path:
    """Where the start file for an environment's folder lies: beside its launch plan."""
    return registry / (guest_paths.folder_key(folder) + ".start")


def text_of(plan: "Plan") -> bytes:
    """The content of the start file; raises UnwritableTextError."""
    own = {**terminal_variables({}), **plan["read_only_variables"]}
    program = Program("code", "", CommandLine("code"))
    request = request_of(plan, program, plan["policy"], "/", [])
    fixed = {name: request[name] for name in ("code", "stubs", "flags", "limits", "control")}
    private = PrivateFolders(())
    before, after = MAIN.split("{request}")

    def given(writable: bool) -> "list[Preopen]":
        return [preopen for preopen in plan["preopens"] if preopen[2] == writable]

    records = [
        ("D", plan["folder"]),
        ("S", "{} {} {} {}".format(*plan["manifest"], Path(plan["folder"], guest_paths.MANIFEST_NAME))),
        *(("S", _stamp(path)) for path in (*filter(None, [plan["library"]]), *plans.guest_files())),
        *_requests(plan),
        *(("V", _assignment(name, value)) for name, value in zip(guest_paths.PLACE_VARIABLES, plan["places"], strict=True)),
        *([] if _is_usual(plan) else [("U", "")]),
        ("O", f"{DISK} {FILES} {OPEN_FILES}"),
        ("K", str(PACKAGE.parent)),
        ("I", bare_python()),
        ("L", plan["library"]),
        ("Z", str(STACK)),
        ("C", plan["component"]),
        *([("M", plan["memory"]), ("F", before), ("f", after)] if plan["memory"] else []),
        *_baked(plan["baked"], own),
        *(pair for host, guest, _ in given(False) for pair in (("P", host), ("p", guest))),
        *(pair for host, guest, _ in given(True) for pair in (("W", host), ("w", guest))),
        *(("R", folder) for folder in private.folders),
        *(pair for name, guest, _ in private.own for pair in (("Q", name), ("q", guest))),
        *(("X" if folder != guest_paths.TEMPORARY else "x", folder) for folder in guest_paths.RESERVED),
        ("H", guest_paths.ELSEWHERE),
        ("Y", guest_paths.TEMPORARY),
        *(("N", name) for name in TERMINAL_VARIABLES),
        ("E", json.dumps(own)[1:-1]),
        *(pair for name, entry in plan["scripts"].items() for pair in (("T", name), ("t", entry))),
        ("J", json.dumps(fixed)[1:-1]),
    ]
    content = b"".join(_record(kind, text) for kind, text in records)
    return content + b"#%08x\0" % zlib.crc32(content)


def bare_python() -> str:
    """The Python behind a virtual environment: it starts sooner, and looks for nothing."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _record(kind: str, text: str) -> bytes:
    """One text; raises UnwritableTextError unless exactly this text will be read."""
    if "\0" in text:
        raise UnwritableTextError(kind, text)
    try:
        return os.fsencode(kind + text) + b"\0"
    except UnicodeEncodeError as error:
        raise UnwritableTextError(kind, text) from error


def _is_usual(plan: "Plan") -> bool:
    """Whether the native launcher can do what the plan says."""
    return plan["policy"] == Policy().as_json() and bool(plan["library"])


def _requests(plan: "Plan") -> "list[tuple[str, str]]":
    """The files in which a project may ask for something: as they are, or still not there."""
    found = []
    for name, stamp in zip(guest_paths.REQUEST_FILES, plan["requests"], strict=True):
        path = Path(plan["folder"]).parent / name
        found.append(("S", f"{stamp[0]} {stamp[1]} {stamp[2]} {path}") if stamp else ("G", str(path)))
    return found


def _stamp(path: str) -> str:
    status = Path(path).stat()
    return f"{status.st_size} {status.st_mtime_ns} 0 {path}"


def _assignment(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


def _baked(baked: "Baked | None", own: dict[str, str]) -> list[tuple[str, str]]:
    """The baked component, unless a variable that its modules looked at has another value in every run."""
    if baked is None:
        return []
    open_ones = [name for name in baked["variables"] if name in TERMINAL_VARIABLES and name not in own]
    if any(own.get(name) != value for name, value in baked["variables"].items() if name not in open_ones):
        return []
    conditions = [("b", _assignment(name, baked["variables"][name])) for name in open_ones]
    conditions += [("A", path) for path in baked["absent"]]
    return [("B", baked["component"]), *([("m", baked["memory"])] if baked["memory"] else []), *conditions]
