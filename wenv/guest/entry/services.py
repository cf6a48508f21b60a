"""The services a living session offers to the host, by name.  Arguments and results are JSON."""

import json
import traceback
from collections.abc import Callable
from typing import Any, cast

from ..bake import imports, trial
from ..imports import code_archive
from ..pack import archive
from ..platform import describe
from ..request import Service
from ..sessions import calls, shell

SERVICES: dict[Service, Callable[[Any], object]] = {
    "compile": code_archive.compile_tree,
    "index": code_archive.write_index,
    "pack": archive.pack_tree,
    "syntax": archive.check_syntax,
    "describe": describe.describe,
    "imports": imports.imports,
    "trial": trial.trial,
    "session.open": calls.open_session,
    "session.run": calls.run,
    "session.call": calls.call,
    "shell.open": shell.open_shell,
    "shell.check": shell.check,
    "shell.execute": shell.execute,
    "shell.complete": shell.complete,
    "shell.close": shell.close,
}


def call(name: str, argument: str) -> tuple[bool, str]:
    """Returns (True, the result as JSON), or (False, the traceback) if the service itself failed."""
    try:
        result = SERVICES[cast(Service, name)](json.loads(argument))
        return True, result if isinstance(result, calls.Written) else json.dumps(result)
    except BaseException:
        return False, traceback.format_exc()
