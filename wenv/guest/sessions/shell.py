"""The guest's side of `wenv shell`: one namespace that lives as long as the session."""

import sys
from contextlib import suppress
from types import ModuleType
from typing import Any, Literal, TypedDict

from ..platform import threads, waits
from ..program import program, streams, tracebacks
from ..request import Request

interrupts: ModuleType | None
try:
    from .. import _interrupt as interrupts
except ImportError:  # nothing can be linked in: the host writes into the interpreter's memory
    interrupts = None

#: At every how many polls (jumps and function starts) the host's wish to interrupt is looked for: about 5 ms of a tight loop.
INTERRUPT_PERIOD = 20_000
TOOL_NAME, TOOL = "wenv-interrupt", 4  # an identifier that CPython gives to nobody

_statements = 0


class Outcome(TypedDict):
    """How a statement ended; `status` is the exit status when it asked to leave."""

    leave: bool
    status: int


def open_shell(request: Request) -> dict[str, str]:
    """Prepare the interpreter for a session; returns what the banner says."""
    program.prepare(request)
    tracebacks.set_request(request)
    sys.argv = [""]
    sys.path.insert(0, "")
    program.unload_shadowed("")
    sys.ps1, sys.ps2 = ">>> ", "... "
    _watch_for_interrupts(f"{request['control']}/interrupt")
    return {"version": sys.version.partition(" ")[0]}


def _watch_for_interrupts(path: str) -> None:
    if interrupts is None:
        waits.slice_waits()
        return
    monitoring = sys.monitoring
    monitoring.use_tool_id(TOOL, TOOL_NAME)
    interrupts.watch(path, INTERRUPT_PERIOD)
    for event in (monitoring.events.JUMP, monitoring.events.PY_START):
        monitoring.register_callback(TOOL, event, interrupts.poll)
    waits.slice_waits(interrupts.check)


def _set_interruptible(on: bool) -> None:
    if interrupts is None:
        return
    events = sys.monitoring.events
    sys.monitoring.set_events(TOOL, events.JUMP | events.PY_START if on else 0)


def check(source: str) -> Literal["complete", "incomplete"]:
    """Whether Enter shall run `source` or open another line."""
    import codeop
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            symbol = "single" if "\n" not in source.strip("\n") else "exec"  # "single" takes one statement, a paste is more
            return "incomplete" if codeop.compile_command(source, "<stdin>", symbol) is None else "complete"
        except (SyntaxError, ValueError, OverflowError):
            return "complete"  # running it shows the error


def execute(source: str) -> Outcome:
    """Run statements in the session's namespace; errors are shown, the value of a last expression is displayed."""
    import ast
    import linecache

    global _statements
    _statements += 1
    filename = f"<stdin-{_statements}>"
    namespace = sys.modules["__main__"].__dict__
    if source.strip() in ("exit", "quit") and source.strip() not in namespace:
        return {"leave": True, "status": 0}
    try:
        tree = ast.parse(source, filename)
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        codes = [
            compile(
                ast.Interactive([node]) if node is tree.body[-1] else ast.Module([node], []),
                filename,
                "single" if node is tree.body[-1] else "exec",
                dont_inherit=True,
            )
            for node in tree.body
        ]
        _set_interruptible(True)
        try:
            for code in codes:
                exec(code, namespace)
            threads.finish()  # what was started goes on while the next statement is typed
        finally:
            _set_interruptible(False)
    except SyntaxError as error:
        if error.filename == filename:
            error.__traceback__ = None  # it was raised while reading the input, in a module that the user did not call
        program.report(error)
    except SystemExit as leaving:
        return {"leave": True, "status": program.exit_status(leaving)}
    except KeyboardInterrupt:
        print("KeyboardInterrupt", file=sys.stderr)
    except BaseException as error:
        program.report(error)
    with suppress(KeyboardInterrupt):  # one that came too late
        streams.flush_streams()
    return {"leave": False, "status": 0}


def complete(text: str) -> list[str]:
    """Completions of the last name, attribute or module in the line `text`; each replaces that last word whole."""
    modules = _module_completions(text)
    if modules is not None:
        return modules
    import rlcompleter

    word = _last_word(text)
    completer = rlcompleter.Completer(sys.modules["__main__"].__dict__)
    found: list[str] = []
    while len(found) < 500 and (match := completer.complete(word, len(found))) is not None:
        found.append(match)
    return sorted({match.rstrip("(") for match in found if match.strip()})


def _last_word(text: str) -> str:
    start = len(text)
    while start and (text[start - 1].isalnum() or text[start - 1] in "_."):
        start -= 1
    return text[start:]


def _module_completions(text: str) -> list[str] | None:
    """Completions of an import statement, by the completer of CPython's own prompt; None for any other line."""
    if not text.lstrip().startswith(("import ", "from ")):
        return None
    completer: Any
    from _pyrepl._module_completer import ModuleCompleter

    completer = ModuleCompleter(sys.modules["__main__"].__dict__)
    found: Any = completer.get_completions(text)
    names: list[str] | None = found[0] if isinstance(found, tuple) else found  # from CPython 3.15 on with more
    return names


def close(_: object) -> int:
    """End the session; returns the exit status."""
    return program.finish(0)
