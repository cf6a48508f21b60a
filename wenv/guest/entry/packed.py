"""The start of a packed component by a plain ``wasmtime run``: there is no host of wenv's, so the request is made here."""

import os
import sys

from ..command_line import CommandLine, CommandLineError, parse
from ..network import system
from ..pack import archive
from ..pack.archive import Entry
from ..pack.files import tree
from ..program import program
from ..request import Form, Request

#: WASI's command interface knows success and failure only.
FAILURE = 1


def run() -> None:
    """Run the program; raises SystemExit if it failed."""
    entry = archive.entry
    assert entry is not None
    tree.begin()
    system.begin(is_open=entry["network"])
    sys.setrecursionlimit(entry["recursion_limit"])
    status = _status(entry, sys.argv[1:])
    if status:
        raise SystemExit(FAILURE)


def _status(entry: Entry, arguments: list[str]) -> int:
    own = "/app" if archive.own else None
    if entry["form"] != "python":
        first = [entry["name"]] if entry["form"] == "entry" else []
        return program.run(_request(entry, entry["form"], entry["target"], [*first, *arguments], CommandLine("script")), own)
    try:
        line = parse(arguments)
    except CommandLineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return FAILURE
    arguments = list(line.arguments)
    match line.form:
        case "version":
            print(f"Python {sys.version.partition(' ')[0]}", flush=True)
            return 0
        case "help":
            print("usage: [-c CODE | -m MODULE | SCRIPT | -] [ARGUMENT]...", flush=True)
            return 0
        case "prompt":
            form: Form = "code" if os.isatty(0) else "stdin"
            return program.run(_request(entry, form, PROMPT, arguments, line), own)
        case form:
            return program.run(_request(entry, form, line.target, arguments, line), own)


#: What runs when nothing is named and a person is there.
PROMPT = """
import code, sys
sys.argv = [""]
code.interact(banner=f"Python {sys.version}", local={"__name__": "__main__"}, exitmsg="")
"""


def _request(entry: Entry, form: Form, target: str, arguments: list[str], line: CommandLine) -> Request:
    environment = {**entry["environment"], **os.environ}
    return {
        "form": form,
        "target": target,
        "arguments": arguments,
        "directory": "/",
        "environment": environment,
        "code": "",
        "stubs": entry["stubs"],
        "terminal": _terminal(environment) if os.isatty(1) else None,
        "shared": {},
        "editables": [],
        "databases": [],
        "flags": {"unbuffered": line.unbuffered, "safe_path": line.safe_path, "warnings": list(line.warnings)},
        "limits": {"memory": None, "disk": None, "open_files": None},
        "host": [],
        "functions": {},
        "process": 0,
        "control": "",
    }


def _terminal(environment: dict[str, str]) -> list[int]:
    """Columns and lines: WASI does not tell, so what the variables say, or the usual."""
    given = (environment.get("COLUMNS", ""), environment.get("LINES", ""))
    return [int(text) if text.isdecimal() and int(text) else usual for text, usual in zip(given, (80, 24), strict=True)]
