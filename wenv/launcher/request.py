"""What a program is given: its preopened folders, and the request that tells the guest what to do.

Both ways to run a program come through here, so that they cannot differ.  A policy is a `Policy` as JSON.
"""

import os

from wenv.launcher.guest_paths import CODE, PRIVATE, TEMPORARY, guest_path, is_inside
from wenv.launcher.limits import Bounds
from wenv.launcher.preopens import Preopen
from wenv.launcher.program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wenv.guest.request import Request
    from wenv.launcher.plan import Plan


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
        "editables": [[*roots, built] for _, _, roots, built in plan["editables"]],
        "databases": [],
        "flags": {"unbuffered": program.unbuffered, "safe_path": program.safe_path, "warnings": program.warnings},
        "limits": {"memory": policy["memory"], "disk": bounds.disk, "open_files": bounds.open_files},
        "host": ["children", "network"] if policy["net"] or policy["listen"] else ["children"],
        "functions": {},
        "process": 0,
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
