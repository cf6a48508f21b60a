"""Runs one program the way CPython's own command line does, in an interpreter that has long started.

The counterparts in CPython are Modules/main.c (what is run, and ``sys.path[0]``) and Py_FinalizeEx (what happens at the end).
"""

import atexit
import json
import linecache
import os
import runpy
import sys
import types
import warnings
from importlib import import_module

# the interpreter's own, before others take their place: what each start calls
from posix import close as posix_close
from posix import fstat as posix_fstat
from posix import open as posix_open

from .. import AT_START
from ..bake import baking
from ..imports import importer
from ..network import door, functions
from ..pack.files import nodes
from ..platform import absent, adapt
from ..request import EXECUTABLE, LIMIT_STATUS, Request
from . import streams, tracebacks

DAMAGED = """\
error: the index of the environment's modules is damaged: {error}
hint: `wenv cache verify --repair` deletes what is damaged, `wenv install` restores it
"""
#: The first file descriptor that a program's own files can have.
_first_descriptor = 3


def main(request_text: str) -> int:
    """Run the program; returns its exit status, 0 to 255."""
    request: Request = json.loads(request_text)
    tracebacks.set_request(request)
    return run(request)


def run(request: Request, own: str | None = None) -> int:
    """Run a request's program; returns its exit status, 0 to 255.  `own` is a folder whose modules come first."""
    prepare(request)
    if own is not None:
        sys.path.insert(0, own)
        unload_shadowed(own)
    try:
        execute(request)
        status = 0
    except SystemExit as leaving:
        status = exit_status(leaving)
    except BaseException as error:
        status = report(error)
    return finish(status)


def prepare(request: Request) -> None:
    """Renew what was frozen when the component was built: arguments, environment, working directory, streams, imports."""
    global _first_descriptor
    if os.environ:
        os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    unbuffered = request["flags"]["unbuffered"] or "PYTHONUNBUFFERED" in os.environ
    if unbuffered or request["terminal"]:  # else they are as they were opened when the component was built
        streams.open_streams(unbuffered=unbuffered)
    if importer.is_installed():
        baking.renew()
    adapt.set_run(request)
    door.begin(request)
    functions.begin(request["functions"])
    try:
        importer.install(request["code"], request["editables"])
    except (ArithmeticError, LookupError, ValueError, TypeError, EOFError) as error:  # what a damaged index comes to
        sys.stderr.write(DAMAGED.format(error=f"{type(error).__name__}: {error}"))
        os._exit(125)
    if "PYTHONPATH" in os.environ:
        given = [os.path.abspath(entry) for entry in os.environ["PYTHONPATH"].split(os.pathsep) if entry]
        sys.path[:0] = given
        for entry in given:
            unload_shadowed(entry)
    adapt.add_stubs(request["stubs"])
    sys.executable = EXECUTABLE
    sys.argv = ["", *request["arguments"]]
    sys.orig_argv = [EXECUTABLE, *request["arguments"]]
    options = [*filter(None, os.environ.get("PYTHONWARNINGS", "").split(",")), *request["flags"]["warnings"]]
    sys.warnoptions[:] = options
    warnings._processoptions(options)  # type: ignore[attr-defined]
    sys.modules["__main__"] = main_module()
    is_packed = not request["control"]  # its files are in memory
    opened, closed = (os.open, os.close) if is_packed else (posix_open, posix_close)
    probe = opened("/python", os.O_RDONLY)  # the lowest free descriptor: what the program opens comes from here on
    closed(probe)
    _first_descriptor = probe


def main_module() -> types.ModuleType:
    """A fresh ``__main__``."""
    module = types.ModuleType("__main__")
    module.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    return module


def execute(request: Request) -> None:
    """Run the request's program in ``__main__``; whatever it raises passes through."""
    target, safe = request["target"], request["flags"]["safe_path"]
    main_dict = sys.modules["__main__"].__dict__

    def prepend(entry: str) -> None:
        if not safe:
            sys.path.insert(0, entry)
            unload_shadowed(entry)

    match request["form"]:
        case "code":
            sys.argv[0] = "-c"
            prepend("")
            run_source(target, "<string>", main_dict)
        case "stdin":
            sys.argv[0] = "-"
            prepend("")
            run_source(sys.stdin.buffer.read(), "<stdin>", main_dict)
        case "module":
            sys.argv[0] = "-m"
            prepend(os.getcwd())
            absent.refuse_program(target)
            runpy._run_module_as_main(target)  # type: ignore[attr-defined]
        case "script" if os.path.isdir(target) or target.endswith((".zip", ".pyz", ".whl", ".egg")):
            sys.argv[0] = target
            sys.path.insert(0, os.path.abspath(target))
            unload_shadowed(os.path.abspath(target))
            runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        case "script":
            sys.argv[0] = target
            path = os.path.abspath(target)
            prepend(os.path.dirname(path))
            run_script(path, main_dict)
        case "entry":
            module, _, attribute = target.partition(":")
            sys.argv[0] = request["arguments"][0]
            del sys.argv[1]
            function: object = import_module(module)
            for name in attribute.split("."):
                function = getattr(function, name)
            sys.exit(function())  # type: ignore[operator]


def unload_shadowed(folder: str) -> None:
    """Forget modules that were imported before the program, where its own folder (or archive) has one of the same name.

    CPython would find the program's first.
    """
    for first in _modules_in(folder or "."):  # not all that is in memory: to look at a thousand baked modules takes long
        if first in sys.modules and first not in AT_START and first not in (tracebacks.OURS, "__main__"):
            for name in [name for name in sys.modules if name == first or name.startswith(first + ".")]:
                del sys.modules[name]


def _modules_in(folder: str) -> set[str]:
    """The names that can be imported from a folder or an archive; a folder without ``__init__.py`` shadows nothing."""
    try:
        entries = os.listdir(folder)
    except NotADirectoryError:
        import zipfile

        try:
            with zipfile.ZipFile(folder) as archive:
                members = set(archive.namelist())
        except (OSError, zipfile.BadZipFile):
            return set()
        packages = {name.partition("/")[0] for name in members if name.count("/") == 1 and name.endswith("/__init__.py")}
        return packages | {name.removesuffix(".py") for name in members if "/" not in name and name.endswith(".py")}
    except OSError:
        return set()
    modules = {name.removesuffix(".py") for name in entries if name.endswith(".py")}
    for name in entries:
        if name in sys.modules and os.path.exists(f"{folder}/{name}/__init__.py"):
            modules.add(name)
    return modules


def run_script(path: str, namespace: dict[str, object]) -> None:
    """Run a source file as the main program."""
    from importlib.machinery import SourceFileLoader

    with open(path, "rb") as file:
        source = file.read()
    namespace.update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
    exec(compile(source, path, "exec", dont_inherit=True), namespace)


def run_source(source: str | bytes, filename: str, namespace: dict[str, object]) -> None:
    """Run a program that has no file; tracebacks show its lines all the same, as CPython's do."""
    code = compile(source, filename, "exec", dont_inherit=True)
    text = source if isinstance(source, str) else source.decode("utf-8", "replace")
    linecache._register_code(code, text, filename)  # type: ignore[attr-defined]
    exec(code, namespace)


def run_last(source: str, filename: str, namespace: dict[str, object]) -> object:
    """The same; returns the value of the last statement if it is an expression, else None."""
    import ast

    tree = ast.parse(source, filename)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        del tree.body[-1]
    code = compile(tree, filename, "exec", dont_inherit=True)
    linecache._register_code(code, source, filename)  # type: ignore[attr-defined]
    exec(code, namespace)
    if not isinstance(last, ast.Expr):
        return None
    value = compile(ast.Expression(last.value), filename, "eval", dont_inherit=True)
    linecache._register_code(value, source, filename)  # type: ignore[attr-defined]
    return eval(value, namespace)


def exit_status(leaving: SystemExit) -> int:
    """The status that a SystemExit asks for; a code that is no number is printed."""
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    streams.flush_streams()
    print(code, file=sys.stderr)
    return 1


def report(error: BaseException) -> int:
    """Show an uncaught exception through ``sys.excepthook``, without the frames of this package."""
    limit = tracebacks.exceeded(error)
    tracebacks.hide_frames(error)
    tracebacks.explain(error)
    streams.flush_streams()
    sys.last_exc = error
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit as leaving:
        return exit_status(leaving)
    except BaseException as failure:
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
    if limit is not None:
        tracebacks.leave_word(limit)
        return LIMIT_STATUS[limit]
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def finish(status: int) -> int:
    """What CPython does at exit, which nothing does here by itself: exit functions, and files that were left open."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    written = streams.flush_streams()
    importer.close()
    if files_left_open():
        sys.modules["__main__"].__dict__.clear()
        _flush_files()
    return status if written or status else 120


def files_left_open() -> bool:
    """Whether any file is open but the standard streams and the sandbox's folders."""
    if _first_descriptor >= nodes.FIRST_DESCRIPTOR:
        return True  # those of the host's folders cannot be told apart
    for descriptor in range(_first_descriptor, _first_descriptor + 64):
        try:
            posix_fstat(descriptor)
            return True
        except OSError:
            pass
    return False


def _flush_files() -> None:
    """Flush the buffered writers that nobody closed."""
    import gc
    import io

    gc.collect()
    left = [item for item in gc.get_objects() if isinstance(item, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom))]
    for stream in sorted(left, key=lambda item: not isinstance(item, io.TextIOWrapper)):  # text first: it fills a buffer
        try:
            if not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            pass
