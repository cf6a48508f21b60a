"""Trying which modules can be baked."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from wenv.engine.limits import Limits
from wenv.engine.replies import read_reply, texts
from wenv.errors import TimeLimitError, TrapError
from wenv.guest.request import Request
from wenv.launcher.guest_paths import CODE, PRIVATE, TEMPORARY
from wenv.launcher.limits import CAPTURED, DISK, OPEN_FILES
from wenv.launcher.private_folders import PrivateFolders
from wenv.snapshot.ready import Ready
from wenv_cache.reading import Given, printable
from wenv_resolver.progress import Progress

TRYING = "Watching imports"
#: What importing a module may use to be baked: seconds, and bytes of output.
TIME, LIMITS = 120.0, Limits(output=CAPTURED)


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
    ready: Ready,
    modules: Sequence[str],
    stubs: Sequence[str],
    given: Mapping[str, str],
    progress: Progress,
    *,
    looked_for: bool,
) -> Fit:
    """Which modules can be saved imported; `given` is the environment that they are imported in.

    `looked_for` says that before each run somebody looks for the files that were looked for in vain.
    """
    left_out: dict[str, str] = {}
    looked_at: set[str] = set()
    absent: set[str] = set()
    files: set[str] = set()
    progress.begin(TRYING, len(modules))
    for module in modules:
        progress.note(TRYING, module)
        verdict = _tried(ready, module, trial_request(stubs, given), progress, looked_for=looked_for)
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


def _tried(ready: Ready, module: str, request: Request, progress: Progress, *, looked_for: bool) -> dict[str, Any]:
    """The guest's verdict on one module (wenv/guest/bake/trial.py)."""
    from wenv.engine.remote import RemoteSession  # late: imports wasmtime

    preopens, runtime, natives = [mount.preopen for mount in ready.mounts], ready.runtime, ready.environment.natives
    runtime.component(progress, natives)
    order = {"request": request, "module": module, "renewed": runtime.forks_memory, "looked_for": looked_for}
    with PrivateFolders(()) as private:
        folders = [*preopens, *private.preopens]
        executable = runtime.executable(natives)
        try:  # in a process of its own: what a module does while it is imported may never end
            with closing(RemoteSession(executable, folders, private.measured, LIMITS, {}, sink=lambda *_: None)) as session:
                verdict = session.call_text("trial", json.dumps(order), TIME)
        except TimeLimitError:
            return {"against": f"its import takes more than {TIME:g} s"}
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


def trial_request(stubs: Sequence[str], environment: Mapping[str, str]) -> Request:
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
        "editables": [],
        "databases": [],
        "flags": {"unbuffered": False, "safe_path": False, "warnings": ["ignore"]},
        "limits": {"memory": None, "disk": DISK, "open_files": OPEN_FILES},
        "host": [],
        "functions": {},
        "process": 0,
        "control": PRIVATE,
    }
