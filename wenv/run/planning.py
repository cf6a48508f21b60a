"""Launch plans: what the short way needs to start programs in an environment."""

from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import distribution, version
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.bake.baking import baking_of
from wenv.environment.editables import shared_projects
from wenv.environment.granting import policy_of, withholds_nothing
from wenv.environment.manifest import Environment
from wenv.guest.request import Request
from wenv.launcher import plan as plans
from wenv.launcher.c_api import SERIES
from wenv.launcher.guest_paths import place_variables
from wenv.launcher.memory_image import memory_of
from wenv.launcher.preopens import Preopen
from wenv.locations import registry_folder
from wenv.policy.mounts import own_folders
from wenv.run import start_file
from wenv.run.plots import plots_of
from wenv.runtimes import Runtime
from wenv.runtimes.needs import needs_for
from wenv.snapshot.contents import console_scripts
from wenv.snapshot.ready import Ready
from wenv_cache.errors import FullDiskError
from wenv_cache.files import write_atomically

if TYPE_CHECKING:
    from wenv.launcher.plan import Baked, Plan
    from wenv.runtimes import Baking


def plan_of(ready: Ready) -> "Plan":
    """The launch plan of an environment."""
    runtime, environment = ready.runtime, ready.environment
    executable = runtime.executable(environment.natives)
    baked = _baked(runtime, environment)
    writing, reading = (needs_for(runtime, environment, writable=writable) for writable in (True, False))
    pictures, plots = plots_of(ready)
    shared = shared_projects(environment)
    library = _wasmtime_library()
    return {
        "format": plans.FORMAT,
        "wenv": plans.identity(),
        "folder": str(environment.folder),
        "manifest": list(environment.stamp or plans.manifest_stamp(str(environment.folder))),
        "requests": plans.request_stamps(str(environment.folder)),
        "places": place_variables(),
        "library": library,
        "library_stamp": plans.file_stamp(library),
        "component": str(executable.code),
        "memory": str(executable.memory or ""),
        "baked": baked,
        "preopens": [mount.preopen for mount in (*ready.mounts, *pictures)],
        "editables": [project.entry for project in shared],
        "scripts": console_scripts(runtime.store, environment.packages),
        "stubs": list(writing.stubs),
        "variables": {**writing.environment, **plots},
        "read_only_variables": {**reading.environment, **plots},
        "policy": policy_of(environment).as_json(),
        "own": own_folders(),
    }


def _baked(runtime: Runtime, environment: Environment) -> "Baked | None":
    baking = baking_of(runtime, environment)
    if baking is None:
        return None
    baked = runtime.executable(environment.natives, baking)
    if not baked.is_there:
        return None
    return {
        "component": str(baked.code),
        "memory": str(baked.memory or ""),
        "least": memory_of(str(baked.memory)) if baked.memory is not None else 0,
        "variables": dict(environment.baked.variables),
        "absent": list(environment.baked.absent),
    }


def fitting(ready: Ready, plan: "Plan", request: Request, shared: Sequence[Preopen], limit: int | None) -> "Baking | None":
    """What is baked for a run: nothing, where something is not as it was when the modules were imported."""
    plain = plans.executable(plan, request, shared, limit) == (plan["component"], plan["memory"])
    return None if plain else baking_of(ready.runtime, ready.environment)


def leave_plan(ready: Ready) -> "Plan":
    """The plan of an environment, kept for the next run unless the manifest's policy was not granted (which a run says)."""
    plan, environment = plan_of(ready), ready.environment
    if withholds_nothing(environment):
        with suppress(OSError, FullDiskError):  # then the next run takes the long way again
            _keep(Path(plans.plan_file(str(registry_folder()), plan["folder"])), plans.text_of(plan))
            _keep(start_file.path_of(registry_folder(), plan["folder"]), start_file.text_of(plan))
    return plan


def _keep(path: Path, data: bytes) -> None:
    """Have a file hold `data`."""
    if not (path.is_file() and path.read_bytes() == data):
        write_atomically(path, data)


def _wasmtime_library() -> str:
    """The C library inside the installed wasmtime package; empty, so that no run takes the short way, if it is another one."""
    if not version("wasmtime").startswith(SERIES):
        return ""
    package = Path(str(distribution("wasmtime").locate_file("wasmtime")))
    found = [path for pattern in ("*/*wasmtime.so", "*/*wasmtime.dylib", "*/*wasmtime.dll") for path in package.glob(pattern)]
    return str(found[0]) if len(found) == 1 else ""
