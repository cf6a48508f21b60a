"""What a program is given: its preopened folders, and the request that tells the guest what to do.

Both ways to run a program come through here, so that they cannot differ.  A policy is a `Policy` as JSON.
"""

import os

from wenv.guest.command_line import CommandLine
from wenv.launcher.guest_paths import CODE, PRIVATE, TEMPORARY, ancestors, guest_path, is_inside
from wenv.launcher.limits import Bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wenv.guest.request import Form, Request
    from wenv.launcher.plan import Plan


#: A host folder, its path in the guest, and whether the guest may write to it.
Preopen = tuple[str, str, bool]
#: Variables that describe the user's terminal and language: the only ones a program gets without being given them.
TERMINAL_VARIABLES = (
    "TERM",
    "TERM_PROGRAM",
    "COLORTERM",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "LINES",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
)


class Program:
    """What to run: as in wenv/guest/request.py, with host paths already made the guest's; `folder` (a host path) is to be
    readable."""

    __slots__ = ("arguments", "folder", "form", "safe_path", "target", "unbuffered", "warnings")

    def __init__(self, form: "Form", target: str, line: CommandLine, folder: "str | None" = None) -> None:
        self.form: Form = form
        self.target = target
        self.arguments = list(line.arguments)
        self.folder = folder
        self.unbuffered = line.unbuffered
        self.safe_path = line.safe_path
        self.warnings = list(line.warnings)


def program_of(line: CommandLine, scripts: "Mapping[str, str]") -> "Program | None":
    """What a command line means: a script's path, or else the name of a console script; None if it is neither."""
    if line.form in ("module", "code", "stdin"):
        return Program(line.form, line.target, line)
    if line.form != "script":
        return None
    target, bare = line.target, line.target in scripts  # ./NAME means a file or folder of the same name
    if os.path.exists(target) and not bare:
        linked = os.path.islink(target)
        # a relative path is kept as it was written, unless it leaves the working folder, which is a mount of its own
        whole = linked or os.path.isabs(target) or ".." in target.replace(os.sep, "/").split("/")
        whole = whole or os.path.dirname(os.getcwd()) == os.getcwd()  # nor is a whole disk shared
        path = os.path.realpath(target) if linked else os.path.abspath(target)
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        if not whole:
            return Program("script", os.path.normpath(target).replace(os.sep, "/"), line, folder)
        inside = "" if folder == path else "/" + os.path.basename(path)
        return Program("script", guest_path(folder).rstrip("/") + inside, line, folder)
    if bare:
        return Program("entry", scripts[target], CommandLine("script", target, (target, *line.arguments)))
    return None


def shared_folders(here: str, folder: "str | None", policy: "Mapping[str, Any]") -> "list[Preopen]":
    """What the policy names, the working folder, and the program's own unless it lies in one of these."""
    shared: dict[str, Preopen] = {m["guest"]: (m["host"], m["guest"], m["writable"]) for m in policy["mounts"]}
    for host, writable in ((here, policy["write"]), (folder, False)):
        if host is None or host == os.path.dirname(host):
            continue  # a whole disk is shared only by name: --mount
        guest = guest_path(host)
        around = [mount for mount in shared.values() if is_inside(guest, mount[1])]
        same = any(_joined(mount, guest) == host and mount[2] >= writable for mount in around)
        if not same:
            shared[guest] = (host, guest, writable)
    return list(shared.values())


def _joined(mount: "Preopen", guest: str) -> str:
    """The host path behind a guest path that lies in a mount."""
    rest = guest[len(mount[1]) :].strip("/")
    return os.path.join(mount[0], *rest.split("/")) if rest else mount[0]


def writes_into(preopens: "Sequence[Preopen]", own: "Sequence[str]") -> "tuple[str, str] | None":
    """The first folder that may be written to and holds or lies in one of wenv's own, with that one."""
    for host, _, writable in preopens:
        for folder in own if writable else ():
            # however they were written: through links, and in whatever case on systems that fold it
            one, other = (os.path.normcase(os.path.realpath(path)) for path in (host, folder))
            if one in ancestors(other) or other in ancestors(one):
                return host, folder
    return None


def request_of(
    plan: "Plan", program: Program, policy: "Mapping[str, Any]", here: str, shared: "Sequence[Preopen]"
) -> "Request":
    """What the guest is told of a run."""
    guest, bounds = guest_path(here), Bounds(policy)
    needed = plan["variables"] if policy["write"] else plan["read_only_variables"]
    return {
        "form": program.form,
        "target": program.target,
        "arguments": program.arguments,
        "directory": guest if any(is_inside(guest, mount[1]) for mount in shared) else TEMPORARY,
        "environment": {**terminal_variables(os.environ), **needed, **variables(policy, os.environ)},
        "code": CODE,
        "stubs": plan["stubs"],
        "terminal": _terminal_size() if stdio_is_terminal() else None,
        "shared": {mount[1]: mount[2] for mount in shared},
        "flags": {"unbuffered": program.unbuffered, "safe_path": program.safe_path, "warnings": program.warnings},
        "limits": {"memory": policy["memory"], "disk": bounds.disk, "open_files": bounds.open_files},
        "control": PRIVATE,
    }


def variables(policy: "Mapping[str, Any]", environ: "Mapping[str, str]") -> dict[str, str]:
    """The variables of a policy with their values; one that `environ` lacks is left out."""
    found = {name: environ.get(name) if value is None else value for name, value in policy["environment"].items()}
    return {name: value for name, value in found.items() if value is not None}


def terminal_variables(environ: "Mapping[str, str]") -> dict[str, str]:
    """The variables that every run gets, and the sandbox's own."""
    passed = {name: environ[name] for name in TERMINAL_VARIABLES if name in environ}
    return {**passed, "HOME": "/tmp", "TMPDIR": "/tmp"}


def stdio_is_terminal() -> bool:
    """Whether a person sees what the guest prints."""
    return os.isatty(1)


def _terminal_size() -> list[int]:
    """Columns and lines: what the variables say, else what the terminal does."""
    try:
        actual = list(os.get_terminal_size(1))
    except OSError:
        actual = [80, 24]
    given = [os.environ.get("COLUMNS", ""), os.environ.get("LINES", "")]
    return [int(text) if text.isdecimal() and int(text) else size for text, size in zip(given, actual, strict=True)]


def encoded(value: object) -> str:
    """A request as JSON.  The json module takes longer to import than the rest of an ordinary run."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{encoded(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(encoded, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    assert isinstance(value, int), value
    return str(value)


def _quoted(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from json.encoder import encode_basestring_ascii

    written: str = encode_basestring_ascii(text)
    return written
