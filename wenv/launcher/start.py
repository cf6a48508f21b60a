"""Runs a program in an environment by its launch plan; what a plan does not cover goes the long way."""

import _thread
import os
import sys
import time

from wenv.guest import command_line
from wenv.launcher import plan, traps
from wenv.launcher.c_api import CHILD_ORDER, REFUSED, ComponentMachine, Exited, Machine, Trap, UnusableError
from wenv.launcher.guest_paths import ACTIVE_VARIABLE, ENVIRONMENT_FOLDER, MANIFEST_NAME, ancestors
from wenv.launcher.limits import Bounds, Watch, lift_limits, limit_process
from wenv.launcher.preopens import shared_folders, with_editables, writes_into
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.program import may_have_block, program_of, stdin_has_block
from wenv.launcher.request import encoded, request_of
from wenv.launcher.stacks import start_deep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from wenv.launcher.c_api import Guest
    from wenv.launcher.children import Children
    from wenv.launcher.plan import Plan
    from wenv.launcher.preopens import Preopen

PYTHON_NAMES = ("python", "python3")
#: How often the waiting main thread wakes up, in seconds: where waiting cannot be interrupted, Ctrl-C is seen then.
WAKE = 0.2
NOT_STARTED, INTERRUPTED = 125, 130
#: Set by the native launcher when its start file does not fit: only the long way makes it anew.
STALE = "WENV_START_FILE_IS_STALE"


def main(script: str, registry: str, target: str, whole: str) -> None:
    """What the files in an environment's ``bin`` call: run `target` with the process's arguments, and end the process.

    `whole` is the interpreter that wenv is installed for: it takes the long way.
    """
    open_standard_streams()
    folder = os.path.realpath(os.path.dirname(os.path.dirname(os.path.abspath(script))))
    if not os.path.exists(os.path.join(folder, MANIFEST_NAME)):  # reached through a link to the script
        folder = os.path.dirname(os.path.dirname(os.path.realpath(script)))
    arguments = [target, *sys.argv[1:]]
    if STALE not in os.environ:
        run_short(registry, folder, arguments)
    try:
        os.execv(whole, [whole, "-P", "-m", "wenv", "run", "--path", folder, *arguments])
    except OSError as error:
        os.write(2, f"error: wenv was installed for {whole}: {error.strerror}\n".encode("utf-8", "replace"))
        os._exit(NOT_STARTED)


def run_command(
    arguments: "Sequence[str]", named_environments: "Callable[[], str]", registry_folder: "Callable[[], str]"
) -> "list[str]":
    """What ``wenv run`` calls with the words after ``run``: ends the process, or returns the words for the long way.

    The other two give host folders: that of named environments, and that of what is known of environments.
    """
    stale = os.environ.pop(STALE, None)
    words, taken = list(arguments), list[str]()
    folder, write = "", False
    given: dict[str, str | None] = {}
    while words and words[0] in ("--path", "-n", "--name", "--write", "--env"):
        taken.append(option := words.pop(0))
        if option == "--write":
            write = True
            continue
        if not words:
            return list(arguments)
        taken.append(value := words.pop(0))
        if option == "--env":
            name, valued, text = value.partition("=")
            given[name] = text if valued else None
            if not name or (not valued and name not in os.environ):
                return list(arguments)
        elif folder or not value:
            return list(arguments)
        elif option == "--path":
            folder = os.path.realpath(value)
        else:
            place = named_environments()
            folder = os.path.join(place, value)
            if os.path.dirname(folder) != place:
                return list(arguments)
    if not words or words[0].startswith(("--", "-h", "-n", "-y")):
        return list(arguments)
    script = words[1] if words[0] in PYTHON_NAMES and len(words) > 1 else words[0]
    if not folder and script == "-" and stdin_has_block():
        return [*taken, "--", *words]
    if not folder and not script.startswith("-") and may_have_block(script):
        from wenv.launcher.script_notes import noted_environment  # late: most programs have no block

        folder = noted_environment(registry_folder(), script)
    else:
        folder = _manifest_folder(folder)
    if not stale and folder:
        run_short(registry_folder(), folder, words, write, given)
    return [*taken, "--", *words]  # else typer would look for its own letters in Python's options


def _manifest_folder(folder: str) -> str:
    """The folder of the environment that is meant (see `wenv.environment.manifest.find`); empty if that is not clear here."""
    if folder:
        candidates = [folder, os.path.join(folder, ENVIRONMENT_FOLDER)]
    elif active := os.environ.get(ACTIVE_VARIABLE):
        candidates = [active]
    else:
        try:
            candidates = [os.path.join(above, ENVIRONMENT_FOLDER) for above in ancestors(os.getcwd())]
        except OSError:
            return ""
        found = next((each for each in candidates if os.path.lexists(os.path.join(each, MANIFEST_NAME))), "")
        return found if found and _is_own(found) else ""
    return next((each for each in candidates if os.path.isfile(os.path.join(each, MANIFEST_NAME))), "")


def _is_own(folder: str) -> bool:
    """Whether an environment that was found upwards is the user's: `wenv.environment.trust` has the words if not."""
    if not hasattr(os, "geteuid"):
        return True
    statuses = [os.lstat(path) for path in (folder, os.path.join(folder, MANIFEST_NAME))]
    folder_kind, manifest_kind = (status.st_mode & 0o170000 for status in statuses)
    return folder_kind == 0o040000 and manifest_kind == 0o100000 and all(status.st_uid == os.geteuid() for status in statuses)


def run_short(
    registry: str, folder: str, arguments: "Sequence[str]", write: bool = False, given: "dict[str, str | None] | None" = None
) -> None:
    """Run the words of a ``python`` command line, or a console script and its arguments, and end the process.

    Returns if the environment has no plan that fits, or something is not as the plan says.
    """
    try:
        chosen = plan.read(registry, folder)
        plan.mark_used(registry, folder)
        status = None if chosen is None else _started(chosen, arguments, write, given or {})
    except (UnusableError, OSError, UnicodeError):  # before the guest started: the long way says what is wrong
        return
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        end_by_signal("SIGINT")
        status = INTERRUPTED
    if status is not None:
        os._exit(status)


def end_by_signal(name: str) -> None:
    """End the process by a signal, as programs do that were ended by one: a shell stops its loop then."""
    import _signal  # see `_end_like_errors`

    if os.name != "nt":
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
        os.kill(os.getpid(), getattr(_signal, name))


def _started(chosen: "Plan", arguments: "Sequence[str]", write: bool, given: "dict[str, str | None]") -> "int | None":
    """The exit status; None for what a plan does not cover.  Raises UnusableError."""
    words = list(arguments)
    if words[0] in PYTHON_NAMES:
        del words[0]
    try:
        line = command_line.parse(words)
    except Exception:  # a command line that is wrong: the long way says how
        return None
    if line.form == "prompt" and not os.isatty(0):
        line.form = "stdin"
    program = program_of(line, chosen["scripts"])
    policy = chosen["policy"]
    policy = {**policy, "write": policy["write"] or write, "environment": {**policy["environment"], **given}}
    if program is None or policy["output"] is not None or policy["net"] or policy["listen"]:
        return None
    here = os.getcwd()
    shared = shared_folders(here, program.folder, policy)
    if writes_into(shared, chosen["own"]):
        return None
    shared = with_editables(chosen, shared)
    request = request_of(chosen, program, policy, here, shared)
    preopens = [*chosen["preopens"], *shared]
    writes = any(writable for _, _, writable in shared)
    if writes and not _protected(shared):
        return None  # the long way compares what is to stay as it is
    private = PrivateFolders(guest for _, guest, _ in shared)
    children = _Children({"plan": chosen, "request": request, "shared": shared, "policy": policy, "inherits": True}, private)
    machine = _machine(children, chosen["library"], *plan.executable(chosen, request, shared, policy["memory"]))
    bounds = Bounds(policy)
    with private:
        guest = machine.prepared([*preopens, *private.preopens], policy["memory"])
        limit_process(bounds, writes_elsewhere=writes)
        watch = Watch(bounds, private.measured, [host for host, _, writable in chosen["preopens"] if writable])
        try:
            return _run(guest, encoded(request), private, watch, children, policy["time"], policy["memory"])
        finally:
            children.close()
            lift_limits()


def _protected(shared: "Sequence[Preopen]") -> bool:
    from wenv.launcher.protect import protect, protected  # late, as few runs may write

    return protect(protected(shared), shared)


class _Children:
    """What a guest orders: it may start other programs (`wenv.launcher.children`, which few do), and nothing else."""

    def __init__(self, told: "dict[str, Any]", private: PrivateFolders) -> None:
        self._told, self._private = told, private
        self._made: Children | None = None
        self.takes_bytes = False

    def answer(self, order: bytes) -> bytes:
        if not order.startswith(CHILD_ORDER):
            return REFUSED
        if self._made is None:
            from wenv.launcher.children import Children

            self._made = Children(lambda: {**self._told, "root": self._private.root})
            self._made.takes_bytes = self.takes_bytes
        return self._made.ask(order)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def _machine(children: _Children, library: str, compiled: str, image: str) -> Machine:
    if not image:
        return ComponentMachine(library, compiled, children.answer)
    from wenv.launcher.module import ModuleMachine

    children.takes_bytes = True
    return ModuleMachine(library, compiled, image, children.answer)


def _run(
    guest: "Guest",
    request: str,
    private: PrivateFolders,
    watch: Watch,
    children: _Children,
    seconds: "float | None",
    memory: "int | None",
) -> int:
    """Run the guest in a thread, so that the main thread hears signals and the clock, and looks at what the guest writes.

    A guest that is to stop ends with the process, whatever it is doing, and before its folders are deleted.
    """
    ended = _thread.allocate_lock()
    ended.acquire()
    outcome: list[int | BaseException] = []

    def work() -> None:
        try:
            outcome.append(guest.main(request))
        except BaseException as error:
            outcome.append(error)
        finally:
            ended.release()

    def stop(end: str) -> "NoReturn":
        from wenv.launcher.removal import stop_and_remove

        children.close()
        stop_and_remove([private.root], end)

    _end_like_errors()
    deadline = None if seconds is None else time.monotonic() + seconds
    start_deep(lambda: _thread.start_new_thread(work, ()))
    try:
        while not ended.acquire(timeout=_pause(watch, deadline)):
            if deadline is not None and time.monotonic() >= deadline:
                stop(str(_time_is_up(seconds or 0.0)))
            if reason := watch.look():
                stop(str(_disk_is_full(reason)))
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        stop("SIGINT")
    except SystemExit as leaving:  # a signal
        stop("SIGHUP" if leaving.code == 129 else "SIGTERM")
    given = private.exit_status()
    result = outcome[0]
    if isinstance(result, Trap):
        return given if given is not None else _trapped(str(result), memory)
    if isinstance(result, Exited):
        result = result.status
    if isinstance(result, BaseException):
        raise SystemError("the guest could not be called") from result
    return result if given is None else given


def _pause(watch: Watch, deadline: "float | None") -> float:
    """Seconds to wait for the guest before something is to be looked at."""
    pause = min(WAKE, watch.pause)
    return pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic()))


def _end_like_errors() -> None:
    """Let SIGTERM and SIGHUP raise SystemExit, so that private folders are removed."""
    import _signal  # the module behind `signal`, which takes a while to dress it in enumerations

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(_signal, name, None)
        if number is not None and _signal.getsignal(number) == _signal.SIG_DFL:
            _signal.signal(number, leave)


def _time_is_up(seconds: float) -> int:
    return _report(traps.time_is_up(seconds), traps.TIME_LIMIT)


def _disk_is_full(reason: str) -> int:
    return _report(traps.too_much_on_disk(reason), traps.DISK_LIMIT)


def explain(message: str) -> None:
    """Say what stopped a guest of the native launcher's, and end the process."""
    os._exit(_trapped(message, None))


def _trapped(message: str, memory: "int | None") -> int:
    return _report(traps.explain_trap(message, memory), traps.TRAPPED)


def _report(message: str, status: int) -> int:
    """Say what stopped the guest, as `wenv.cli.printer` would; returns the status."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not os.isatty(2)
    word = "error" if plain else "\33[1;31merror\33[0m"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    os.write(2, f"{word}: {shown}\n".encode("utf-8", "replace"))
    return status


def open_standard_streams() -> None:
    """Open what the caller closed of descriptors 0 to 2.

    The next files to be opened would get these numbers, and the sandbox would be given them as its own streams.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, "r", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
