"""The services a living session offers to the host, by name.  Arguments and results are JSON."""

import json
import traceback
from collections.abc import Callable
from typing import Any

from . import codearchive, describe, imports, living, packing, shell, trial

SERVICES: dict[str, Callable[[Any], object]] = {
    "compile": codearchive.compile_tree,
    "index": codearchive.write_index,
    "pack": packing.pack_tree,
    "syntax": packing.check_syntax,
    "describe": describe.describe,
    "imports": imports.imports,
    "trial": trial.trial,
    "session.open": living.open_session,
    "session.run": living.run,
    "session.call": living.call,
    "shell.open": shell.open_shell,
    "shell.check": shell.check,
    "shell.execute": shell.execute,
    "shell.complete": shell.complete,
    "shell.close": shell.close,
}


def call(name: str, argument: str) -> tuple[bool, str]:
    """Returns (True, the result as JSON), or (False, the traceback) if the service itself failed."""
    try:
        result = SERVICES[name](json.loads(argument))
        return True, result if isinstance(result, living.Written) else json.dumps(result)
    except BaseException:
        return False, traceback.format_exc()
