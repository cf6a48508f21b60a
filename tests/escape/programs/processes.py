"""Processes, signals, threads, native code, and data that runs code when it is read."""
# mypy: ignore-errors

import marshal
import os
import pickle
import signal
import subprocess
import sys
import time
from typing import Any

from tests.escape.programs.frame import FIXED, RefusedError, Result, attempt, change, leaks, read, table, temporary
from tests.escape.programs.network import module


def forked(fork: Any) -> str:
    """Two processes; the new one ends."""
    number = fork()
    number = number[0] if isinstance(number, tuple) else number
    if number == 0:
        os._exit(0)
    os.waitpid(number, 0)
    return "forked"


def spawned(*names: str) -> str:
    number = getattr(os, names[0])("/bin/sh", ["sh", "-c", "exit 0"], {})
    os.waitpid(number, 0)
    return "spawned"


def at_once(start: Any) -> str:
    """A thread that runs while this one goes on; a sandbox has such as run while others wait."""
    ran: list[int] = []
    start(lambda: ran.append(1))
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        if ran:
            return "ran"
    raise RefusedError("it runs when somebody waits")


table(
    "process",
    change,
    {
        "fork": lambda: forked(os.fork),
        "forkpty": lambda: forked(os.forkpty),
        "pty.fork": lambda: forked(module("pty").fork),
        "posix_spawn": lambda: spawned("posix_spawn"),
        "posix_spawnp": lambda: spawned("posix_spawnp"),
        "spawnv": lambda: os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "exit 0"]),
        "system": lambda: os.system("exit 0"),
        "popen": lambda: os.popen("id").read(),
        "subprocess.run": lambda: subprocess.run(["/bin/sh", "-c", "exit 0"], check=False),
        "subprocess, by a shell": lambda: subprocess.check_output("id", shell=True),
        "getoutput": lambda: subprocess.getoutput("id"),
        "asyncio": lambda: module("asyncio").run(module("asyncio").create_subprocess_exec("/bin/sh", "-c", "exit 0")),
        "thread": lambda: at_once(lambda work: module("_thread").start_new_thread(work, ())),
        "threading": lambda: at_once(lambda work: module("threading").Thread(target=work).start()),
        "thread pool": lambda: at_once(module("concurrent.futures").ThreadPoolExecutor(1).submit),
        "kill, signal 0": lambda: os.kill(os.getppid(), 0),
        "killpg, signal 0": lambda: os.killpg(os.getpgrp(), 0),
        "nice": lambda: os.nice(1),
        "wait": lambda: (forked(os.fork), os.wait3)[0],
        "alarm": lambda: (signal.alarm(600), signal.alarm(0)),
        "interval timer": lambda: (signal.setitimer(signal.ITIMER_REAL, 600), signal.setitimer(signal.ITIMER_REAL, 0)),
        "a new session": lambda: os.setsid(),
        "a terminal": lambda: os.openpty(),
        "a pipe in the file system": lambda: os.mkfifo(temporary()),
        "a file in memory": lambda: os.memfd_create("planted"),
        "file descriptors of events": lambda: os.eventfd(0) if hasattr(os, "eventfd") else os.memfd_create("x"),
        "sendfile": lambda: os.sendfile(os.open(temporary(""), os.O_WRONLY), os.open(FIXED + "/plain.txt", os.O_RDONLY), 0, 5),
    },
)
table(
    "process",
    change,
    {
        "execv": lambda: os.execv("/bin/sh", ["sh", "-c", "exit 0"]),
        "execvp": lambda: os.execv and os.execvp("sh", ["sh", "-c", "exit 0"]),
        "execve": lambda: os.execve("/bin/sh", ["sh"], {}),
        "_posixsubprocess": lambda: module("_posixsubprocess").fork_exec(),
        "kill the first process": lambda: os.kill(1, 0) or os.kill(1, 9),
        "kill all processes": lambda: os.kill(-1, 0) or os.kill(-1, 9),
        "signal to a thread": lambda: signal.pthread_kill(1, 9),
        "pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(1), 9),
        "remote execution": lambda: sys.remote_exec(1, temporary("print('PLANTED')")),
        "remote execution in itself": lambda: sys.remote_exec(os.getpid(), temporary("print('PLANTED')")),
        "setuid": lambda: os.setuid(0),
        "setgroups": lambda: os.setgroups([0]),
        "chroot": lambda: os.chroot(FIXED),
        "namespaces": lambda: os.unshare(0),
        "enter a namespace": lambda: os.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY)),
        "device file": lambda: os.mknod(temporary(), 0o20666, 0x101),
        "priority": lambda: os.setpriority(0, 0, -20),
        "limits": lambda: module("resource").setrlimit(7, (1 << 20, 1 << 20)),
        "terminal's settings": lambda: module("termios").tcgetattr(0),
        "terminal to raw": lambda: module("tty").setraw(0),
        "typed into the terminal": lambda: module("fcntl").ioctl(0, 0x5412, b"x"),
        "fcntl": lambda: module("fcntl").fcntl(0, 3),
        "locks": lambda: module("fcntl").flock(os.open(FIXED + "/plain.txt", os.O_RDONLY), 2),
        "system log": lambda: module("syslog").syslog("PLANTED"),
        "a browser": lambda: module("webbrowser").open("file:///etc/passwd") or module("nothing"),
        "idle": lambda: module("idlelib.run").main,
    },
    inside="would end or change the host's process, or needs rights",
)
table(
    "native code",
    change,
    {
        "libc by ctypes": lambda: module("ctypes").CDLL(None).getpid(),
        "Python's C interface by ctypes": lambda: module("ctypes").pythonapi.Py_IsInitialized(),
        "memory by ctypes": lambda: module("ctypes").string_at(id(None), 8),
        "_ctypes": lambda: module("_ctypes").dlopen(None, 0),
        "executable memory": lambda: module("mmap").mmap(-1, 4096, prot=7),
    },
)
table(
    "native code",
    change,
    {
        "libc by its name": lambda: module("ctypes").CDLL("libc.so.6").getpid(),
        "an address by ctypes": lambda: module("ctypes").string_at(0, 1 << 20),
        "cffi": lambda: module("_cffi_backend").load_library(None),
        "create_dynamic": lambda: loaded("/bin/true"),
        "create_dynamic of a module in /tmp": lambda: loaded(temporary("\0asm\1\0\0\0")),
        "create_dynamic of the host's library": lambda: loaded("/lib/x86_64-linux-gnu/libc.so.6"),
        "extension file in the shared folder": lambda: loaded(FIXED + "/planted.so"),
        "a builtin of no name": lambda: (
            module("_imp").create_builtin(module("importlib.machinery").ModuleSpec("_ctypes", None)).x
        ),
        "a frozen module of no name": lambda: module("_imp").get_frozen_object("wasmtime"),
        "_testcapi": lambda: module("_testcapi").raise_SIGINT_then_send_None,
        "_testinternalcapi": lambda: module("_testinternalcapi").get_configs(),
        "perf trampoline": lambda: sys.activate_stack_trampoline("perf") or module("nothing"),
        "opcodes by a native module": lambda: module("_xxsubinterpreters").create(),
    },
    inside="nothing that a host has for certain",
)


def loaded(path: str) -> object:
    """Load an extension module."""
    spec = module("importlib.machinery").ModuleSpec("planted", None, origin=path)
    return module("_imp").create_dynamic(spec)


@attempt("native code: another interpreter", inside="has all rights there")
def another_interpreter() -> Result:
    """A second interpreter, where there can be one, is in the same sandbox."""
    try:
        interpreters = module("_interpreters")
    except ImportError:
        raise RefusedError("there is no such module") from None
    number = interpreters.create()
    failed = interpreters.exec(number, "open('/etc/passwd')")
    interpreters.destroy(number)
    return ("harmless" if failed else "succeeded"), repr(failed)[:100]


@attempt("process: a program of Python's that is started sees no more", inside="it is in the same kind of sandbox")
def started() -> Result:
    tried = "import os; open('/etc/passwd').read(); os.fork()"
    ended = subprocess.run([sys.executable, "-c", tried], capture_output=True, check=False)
    return ("harmless" if ended.returncode else "succeeded"), ended.stderr.decode()[-100:]


class Reduced:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


table(
    "data that runs code",
    change,
    {
        "pickle that names os.system": lambda: pickle.loads(b"cos\nsystem\n(S'exit 0'\ntR."),
        "pickle that names posix.system": lambda: pickle.loads(b"cposix\nsystem\n(S'exit 0'\ntR."),
        "pickle that names subprocess": lambda: pickle.loads(b"csubprocess\ncall\n((lS'/bin/true'\natR."),
        "marshalled code": lambda: eval(
            marshal.loads(marshal.dumps(compile("__import__('os').system('exit 0')", "x", "eval")))
        ),
    },
)
table(
    "data that runs code",
    read,
    {
        "pickle that opens": lambda: pickle.loads(pickle.dumps(Reduced(open, "/etc/passwd"))).read(),
        "code of another name": lambda: eval(compile("open(p).read()", "/etc/passwd", "eval"), {"p": "/etc/passwd"}),
        "an audit hook changes nothing": lambda: (sys.addaudithook(lambda *_: None), open("../outside/flag.txt").read())[1],
        "builtins taken again": lambda: module("builtins").__dict__["open"]("/etc/passwd").read(),
        "the frozen importer's reader": lambda: (
            module("_frozen_importlib_external").FileLoader("x", "y").get_data("/etc/passwd")
        ),
    },
)


@attempt("faulthandler: dumps into the host's descriptors", inside="the host tells")
def dumped() -> Result:
    import faulthandler

    for descriptor in range(3, 64):
        try:
            faulthandler.dump_traceback(descriptor, all_threads=False)
        except (OSError, ValueError, RuntimeError):
            continue
    return "harmless", "the host compares its files"


table("faulthandler", change, {"later, by a thread": lambda: dumped_later()})


def dumped_later() -> str:
    faults = module("faulthandler")
    faults.dump_traceback_later(1000, file=2)
    faults.cancel_dump_traceback_later()
    return "waiting"


@attempt("signals: a handler stays in the sandbox", inside="a process has its own")
def handled() -> Result:
    """Python accepts a handler; nothing of the host's process is told."""
    taken = []
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
            taken.append(number)
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        except (OSError, ValueError):
            continue
    return "harmless", repr(taken)


@attempt("variables: put by the program stay in it", inside="a process has its own")
def put_variables() -> Result:
    for name in ("WENV_CACHE_DIR", "LD_PRELOAD", "PATH", "PYTHONSTARTUP"):
        os.putenv(name, "/tmp/planted")
        os.unsetenv(name)
    return ("succeeded" if leaks(dict(os.environ)) else "harmless"), "the host goes on"
