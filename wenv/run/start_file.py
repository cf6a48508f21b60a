"""Start files: what a launch plan says, for the native launcher (wenv/launcher/native/start.c).

A start file is a sequence of texts, each ended by a zero byte; the first character of a text says what the rest is (`Record`).
"""

import json
import os
import sys
import zlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.errors import WenvError
from wenv.guest.command_line import CommandLine
from wenv.launcher import guest_paths
from wenv.launcher import plan as plans
from wenv.launcher.c_api import MAIN, STACK
from wenv.launcher.limits import DISK, FILES, OPEN_FILES
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.program import Program
from wenv.launcher.request import TERMINAL_VARIABLES, request_of, terminal_variables
from wenv.locations import PACKAGE
from wenv.policy.policy import Policy

if TYPE_CHECKING:
    from wenv.launcher.plan import Baked, Plan
    from wenv.launcher.preopens import Preopen

#: The program, where it could be built (hatch_build.py).
LAUNCHER = PACKAGE / "launcher" / "native" / "start"


#: What a request says alike in every run.
FIXED = ("code", "stubs", "editables", "databases", "flags", "limits", "host", "functions", "process", "control")


class Record(StrEnum):
    """The kinds of texts.  The native launcher's names for them are made of these (tests/launcher/agreed.py)."""

    FOLDER = "D"
    """The environment's folder."""
    SAME_FILE = "S"
    """A file that must not have changed: size in bytes, time of modification in ns, inode (0: any), path."""
    NO_FILE = "G"
    """A file that must not be there."""
    VARIABLE = "V"
    """A variable that must be as it was: ``NAME=VALUE``, or ``NAME`` for one that must not be set."""
    LIMITS = "O"
    """Bytes and number of files in private folders, files open at once."""
    PACKAGE = "K"
    """The folder that wenv is imported from."""
    PYTHON = "I"
    """The Python that has words for what stops a program."""
    LIBRARY = "L"
    """wasmtime's C library."""
    STACK = "Z"
    """The bytes of stack for WebAssembly."""
    CODE = "C"
    """The compiled component, or module."""
    BAKED_CODE = "B"
    """The baked one, used if every `BAKED_VARIABLE` holds and nothing is found at any `BAKED_ABSENT`."""
    BAKED_VARIABLE = "b"
    """As `VARIABLE`."""
    BAKED_ABSENT = "A"
    """A guest path."""
    MEMORY = "M"
    """Of a module: the image of its memory."""
    BAKED_MEMORY = "m"
    """The baked one."""
    BEFORE = "F"
    """Of a module: the Python before the request."""
    AFTER = "f"
    """The Python after it."""
    UNUSUAL = "U"
    """The policy grants something: Python knows how."""
    READ = "P"
    """A host folder that the guest may read, followed by `READ_AS`, its guest path."""
    READ_AS = "p"
    WRITE = "W"
    """A host folder that the guest may write to, followed by `WRITE_AS`, its guest path."""
    WRITE_AS = "w"
    PRIVATE = "R"
    """A folder to make in the private folder, in this order."""
    OWN = "Q"
    """One of these that the guest is given, followed by `OWN_AS`, its guest path."""
    OWN_AS = "q"
    HIDDEN_BELOW = "X"
    """A guest folder that hides what the host has in it."""
    HIDDEN = "x"
    """A guest folder that hides what the host has at it, and nothing below."""
    ELSEWHERE = "H"
    """Where the guest finds what is hidden."""
    DIRECTORY = "Y"
    """The guest's working folder if the host's is not shared."""
    PASSED = "N"
    """A variable that is passed on."""
    ENVIRONMENT = "E"
    """The other variables, as the inside of a JSON object."""
    SCRIPT = "T"
    """A console script, followed by `ENTRY_POINT`."""
    ENTRY_POINT = "t"
    REQUEST = "J"
    """The rest of the request, as the inside of a JSON object."""
    CHECKSUM = "#"
    """The last: the CRC-32 of all before it, 8 hexadecimal digits."""


class UnwritableTextError(WenvError):
    """A text that a start file cannot hold exactly."""

    def __init__(self, kind: Record, text: str) -> None:
        super().__init__(f"a record {kind.value!r} of a start file cannot hold {text[:60]!r}")


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
    fixed = {name: value for name, value in request.items() if name in FIXED}
    editables = [(host, guest, False) for host, guest, _, _ in plan["editables"]]
    private = PrivateFolders(guest for _, guest, _ in editables)
    before, after = MAIN.split("{request}")

    def given(writable: bool) -> "list[Preopen]":
        return [preopen for preopen in (*plan["preopens"], *editables) if preopen[2] == writable]

    records: list[tuple[Record, str]] = [
        (Record.FOLDER, plan["folder"]),
        (Record.SAME_FILE, "{} {} {} {}".format(*plan["manifest"], Path(plan["folder"], guest_paths.MANIFEST_NAME))),
        *((Record.SAME_FILE, _stamp(path)) for path in (*filter(None, [plan["library"]]), *plans.guest_files())),
        *_requests(plan),
        *(
            (Record.VARIABLE, _assignment(name, value))
            for name, value in zip(guest_paths.PLACE_VARIABLES, plan["places"], strict=True)
        ),
        *([] if _is_usual(plan) else [(Record.UNUSUAL, "")]),
        (Record.LIMITS, f"{DISK} {FILES} {OPEN_FILES}"),
        (Record.PACKAGE, str(PACKAGE.parent)),
        (Record.PYTHON, bare_python()),
        (Record.LIBRARY, plan["library"]),
        (Record.STACK, str(STACK)),
        (Record.CODE, plan["component"]),
        *([(Record.MEMORY, plan["memory"]), (Record.BEFORE, before), (Record.AFTER, after)] if plan["memory"] else []),
        *_baked(plan["baked"], own),
        *(pair for host, guest, _ in given(False) for pair in ((Record.READ, host), (Record.READ_AS, guest))),
        *(pair for host, guest, _ in given(True) for pair in ((Record.WRITE, host), (Record.WRITE_AS, guest))),
        *((Record.PRIVATE, folder) for folder in private.folders),
        *(pair for name, guest, _ in private.own for pair in ((Record.OWN, name), (Record.OWN_AS, guest))),
        *(
            (Record.HIDDEN if folder == guest_paths.TEMPORARY else Record.HIDDEN_BELOW, folder)
            for folder in guest_paths.RESERVED
        ),
        (Record.ELSEWHERE, guest_paths.ELSEWHERE),
        (Record.DIRECTORY, guest_paths.TEMPORARY),
        *((Record.PASSED, name) for name in TERMINAL_VARIABLES),
        (Record.ENVIRONMENT, json.dumps(own)[1:-1]),
        *(pair for name, entry in plan["scripts"].items() for pair in ((Record.SCRIPT, name), (Record.ENTRY_POINT, entry))),
        (Record.REQUEST, json.dumps(fixed)[1:-1]),
    ]
    content = b"".join(_record(kind, text) for kind, text in records)
    return content + _record(Record.CHECKSUM, f"{zlib.crc32(content):08x}")


def bare_python() -> str:
    """The Python behind a virtual environment: it starts sooner, and looks for nothing."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _record(kind: Record, text: str) -> bytes:
    """One text; raises UnwritableTextError unless exactly this text will be read."""
    if "\0" in text:
        raise UnwritableTextError(kind, text)
    try:
        return os.fsencode(kind + text) + b"\0"
    except UnicodeEncodeError as error:
        raise UnwritableTextError(kind, text) from error


def _is_usual(plan: "Plan") -> bool:
    """Whether the native launcher can do what the plan says.

    Of editable projects it shares those only that hold the environment: whoever could put a link in the place of another one's
    folder could do so here as well.
    """
    holding = all(Path(plan["folder"]).is_relative_to(host) for host, _, _, _ in plan["editables"])
    return plan["policy"] == Policy().as_json() and bool(plan["library"]) and holding


def _requests(plan: "Plan") -> "list[tuple[Record, str]]":
    """The files in which a project may ask for something: as they are, or still not there."""
    found = []
    for name, stamp in zip(guest_paths.REQUEST_FILES, plan["requests"], strict=True):
        path = Path(plan["folder"]).parent / name
        found.append((Record.SAME_FILE, f"{stamp[0]} {stamp[1]} {stamp[2]} {path}") if stamp else (Record.NO_FILE, str(path)))
    return found


def _stamp(path: str) -> str:
    status = Path(path).stat()
    return f"{status.st_size} {status.st_mtime_ns} 0 {path}"


def _assignment(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


def _baked(baked: "Baked | None", own: dict[str, str]) -> list[tuple[Record, str]]:
    """The baked component, unless a variable that its modules looked at has another value in every run."""
    if baked is None:
        return []
    open_ones = [name for name in baked["variables"] if name in TERMINAL_VARIABLES and name not in own]
    if any(own.get(name) != value for name, value in baked["variables"].items() if name not in open_ones):
        return []
    conditions = [(Record.BAKED_VARIABLE, _assignment(name, baked["variables"][name])) for name in open_ones]
    conditions += [(Record.BAKED_ABSENT, path) for path in baked["absent"]]
    return [
        (Record.BAKED_CODE, baked["component"]),
        *([(Record.BAKED_MEMORY, baked["memory"])] if baked["memory"] else []),
        *conditions,
    ]
