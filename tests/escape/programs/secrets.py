"""What a program can learn of the host: variables, arguments, users, names, addresses in its own memory."""
# mypy: ignore-errors

import gc
import getpass
import os
import platform
import posix
import sys
import sysconfig
import tempfile

from tests.escape.programs.frame import PRIVATE, Result, attempt, change, content, leaks, read, table
from tests.escape.programs.given import GIVEN

table(
    "variables",
    read,
    {
        "os.environ": lambda: dict(os.environ),
        "os.environb": lambda: dict(os.environb),
        "posix.environ": lambda: dict(posix.environ),
        "by name": lambda: os.getenv("ESCAPE_SECRET"),
        "a new os": lambda: dict(__import__("importlib").reload(os).environ),
    },
)
table(
    "variables",
    read,
    {
        "read again": lambda: (os.reload_environ(), dict(os.environ)),
        "of the system's configuration": lambda: sysconfig.get_config_vars(),
        "expanded": lambda: os.path.expandvars("$ESCAPE_SECRET $WENV_CACHE_DIR"),
    },
    inside="not there in older versions, or expanded by none",
)


@attempt("variables: only those that are meant for it", inside="has all of them")
def names_of_variables() -> Result:
    host = {
        "PATH",
        "USER",
        "PWD",
        "SHELL",
        "LOGNAME",
        "SSH_AUTH_SOCK",
        "DBUS_SESSION_BUS_ADDRESS",
        "WENV_CACHE_DIR",
        "WENV_DATA_DIR",
    }
    found = host & set(os.environ)
    return ("succeeded" if found else "refused"), repr(sorted(os.environ))


@attempt("arguments: the host's command line", inside="is the host's")
def host_arguments() -> Result:
    text = repr(sys.argv) + repr(sys.orig_argv)
    return ("succeeded" if leaks(text) or GIVEN["prefix"][::-1] in text else "harmless"), text


@attempt("names: the host's name", inside="is the host's")
def host_name() -> Result:
    text = repr((platform.uname(), platform.node(), os.uname() if hasattr(os, "uname") else ""))
    return ("succeeded" if GIVEN["host"] in text or "x86_64" in text or "aarch64" in text else "harmless"), text


@attempt("names: where wenv is installed, in any text that Python holds", inside="is what runs")
def installation() -> Result:
    """Objects that the collector knows, and what they refer to."""
    prefix = GIVEN["prefix"][::-1]
    found = []
    for one in gc.get_objects():
        for text in gc.get_referents(one):
            if isinstance(text, (str, bytes)) and prefix in (text if isinstance(text, str) else text.decode("latin-1")):
                found.append(text[:60])
    mine = [text for text in found if text != prefix]
    return ("succeeded" if mine else "refused"), repr(mine[:2])


@attempt("names: the host's secrets, in any text that Python holds", inside="variables are there")
def held_secrets() -> Result:
    secret = "HOST" + "SECRET-5521"
    found = [
        text for one in gc.get_objects() for text in gc.get_referents(one) if isinstance(text, str) and text.endswith(secret)
    ]
    return ("succeeded" if len(found) > 2 else "refused"), str(len(found))  # this frame's, and the marks'


@attempt("frames: the host's modules in a frame below", inside="there is no host")
def frames_below() -> Result:
    """Walk to the outermost frame: nothing of wasmtime's, of ctypes' or of the launcher's is in reach."""
    frame, names = sys._getframe(), set()
    while frame is not None:
        names |= set(frame.f_globals) | set(frame.f_locals)
        frame = frame.f_back
    found = names & {"wasmtime", "Store", "Linker", "Engine", "OpenEnvironment", "typer"}
    return ("succeeded" if found else "refused"), repr(found)


@attempt("modules: of the host's side", inside="wenv is installed there")
def host_modules() -> Result:
    found = []
    for name in (
        "wenv",
        "wenv.engine",
        "wenv.launcher",
        "wenv_cache.store",
        "resolver",
        "wasmtime",
        "typer",
        "pip",
        "componentize_py",
    ):
        try:
            __import__(name)
            found.append(name)
        except ImportError:
            continue
    return ("succeeded" if found else "refused"), repr(found)


def parent() -> int:
    """The number of the process that started this one: inside it is 1 in every run."""
    if (number := os.getppid()) == 1:
        raise OSError("always 1")
    return number


table(
    "users",
    change,
    {
        "getlogin": lambda: os.getlogin(),
        "pwd": lambda: __import__("pwd").getpwuid(0),
        "grp": lambda: __import__("grp").getgrall(),
        "spwd": lambda: __import__("spwd").getspall(),
        "getgroups": lambda: os.getgroups(),
        "getpgid": lambda: os.getpgid(0),
        "getsid": lambda: os.getsid(0),
        "getppid": parent,
        "load average": lambda: os.getloadavg(),
        "resource usage": lambda: __import__("resource").getrusage(0),
        "limits": lambda: __import__("resource").getrlimit(7),
        "processors": lambda: os.sched_getaffinity(0),
        "terminal": lambda: os.ttyname(0),
        "controlling terminal": lambda: os.ctermid(),
    },
    inside="not everywhere, and no secret there",
)


@attempt("users: who runs this", inside="the host's user is known there")
def who() -> Result:
    """Numbers are always 0, and the home is the run's own."""
    numbers = {os.getuid(), os.geteuid(), os.getgid(), os.getegid()}
    home = os.path.expanduser("~")
    try:
        name = getpass.getuser()
    except (OSError, ImportError, KeyError):
        name = "-"
    fine = numbers == {0} and home == "/tmp" and name in {"-", "root", "user"}
    return ("harmless" if fine else "succeeded"), f"{numbers} {home} {name} {tempfile.gettempdir()}"


@attempt("names: the private folder's path on the host", inside="no such folder there")
def private_path() -> Result:
    """Real paths, and what links and descriptors say, stay the sandbox's."""
    found = [os.path.realpath(PRIVATE), os.path.realpath("/tmp"), os.path.realpath("/python"), os.getcwd()]
    for descriptor in range(3, 20):
        try:
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue
    bad = [path for path in found if "wenv-" in path or GIVEN["store"] in path or GIVEN["prefix"][::-1] in path]
    return ("succeeded" if bad else "harmless"), repr(found)


@attempt("memory: of this process by /proc", inside="read where it is allowed")
def own_memory() -> Result:
    return "succeeded", repr(content("/proc/self/maps")[:40])


@attempt("memory: new memory holds nothing of the host's", inside="a mark of the program's own may be in it")
def new_memory() -> Result:
    """Memory that a module is given is zero, or was the program's own: environment and arguments of the host are not in it."""
    names = (b"ESCAPE_" + b"SECRET", b"WENV_CACHE" + b"_DIR=")
    blocks = [bytearray(1 << 20) for _ in range(32)]
    found = [name for block in blocks for name in names if name in block]
    return ("succeeded" if found else "refused"), repr(found)
