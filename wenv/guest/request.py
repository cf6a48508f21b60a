"""What the host tells the guest about a run.  Plain data: it crosses the boundary as JSON."""

from typing import Literal, TypedDict

#: How the program is named, as on CPython's own command line: a script's path, ``-m``, ``-c``, standard input, or a console
#: script of an installed package (``module:attribute``).
Form = Literal["script", "module", "code", "stdin", "entry"]


#: What the host may ask of the guest (guest/entry/services.py; the last two of a module only, guest/entry/module.py).
Service = Literal[
    "compile", "index", "pack", "syntax", "describe", "imports", "trial",
    "session.open", "session.run", "session.call",
    "shell.open", "shell.check", "shell.execute", "shell.complete", "shell.close",
    "bake", "show_interrupt",
]  # fmt: skip
#: What a host may answer in a run beyond nothing: orders of sockets, calls of functions of its own, starts of programs, ends of
#: pipes that whoever started this one has given to it.
Granted = Literal["network", "functions", "children", "ends"]
ANSWERED: frozenset[Granted] = frozenset({"network", "functions", "children", "ends"})
#: Two files in the folder that a run shares with its host, for many bytes: what the guest sends, what it gets.
LANE_OUT, LANE_IN = "network-out", "network-in"
#: What ``sys.executable`` is.
EXECUTABLE = "/bin/python3"
#: Which limits a program can meet as an exception, and its exit status if it does not catch that (wenv.errors.Exit).
LIMIT_STATUS = {"memory": 116, "disk": 118, "open_files": 119}
#: The file that a host leaves for the building of a baked component, see `baking`.
BAKE_ORDER = "wenv-bake.json"


class Flags(TypedDict):
    """The interpreter options that can be honoured in an interpreter that has already started."""

    unbuffered: bool
    safe_path: bool
    warnings: list[str]


class Limits(TypedDict):
    """What a program may use, for the words when it meets a limit: bytes, and a number of files; None for no limit of ours."""

    memory: int | None
    disk: int | None
    open_files: int | None


class Request(TypedDict):
    """One run of one program."""

    form: Form
    target: str
    arguments: list[str]
    """``sys.argv[1:]``."""
    directory: str
    """Working directory, a guest path."""
    environment: dict[str, str]
    code: str
    """Guest folder with the index of the snapshot and its code archives, see `imports.code_archive`."""
    stubs: list[str]
    """Standard modules missing here for which an importable stub is provided."""
    terminal: list[int] | None
    """Columns and lines when standard output is a terminal."""
    shared: dict[str, bool]
    """Guest folders shared with the host, and whether they may be written."""
    editables: list[list[str]]
    """Of each editable project the folders that hold its modules, and last the one with what its build added."""
    databases: list[str]
    """Guest paths of databases that the host has locked for this run."""
    flags: Flags
    limits: Limits
    host: list[Granted]
    """What the host answers (guest/network/door.py)."""
    functions: dict[str, str]
    """By name, definitions of functions of the host's (guest/network/functions.py)."""
    process: int
    """0, and of a program that another one has started its number (wenv/children)."""
    control: str
    """Guest folder that only this run and the host share: interrupts come in, the status of ``os._exit`` goes out."""
