"""`wenv_host`: functions of the host's, as a module of the program's.

The host says what they are called, what they take and what they are for, as definitions without a body.  Arguments and results
are JSON.
"""

import builtins
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import door

NAME = "wenv_host"
#: Exceptions that a host's function may raise here as it raised them there.
KNOWN = (
    "ArithmeticError", "AssertionError", "AttributeError", "ConnectionError", "FileExistsError", "FileNotFoundError",
    "IndexError", "KeyError", "LookupError", "NotImplementedError", "OSError", "OverflowError", "PermissionError",
    "RuntimeError", "TimeoutError", "TypeError", "UnicodeError", "ValueError", "ZeroDivisionError",
)  # fmt: skip


class HostError(Exception):
    """A function of the host's raised something that this program does not know: `kind` is its class."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind


HostError.__module__ = NAME


def _raised(_: str, kind: Any, message: Any, *more: Any) -> BaseException:
    if kind in KNOWN:
        made: BaseException = getattr(builtins, kind)(message)
        return made
    return HostError(str(kind), str(message))


door.KINDS["function"] = _raised


def begin(definitions: dict[str, str]) -> None:
    """Make the module, or take away that of an earlier run."""
    sys.modules.pop(NAME, None)
    if not definitions or "functions" not in door.granted:
        return
    module = ModuleType(NAME, "Functions of the program that started this sandbox.")
    for name, definition in definitions.items():
        made: dict[str, Any] = {}
        exec(f"from __future__ import annotations\n{definition}", made)
        setattr(module, name, _function(name, made[name]))
    vars(module).update(HostError=HostError, __all__=[*definitions, "HostError"])
    sys.modules[NAME] = module


def _function(name: str, template: Any) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        template(*arguments, **keywords)  # raises TypeError for what it does not take
        return door.ask("call", 0, name, arguments, keywords)[0]

    call.__name__, call.__qualname__, call.__module__, call.__doc__ = name, name, NAME, template.__doc__
    call.__annotations__ = template.__annotations__
    vars(call)["__wrapped__"] = template  # what `inspect.signature` and `help` show
    return call
