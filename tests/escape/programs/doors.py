"""What host and guest share beside folders: the private folder, the code archives, calls, the folder of plots."""
# mypy: ignore-errors

import builtins
import gc
import json
import os
import sys
from typing import Any

from tests.escape.programs.frame import (
    CODE,
    OUTSIDE,
    PRIVATE,
    PYTHON,
    ROOT,
    TMP,
    UP,
    RefusedError,
    Result,
    attempt,
    change,
    content,
    leaks,
    listing,
    read,
    table,
    temporary,
)  # fmt: skip
from tests.escape.programs.network import module

NOT_THERE = "there is no such door outside of a sandbox"
PLOTS = ROOT + "/wenv/plots"


def removed(path: str) -> None:
    """Leave the private folder as it was."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        os.rmdir(path)


for file_name in ("exit-status", "interrupt", "wenv-bake.json", "request", "output"):
    for kind_name, make in {
        "link out": lambda path: os.symlink(UP + "etc/passwd", path),
        "link to a full path": lambda path: os.symlink("/etc/passwd", path),
        "folder": os.mkdir,
        "very large": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40) or os.truncate(path, 0),
        "bytes that are no text": lambda path: os.write(os.open(path, os.O_CREAT | os.O_WRONLY), b"\xff\0\n9" * 100),
    }.items():

        def exchanged(name: str = file_name, make: Any = make) -> Result:
            """Put something under a name at which the host may look; it is gone before the run ends."""
            path = f"{PRIVATE}/{name}"
            removed(path)
            make(path)
            try:
                data = content(path)
            except OSError:
                data = b""
            removed(path)
            return ("succeeded" if leaks(data) else "harmless"), "made and removed"

        attempt(f"private folder: {file_name} is {kind_name}", inside=NOT_THERE)(exchanged)


@attempt("private folder: holds nothing of the host's", inside=NOT_THERE)
def private_names() -> Result:
    names = os.listdir(PRIVATE)
    return ("harmless" if set(names) <= {"exit-status", "interrupt", "way_out"} else "succeeded"), repr(names)


@attempt("private folder: its files say nothing of the host", inside=NOT_THERE)
def private_contents() -> Result:
    found = [name for name in os.listdir(PRIVATE) if leaks(content(f"{PRIVATE}/{name}"))]
    return ("succeeded" if found else "harmless"), repr(found)


@attempt("code archives: hold no more than modules", inside=NOT_THERE)
def archives() -> Result:
    found = [name for name in os.listdir(CODE) if leaks(open(f"{CODE}/{name}", "rb").read())]
    return ("succeeded" if found else "harmless"), repr(os.listdir(CODE))


table(
    "code archives",
    change,
    {
        "a new one": lambda: open(CODE + "/9.bin", "wb"),
        "the index, opened for writing": lambda: open(CODE + "/index", "r+b").write(b"PLANTED"),
        "the index, cut": lambda: os.truncate(CODE + "/index", 0),
        "the index, removed": lambda: os.unlink(CODE + "/index"),
        "a module's code beside its source": lambda: os.makedirs(PYTHON + "/__pycache__"),
        "a module's code by py_compile": lambda: module("py_compile").compile(
            temporary("x = 1"), cfile=PYTHON + "/planted.pyc", doraise=True
        ),
        "a path file of site's": lambda: open(PYTHON + "/planted.pth", "w"),
    },
)


def called(name: str, *arguments: Any) -> str:
    """Call what the host offers the guest, with all kinds of values."""
    try:
        host = __import__(name)
    except ImportError:
        raise RefusedError(f"there is no {name} here") from None
    answers = []
    for function in sorted(n for n in dir(host) if not n.startswith("_")):
        for values in ((), *[(a,) for a in arguments]):
            try:
                answers.append(repr(getattr(host, function)(*values))[:20])
            except BaseException as error:
                answers.append(type(error).__name__)
    if leaks(repr(answers)):
        return "leaked"
    return "harmless " + repr(answers)


ODD = (b"", b"+null", b"-x", b"?before", b"?after", b"+" + b"[" * 100_000, b"A" * (8 << 20), "x", None, -1, 1 << 40)


@attempt("calls: the host's door with odd values", inside=NOT_THERE)
def odd_calls() -> Result:
    said = called("_host", *ODD)
    return ("succeeded" if said == "leaked" else "harmless"), said


@attempt("calls: services of wenv's own, compiling into the standard library", inside=NOT_THERE)
def compiling_service() -> Result:
    calls = module("_wenv.entry.services")
    fine, said = calls.call("compile", json.dumps({"tree": PYTHON, "output": PYTHON, "skip": []}))
    return ("succeeded" if fine else "refused"), str(said)


@attempt("calls: services of wenv's own, compiling what is outside", inside=NOT_THERE)
def compiling_outside() -> Result:
    calls = module("_wenv.entry.services")
    fine, said = calls.call("compile", json.dumps({"tree": OUTSIDE, "output": TMP, "skip": []}))
    return ("succeeded" if leaks(said) or (fine and json.loads(said)["modules"]) else "harmless"), str(said)


@attempt("calls: every service with odd texts", inside=NOT_THERE)
def odd_services() -> Result:
    calls = module("_wenv.entry.services")
    answers = []
    for name in (
        "compile",
        "index",
        "pack",
        "syntax",
        "describe",
        "imports",
        "nothing",
        "../compile",
        "",
    ):  # others start programs
        for text in ("null", "{}", "[", '"\\ud800"', "1e999", "[" * 1000):
            try:
                answers.append(repr(calls.call(name, text))[:200])
            except Exception as error:
                answers.append(type(error).__name__)
    return ("succeeded" if any(leaks(answer) for answer in answers) else "harmless"), f"{len(answers)} answers"


@attempt("calls: the system's open, as Python had it before wenv", inside="is the system's there")
def first_open() -> Result:
    """Every builtin function called open that the collector can find, with a path outside."""
    found = []
    for one in gc.get_objects():
        for function in gc.get_referents(one):
            if type(function) is type(len) and function.__name__ in {"open", "open_code", "listdir"} and function not in found:
                found.append(function)
    for function in found:
        for arguments in (("/etc/passwd",), ("/etc/passwd", 0), ("../outside",), (OUTSIDE + "/flag.txt", 0)):
            try:
                got = function(*arguments)
                if leaks(got) or leaks(
                    got.read() if hasattr(got, "read") else os.read(got, 100) if isinstance(got, int) else got
                ):
                    return "succeeded", repr((function, arguments))
            except (OSError, TypeError, ValueError, AttributeError):
                continue
    return "refused", f"{len(found)} functions"


@attempt("calls: the interrupt door", inside=NOT_THERE)
def interrupts() -> Result:
    said = (
        called("_wenv._interrupt", None, -1, 1 << 40, "x", b"x") if "_wenv._interrupt" in sys.modules else "harmless, not there"
    )
    return ("succeeded" if said == "leaked" else "harmless"), said


@attempt("calls: the file system that packed components have", inside=NOT_THERE)
def memory_files() -> Result:
    """Its functions given paths of the host's."""
    files = module("_wenv.pack.files")
    makes = {"add_folder", "add_archive", "begin", "install"}  # they put names into the program's own memory
    found = [n for n in vars(files) if callable(getattr(files, n)) and n.islower() and n not in makes]
    for name in found:
        for path in ("/etc/passwd", OUTSIDE + "/flag.txt", "../outside"):
            try:
                if leaks(getattr(files, name)(path)):
                    return "succeeded", name
            except Exception:  # whatever it is: it did not read
                continue
    return "refused", repr(found)


@attempt("calls: wenv's modules put back by a program do not reach the host", inside=NOT_THERE)
def forged_modules() -> Result:
    """Names in `sys.modules` and builtins are the guest's alone."""
    old = builtins.open
    builtins.open = lambda *_, **__: None  # type: ignore[assignment]
    sys.modules["_planted"] = sys.modules["os"]
    builtins.open = old
    del sys.modules["_planted"]
    return "harmless", "the host has modules of its own"


table(
    "plots",
    listing,
    {
        "link to the root": lambda: through_plots("/", ""),
        "link out": lambda: through_plots(UP, ""),
        "link to the store": lambda: through_plots("../../../cache", ""),
        "its parent": lambda: os.listdir(PLOTS + "/.."),
    },
    inside=NOT_THERE,
)
table("plots", read, {"link to a file": lambda: plotted_link()}, inside=NOT_THERE)


def through_plots(target: str, tail: str) -> "list[str]":
    """List through a link in the folder of plots."""
    os.symlink(target, PLOTS + "/way_out")
    try:
        return os.listdir(PLOTS + "/way_out" + tail)
    finally:
        os.unlink(PLOTS + "/way_out")


def plotted_link() -> bytes:
    os.symlink(UP + "etc/passwd", PLOTS + "/picture.png")
    try:
        return content(PLOTS + "/picture.png")
    finally:
        os.unlink(PLOTS + "/picture.png")
