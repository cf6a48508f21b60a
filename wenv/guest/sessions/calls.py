"""The guest's side of `wenv.open(...).session()`: code and functions called by a program on the host."""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypedDict

from ..platform import threads, waits
from ..program import program, streams, tracebacks
from ..request import Request


class Call(TypedDict):
    """A function: a name in ``__main__``, or ``module:attribute``; arguments and result are JSON values."""

    function: str
    arguments: list[Any]
    keywords: dict[str, Any]


class Run(TypedDict):
    """Statements; with `result` the value of the last one is wanted, if it is an expression."""

    code: str
    result: bool


class Failure(TypedDict):
    """An exception that the code raised: its class, what it says, and the traceback as Python shows it."""

    kind: str
    message: str
    traceback: str


class Reply(TypedDict):
    """What came of it; `status` is the one that the code asked to leave with, `failure` what it raised."""

    value: Any
    status: int | None
    failure: Failure | None


def open_session(request: Request) -> None:
    """Prepare the interpreter."""
    program.prepare(request)
    waits.slice_waits()
    tracebacks.set_request(request)
    sys.argv = [""]


class Written(str):
    """A `Reply` that is JSON already: a value that cannot be is an error of the code that returned it."""


def run(order: Run) -> Written:
    """Run statements in ``__main__``."""
    namespace = sys.modules["__main__"].__dict__
    work = program.run_last if order["result"] else program.run_source
    return _guarded(lambda: work(order["code"], "<session>", namespace))


def call(order: Call) -> Written:
    """Call a function."""

    def called() -> object:
        module, _, name = order["function"].rpartition(":")
        found: Any = import_module(module) if module else sys.modules["__main__"]
        for part in name.split("."):
            found = getattr(found, part)
        return found(*order["arguments"], **order["keywords"])

    return _guarded(called)


def _guarded(work: Callable[[], object]) -> Written:
    reply: Reply
    try:
        value = work()
        threads.finish()  # what was started goes on between calls, as far as it is no daemon
        reply = {"value": value, "status": None, "failure": None}
        return Written(json.dumps(reply))
    except SystemExit as leaving:
        reply = {"value": None, "status": program.exit_status(leaving), "failure": None}
    except BaseException as error:
        reply = {"value": None, "status": None, "failure": _failure(error)}
    finally:
        streams.flush_streams()
    return Written(json.dumps(reply))


def _failure(error: BaseException) -> Failure:
    import traceback

    tracebacks.hide_frames(error)
    tracebacks.explain(error)
    module, name = type(error).__module__, type(error).__qualname__
    return {
        "kind": name if module == "builtins" else f"{module}.{name}",
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
    }
