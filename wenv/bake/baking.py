"""Baking: which modules can be saved imported in an environment's component, and the component with them.

A module is fit if, watched in a sandbox that is thrown away, its import depends on nothing that differs between runs; the
environment variables that it looked at are remembered, and a run in which one of them is another starts unbaked.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wenv.engine.replies import read_reply, texts
from wenv.environment.granting import policy_of
from wenv.environment.kinds import Kind
from wenv.environment.manifest import Baked, Environment
from wenv.errors import TimeLimitError, TrapError, WenvError
from wenv.launcher.guest_paths import CODE, PRIVATE, TEMPORARY
from wenv.launcher.limits import CAPTURED, DISK, OPEN_FILES
from wenv.launcher.private import PrivateFolders
from wenv.launcher.request import terminal_variables
from wenv.policy.policy import Policy
from wenv.runtimes import Baking, Runtime
from wenv.runtimes.needs import needs_for
from wenv.snapshot.code_index import IMAGES, image_key, layer_mounts
from wenv.snapshot.contents import top_level_modules
from wenv_cache.reading import Given, printable
from wenv_resolver.progress import Progress

TRYING = "Watching imports"
#: What importing a module may use to be baked.
LIMITS = Policy(time=120.0, output=CAPTURED)


def baking_of(runtime: Runtime, environment: Environment, baked: Baked | None = None) -> Baking | None:
    """What the runtime must be told to have this baked, or what the environment has; None for nothing."""
    chosen = environment.baked if baked is None else baked
    return baking_with(runtime, environment, chosen.modules, chosen.variables) if chosen.modules else None


def baking_with(
    runtime: Runtime, environment: Environment, modules: Sequence[str], variables: tuple[tuple[str, str | None], ...]
) -> Baking:
    """What the runtime must be told to have these modules baked; the image must be there."""
    store, key = runtime.store, image_key(runtime, environment)
    needs = needs_for(runtime, environment, writable=False)
    trees = {package.guest_base.name: store.layer_folder(package.digest) / "tree" for package in environment.packages}
    image = store.derived_folder(IMAGES, key)
    return Baking(key, image, trees, tuple(sorted(modules)), variables, needs.stubs)


def is_baked(runtime: Runtime, environment: Environment) -> bool:
    """Whether the environment has a baked component that can be run."""
    baking = baking_of(runtime, environment)
    return baking is not None and runtime.executable(environment.natives, baking).is_there


def size(runtime: Runtime, environment: Environment) -> int:
    """Bytes that the environment's baked modules take on the disk: a component, compiled, or an image of memory."""
    executable = runtime.executable(environment.natives, baking_of(runtime, environment))
    return (executable.memory or executable.code).stat().st_size


def requested_modules(runtime: Runtime, environment: Environment, progress: Progress) -> list[str]:
    """The top-level modules of the packages that were asked for."""
    names = environment.requested_names
    chosen = [package for package in environment.packages if package.name in names]
    modules = {module for package in chosen for module in top_level_modules(runtime.store, package)}
    held = runtime.contained(progress)
    return sorted(modules.union(*(held[name].modules for name in names & held.keys())))


def bake(runtime: Runtime, environment: Environment, modules: Sequence[str], progress: Progress) -> Baked:
    """Have a component in the store that holds these modules imported, as far as they are fit; hold `Store.adding`.

    Raises WenvError if none is.
    """
    needs = needs_for(runtime, environment, writable=policy_of(environment).write)
    given = {**terminal_variables(os.environ), **needs.environment}
    fit = fit_modules(runtime, environment, modules, needs.stubs, given, progress)
    if not fit.modules:
        reasons = "".join(f"\n  - {module}: {reason}" for module, reason in fit.left_out.items())
        raise WenvError(f"nothing can be baked{reasons or ': no package was asked for'}", "name modules with --import")
    variables = tuple((name, given.get(name)) for name in fit.variables)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    chosen = Baked(fit.modules, variables, tuple(sorted(fit.left_out.items())), now, fit.absent)
    runtime.component(progress, environment.natives, baking_of(runtime, environment, chosen))
    return chosen


@dataclass(frozen=True, slots=True)
class Fit:
    """Which modules can be saved imported, and why the others cannot.

    `variables` are the environment variables that the imports looked at, `absent` the guest paths of files that they looked for
    in vain, `files` the source files (guest paths) of all that is
    in memory with them.
    """

    modules: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()


def fit_modules(
    runtime: Runtime,
    environment: Environment,
    modules: Sequence[str],
    stubs: Sequence[str],
    given: Mapping[str, str],
    progress: Progress,
) -> Fit:
    """Which modules can be saved imported; `given` is the environment that they are imported in."""
    left_out: dict[str, str] = {}
    looked_at: set[str] = set()
    absent: set[str] = set()
    files: set[str] = set()
    progress.begin(TRYING, len(modules))
    for module in modules:
        progress.note(TRYING, module)
        verdict = _tried(runtime, environment, module, trial_request(stubs, given), progress)
        if verdict["against"]:
            left_out[module] = verdict["against"]
        else:
            looked_at.update(verdict["variables"])
            absent.update(verdict["absent"])
            files.update(verdict["files"])
        progress.advance(TRYING, 1)
    progress.end(TRYING)
    chosen = tuple(name for name in modules if name not in left_out)
    return Fit(chosen, left_out, tuple(sorted(looked_at)), tuple(sorted(absent)), frozenset(files))


def _tried(
    runtime: Runtime, environment: Environment, module: str, request: dict[str, object], progress: Progress
) -> dict[str, Any]:
    """The guest's verdict on one module (wenv/guest/bake/trial.py)."""
    from wenv.engine.remote import RemoteSession  # late: imports wasmtime

    preopens = [mount.preopen for mount in layer_mounts(runtime, environment, progress)]
    runtime.component(progress, environment.natives)
    order = {"request": request, "module": module, "renewed": runtime.kind is Kind.SCIENTIFIC}
    with PrivateFolders(()) as private:
        folders = [*preopens, *private.preopens]
        executable = runtime.executable(environment.natives)
        try:  # in a process of its own: what a module does while it is imported may never end
            with closing(RemoteSession(executable, folders, private.measured, LIMITS, sink=lambda *_: None)) as session:
                verdict = session.call_text("trial", json.dumps(order), LIMITS.time)
        except TimeLimitError:
            return {"against": f"its import takes more than {LIMITS.time:g} s"}
        except TrapError as error:
            return {"against": f"it ended the sandbox: {error}"}
        except SystemExit:
            return {"against": "it ends the program"}
    return read_reply("trial", verdict, _verdict)


def _verdict(given: Given) -> dict[str, Any]:
    """What the code of a module, which ran where this was put together, may say of itself."""
    against = printable(given["against"].text(longest=100_000, controls=True))
    lists = {key: texts(given[key]) for key in ("variables", "absent", "files")}
    if any("=" in name or not name for name in lists["variables"]):
        raise given.error("a variable without a name")
    return {"against": against, **lists}


def trial_request(stubs: Sequence[str], environment: Mapping[str, str]) -> dict[str, object]:
    """The request of a run without a program, in which modules are imported to learn about them: in an empty folder."""
    return {
        "form": "code",
        "target": "",
        "arguments": [],
        "directory": TEMPORARY,
        "environment": dict(environment),
        "code": CODE,
        "stubs": list(stubs),
        "terminal": None,
        "shared": {},
        "flags": {"unbuffered": False, "safe_path": False, "warnings": ["ignore"]},
        "limits": {"memory": None, "disk": DISK, "open_files": OPEN_FILES},
        "control": PRIVATE,
    }
