"""The long way to run a program: makes what is missing, says what is wrong, and leaves a plan for the short way.

What a program is given is decided by wenv/launcher/request.py, for both.
"""

import difflib
import os
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from wenv.bake.baking import is_baked
from wenv.environment.granting import ungranted
from wenv.environment.known import register
from wenv.environment.manifest import Environment
from wenv.errors import DiskLimitError, Exit, OutputLimitError, TimeLimitError, TrapError, WenvError
from wenv.guest.command_line import CommandLine
from wenv.guest.request import LIMIT_STATUS, Request
from wenv.launcher import program as programs
from wenv.launcher.children import Children
from wenv.launcher.guest_paths import TEMPORARY
from wenv.launcher.limits import Bounds, Usage, Watch, lift_limits, limit_process, measure
from wenv.launcher.preopens import Preopen, shared_folders, with_editables
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.program import Program
from wenv.launcher.protect import changed, protect, protected, state
from wenv.launcher.request import request_of
from wenv.locations import temporary_environments
from wenv.policy.mounts import Mount
from wenv.policy.policy import Policy
from wenv.run.bin import refresh_scripts
from wenv.run.databases import locked
from wenv.run.outside import Outside, brokered
from wenv.run.planning import fitting, leave_plan
from wenv.snapshot.contents import console_scripts
from wenv.snapshot.ready import Ready
from wenv_cache.errors import FullDiskError, UserError
from wenv_cache.store import Store
from wenv_resolver.progress import Progress

if TYPE_CHECKING:
    from wenv.network.broker import Broker
    from wenv.runtimes import Baking


#: Said after a run where folders could not be kept read-only.
CHANGED = "look before you run anything there: the program changed {files}"
#: What a run was stopped for, by the error.
REASONS: dict[type[TrapError], str] = {TimeLimitError: "time", OutputLimitError: "output", DiskLimitError: "disk"}


def program_of(line: CommandLine, store: Store, environment: Environment) -> Program:
    """What a command line means in an environment; raises WenvError if it means nothing."""
    scripts = console_scripts(store, environment.packages)
    program = programs.program_of(line, scripts)
    if program is None:
        raise _unknown_program(line.target, scripts)
    return program


def _unknown_program(name: str, scripts: Iterable[str]) -> WenvError:
    if (project := _project_with(name)) is not None:
        return WenvError(
            f"{name} is a script of {project}, which is not installed", "`wenv install -e .` installs the project here"
        )
    close = difflib.get_close_matches(name, list(scripts), n=3)
    if os.sep in name or name.endswith(".py"):
        return WenvError(f"can't open {name!r}: no such file", "the path is relative to the folder you are in")
    hint = f"did you mean {', '.join(close)}?" if close else "`wenv info` lists the console scripts"
    return WenvError(f"no file and no console script called {name!r}", hint)


def _project_with(script: str) -> str | None:
    """The name of the project here that has such a console script."""
    with suppress(OSError, ValueError):
        project = tomllib.loads(Path("pyproject.toml").read_text("utf-8")).get("project")
        scripts = project.get("scripts") if isinstance(project, dict) else None
        if isinstance(project, dict) and isinstance(scripts, dict) and script in scripts:
            return str(project.get("name", "the project here"))
    return None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything that a session needs: what is baked into its component, preopened folders and the request."""

    baking: "Baking | None"
    preopens: tuple[Preopen, ...]
    shared: tuple[Preopen, ...]
    request: Request
    private: PrivateFolders
    broker: "Broker | None"
    children: Children


@contextmanager
def sandbox(
    ready: Ready,
    program: Program,
    policy: Policy,
    progress: Progress,
    databases: Sequence[Path] = (),
    outside: Outside | None = None,
    *,
    is_told: bool = False,
) -> Iterator[Sandbox]:
    """Prepare a run; its private folders are gone afterwards, and `databases` are locked until then (databases.py).

    `outside` is what it has of the host besides; `is_told` says that somebody takes its output.

    Raises MountError, UsageError and WenvError.
    """
    environment, outside = ready.environment, outside or Outside()  # one for each run: it keeps the run's secrets
    with suppress(OSError, FullDiskError):  # where nothing can be written, programs run all the same
        register(environment.folder)  # a project that was moved, or came from elsewhere
    granted, asked = environment.is_policy_granted(), ungranted(environment)
    if not granted and environment.folder.parent.parent != temporary_environments():
        hint = "`wenv import --clear --grant` or options of `wenv run` grant it"
        progress.say(f"ignored: the policy in {environment.folder}, which was not granted on this machine ({hint})")
    if asked is not None:
        progress.say(f"ignored: what {asked.path} asks for, {asked.policy.words} (`wenv grant` grants it)")
    if environment.baked.modules and not is_baked(ready.runtime, environment):
        progress.say("programs start unbaked: this was baked by another version of wenv (`wenv bake` bakes it anew)")
    plan = leave_plan(ready)
    if granted and asked is None:
        refresh_scripts(ready.runtime.store, environment)  # for a project that was moved
    here = str(Path.cwd()) if program.source is None else os.sep  # which is not shared
    shared = shared_folders(here, program.folder, policy.as_json())
    shared = with_editables(plan, shared)
    for host, guest, writable in shared:
        Mount(Path(host), PurePosixPath(guest), writable).check_writable()
    request = request_of(plan, program, policy.as_json(), here, shared)
    with (
        PrivateFolders(mount[1] for mount in shared) as private,
        locked(databases, shared) as names,
        brokered(policy, private, progress, outside) as broker,
    ):
        request["databases"] = names
        request["host"], request["functions"] = outside.granted(policy), outside.definitions
        request["environment"].update(broker.vault.placeholders if broker is not None else {})
        if program.source is not None:
            Path(private.root, TEMPORARY.strip("/"), PurePosixPath(program.target).name).write_bytes(program.source)
        inherits = not is_told and policy.output is None and outside.vault(policy) is None
        children = outside.children(outside.told(plan, request, policy, shared, private, inherits=inherits), broker)
        with closing(children):
            yield Sandbox(
                fitting(ready, plan, request, shared, policy.memory),
                (*plan["preopens"], *shared, *private.preopens),
                tuple(shared),
                request,
                private,
                broker,
                children,
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    `reason` is ``exited``, or what stopped it: ``time``, ``memory``, ``output``, ``disk``, ``open_files``, ``trap``; or
    ``not_started``; `message` says it in words.  `seconds` are from the program's start on; `peak_memory` is in bytes, of the
    process that it ran in, None where the system does not tell; `output` and `disk` are bytes, what its private folders held at
    most when looked at.
    """

    status: int
    reason: str
    message: str
    seconds: float
    peak_memory: int | None
    output: int
    disk: int
    output_cut: bool

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def not_started(error: UserError) -> Outcome:
    """The outcome of a run that an error has prevented."""
    message = str(error) + (f" ({error.hint})" if error.hint else "")
    return Outcome(Exit.NOT_STARTED, "not_started", message, 0.0, None, 0, 0, output_cut=False)


def run(
    ready: Ready,
    program: Program,
    policy: Policy,
    progress: Progress,
    databases: Sequence[Path] = (),
    outside: Outside | None = None,
) -> int:
    """Run a program to its end; returns its exit status.  Raises TrapError, and KeyboardInterrupt on Ctrl-C."""
    outcome, error = run_told(ready, program, policy, progress, None, databases, outside)
    if error is not None:
        raise error
    return outcome.status


def run_told(
    ready: Ready,
    program: Program,
    policy: Policy,
    progress: Progress,
    sink: Callable[[int, bytes], None] | None,
    databases: Sequence[Path] = (),
    outside: Outside | None = None,
) -> tuple[Outcome, TrapError | None]:
    """Run a program to its end; what it prints goes to `sink` (descriptor, data), or where this process's output goes.

    `outside` is what it has of the host besides.

    Returns also what stopped it, if anything did.  Raises KeyboardInterrupt on Ctrl-C.
    """
    from wenv.engine.limits import Limits
    from wenv.engine.session import Session
    from wenv.engine.threaded import run_in_session  # late: imports wasmtime

    watches: list[Watch] = []
    printed = [0]

    def counted(descriptor: int, data: bytes) -> None:
        printed[0] += len(data)
        if sink is not None:
            sink(descriptor, data)

    with sandbox(ready, program, policy, progress, databases, outside, is_told=sink is not None) as prepared:
        component = ready.runtime.component(progress, ready.environment.natives, prepared.baking)
        limits, private, bounds = Limits(policy.memory, policy.output), prepared.private, Bounds(policy.as_json())
        guarded = protected(prepared.shared)
        before_run = None if protect(guarded, prepared.shared) else state(guarded)
        shared = [host for host, _, writable in prepared.preopens if writable and Path(host).parent != Path(private.root)]

        def start(session: Session) -> int:
            limit_process(bounds, writes_elsewhere=policy.shares_for_writing)
            watches.append(Watch(bounds, private.measured, shared if not policy.write and not policy.mounts else ()))
            try:
                return session.main(prepared.request)
            except SystemExit as leaving:
                return int(leaving.code or 0)

        def whole() -> int:
            return run_in_session(
                lambda: Session(
                    component,
                    prepared.preopens,
                    limits,
                    sink=None if sink is None else counted,
                    broker=prepared.broker,
                    children=prepared.children,
                ),
                start,
                private,
                policy.time,
                lambda: watches[0].look() if watches else None,
            )

        begun = time.monotonic()
        status, reason, error = _how_it_ended(private, whole)
        if before_run is not None and (files := changed(before_run, guarded)):
            progress.say(CHANGED.format(files=", ".join(files[:5])))
        outcome = Outcome(
            status=status,
            reason=reason,
            message="" if error is None else str(error),
            seconds=round(time.monotonic() - begun, 3),
            peak_memory=_peak_memory(),
            output=printed[0],
            disk=max(_kept(private, bounds), *(watch.largest for watch in watches), 0),
            output_cut=reason == "output",
        )
        return outcome, error


def _how_it_ended(private: PrivateFolders, run: Callable[[], int]) -> tuple[int, str, TrapError | None]:
    """Run a program; returns its exit status, the reason as in `Outcome`, and what stopped it, if anything did."""
    try:
        status = run()
    except TrapError as error:
        reason = REASONS.get(type(error), "trap")
        left = private.exit_status() if reason == "trap" else None
        if left is not None:  # it ended by os._exit, which is a trap here
            return left, "exited", None
        return int(error.status), reason, error
    finally:
        lift_limits()
    left, said = private.exit_status(), private.said("limit")
    return status if left is None else left, said if said in LIMIT_STATUS else "exited", None


def _kept(private: PrivateFolders, bounds: Bounds) -> int:
    """Bytes that are in the private folders now."""
    found = Usage()
    for folder in private.measured if private.root else ():
        measure(folder, found, bounds)
    return found.size


def _peak_memory() -> int | None:
    """The most bytes of memory that this process has had."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
