"""The long way to run a program: makes what is missing, says what is wrong, and leaves a plan for the short way.

What a program is given is decided by wenv/launcher/sandbox.py, for both.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution, version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cache.files import write_atomically
from cache.store import Store
from resolver.progress import Progress
from wenv import startfile
from wenv.baking import baking_of, is_baked
from wenv.environment import Environment, register
from wenv.errors import StaleEnvironmentError, WenvError
from wenv.guest.command_line import CommandLine
from wenv.guest.request import Request
from wenv.image import has_image, image, layer_mounts
from wenv.launcher import plan as plans
from wenv.launcher import sandbox as sandboxes
from wenv.launcher.clibrary import SERIES
from wenv.launcher.memory import memory_of
from wenv.launcher.places import place_variables
from wenv.launcher.private import PrivateFolders
from wenv.launcher.sandbox import Preopen
from wenv.locations import cache_folder, data_folder, registry_folder, temporary_environments
from wenv.plots import plots_mount, plots_variables
from wenv.policy import Mount, Policy
from wenv.runtimes import Runtime
from wenv.runtimes.needs import needs_for
from wenv.scripts import refresh_scripts
from wenv.snapshot import console_scripts

if TYPE_CHECKING:
    from wenv.launcher.plan import Baked, Plan
    from wenv.runtimes import Baking


def program_of(line: CommandLine, store: Store, environment: Environment) -> sandboxes.Program:
    """What a command line means in an environment; raises WenvError if it means nothing."""
    scripts = console_scripts(store, environment.packages)
    program = sandboxes.program_of(line, scripts)
    if program is None:
        raise _unknown_program(line.target, scripts)
    return program


def _unknown_program(name: str, scripts: Iterable[str]) -> WenvError:
    close = difflib.get_close_matches(name, list(scripts), n=3)
    if os.sep in name or name.endswith(".py"):
        return WenvError(f"can't open {name!r}: no such file", "the path is relative to the folder you are in")
    hint = f"did you mean {', '.join(close)}?" if close else "`wenv info` lists the console scripts"
    return WenvError(f"no file and no console script called {name!r}", hint)


def ensure_ready(runtime: Runtime, environment: Environment, progress: Progress) -> None:
    """Make what is missing to run the environment; usually nothing is.  Raises StaleEnvironmentError."""
    store = runtime.store
    if not runtime.is_prepared(environment.natives) or not has_image(runtime, environment):
        from wenv.creation import compile_layers

        with store.adding():
            runtime.prepare(progress)
            _check_runtime(runtime, environment, progress)
            compile_layers(runtime, environment.packages, progress)
            image(runtime, environment, progress)
            runtime.component(progress, environment.natives)
    _check_runtime(runtime, environment, progress)


def _check_runtime(runtime: Runtime, environment: Environment, progress: Progress) -> None:
    if environment.runtime.standard_library != runtime.standard_library(progress):
        raise StaleEnvironmentError(environment.runtime.identity, runtime.identity)


def plan_of(runtime: Runtime, environment: Environment, progress: Progress) -> "Plan":
    """The launch plan of an environment that is ready to run."""
    executable = runtime.executable(environment.natives)
    writing, reading = (needs_for(runtime, environment, writable=writable) for writable in (True, False))
    plots = plots_variables(environment)
    library = _wasmtime_library()
    return {
        "format": plans.FORMAT,
        "wenv": plans.identity(),
        "folder": str(environment.folder),
        "manifest": list(environment.stamp or plans.manifest_stamp(str(environment.folder))),
        "places": place_variables(),
        "library": library,
        "library_stamp": plans.file_stamp(library),
        "component": str(executable.code),
        "memory": str(executable.memory or ""),
        "baked": _baked(runtime, environment),
        "preopens": [mount.preopen for mount in (*layer_mounts(runtime, environment, progress), *plots_mount(environment))],
        "scripts": console_scripts(runtime.store, environment.packages),
        "stubs": list(writing.stubs),
        "variables": {**writing.environment, **plots},
        "read_only_variables": {**reading.environment, **plots},
        "policy": environment.granted.as_json(),
        "own": [str(cache_folder()), str(data_folder())],
    }


def _baked(runtime: Runtime, environment: Environment) -> "Baked | None":
    if not is_baked(runtime, environment):
        return None
    baked = runtime.executable(environment.natives, baking_of(runtime, environment))
    return {
        "component": str(baked.code),
        "memory": str(baked.memory or ""),
        "least": memory_of(str(baked.memory)) if baked.memory is not None else 0,
        "variables": dict(environment.baked.variables),
        "absent": list(environment.baked.absent),
    }


def fitting(
    runtime: Runtime,
    environment: Environment,
    plan: "Plan",
    request: Request,
    shared: Sequence[Preopen],
    limit: int | None,
) -> "Baking | None":
    """What is baked for a run: nothing, where something is not as it was when the modules were imported."""
    plain = plans.executable(plan, request, shared, limit) == (plan["component"], plan["memory"])
    return None if plain else baking_of(runtime, environment)


def leave_plan(runtime: Runtime, environment: Environment, progress: Progress) -> "Plan":
    """The plan of an environment, kept for the next run unless the manifest's policy was not granted (which a run says)."""
    plan = plan_of(runtime, environment, progress)
    if environment.is_policy_granted:
        _keep(Path(plans.plan_file(str(registry_folder()), plan["folder"])), plans.text_of(plan))
        _keep(startfile.start_file(registry_folder(), plan["folder"]), startfile.text_of(plan))
        refresh_scripts(runtime.store, environment)
    return plan


def _keep(path: Path, data: bytes) -> None:
    """Have a file hold `data`."""
    if not (path.is_file() and path.read_bytes() == data):
        write_atomically(path, data)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything that a session needs: what is baked into its component, preopened folders and the request."""

    baking: "Baking | None"
    preopens: tuple[Preopen, ...]
    request: Request
    private: PrivateFolders


@contextmanager
def sandbox(
    runtime: Runtime, environment: Environment, program: sandboxes.Program, policy: Policy, progress: Progress
) -> Iterator[Sandbox]:
    """Prepare a run; its private folders are gone afterwards.  Raises MountError."""
    ensure_ready(runtime, environment, progress)
    register(environment.folder)  # a project that was moved, or came from elsewhere
    if not environment.is_policy_granted and environment.folder.parent.parent != temporary_environments():
        hint = "`wenv import --clear --grant` or options of `wenv run` grant it"
        progress.say(f"ignored: the policy in {environment.folder}, which was not granted on this machine ({hint})")
    plan = leave_plan(runtime, environment, progress)
    here = str(Path.cwd())
    shared = sandboxes.shared_folders(here, program.folder, policy.as_json())
    for host, guest, writable in shared:
        Mount(Path(host), PurePosixPath(guest), writable).check_writable()
    request = sandboxes.request_of(plan, program, policy.as_json(), here, shared)
    with PrivateFolders(mount[1] for mount in shared) as private:
        yield Sandbox(
            fitting(runtime, environment, plan, request, shared, policy.memory),
            (*plan["preopens"], *shared, *private.preopens),
            request,
            private,
        )


def run(runtime: Runtime, environment: Environment, program: sandboxes.Program, policy: Policy, progress: Progress) -> int:
    """Run a program to its end; returns its exit status.  Raises TrapError, and KeyboardInterrupt on Ctrl-C."""
    from wenv.host.run import run_main  # late: imports wasmtime
    from wenv.host.session import Limits, Session

    with sandbox(runtime, environment, program, policy, progress) as prepared:
        component = runtime.component(progress, environment.natives, prepared.baking)
        limits = Limits(policy.memory, policy.output)
        status = run_main(lambda: Session(component, prepared.preopens, limits), prepared.request, policy.time)
        left = prepared.private.exit_status()
        return status if left is None else left


def _wasmtime_library() -> str:
    """The C library inside the installed wasmtime package; empty, so that no run takes the short way, if it is another one."""
    if not version("wasmtime").startswith(SERIES):
        return ""
    package = Path(str(distribution("wasmtime").locate_file("wasmtime")))
    found = [path for pattern in ("*/*wasmtime.so", "*/*wasmtime.dylib", "*/*wasmtime.dll") for path in package.glob(pattern)]
    return str(found[0]) if len(found) == 1 else ""
