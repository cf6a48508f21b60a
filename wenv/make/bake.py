"""Having an environment start with modules imported."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wenv.environment.editables import check_granted
from wenv.environment.manifest import Baked, Environment, load
from wenv.make.write import alone, computed
from wenv.run.planning import leave_plan
from wenv.runtimes import Runtime
from wenv.snapshot.ready import ensure_ready
from wenv_resolver.progress import Progress


def bake(runtime: Runtime, folder: Path, modules: Sequence[str] | None, progress: Progress) -> Environment:
    """Bake modules, by default those of the requested packages; the environment starts from there from now on."""
    from wenv.bake import baking

    store = runtime.store
    with store.writing() as writing, alone(store, folder):
        current = load(folder)
        check_granted(current)
        ready = ensure_ready(runtime, current, progress)
        chosen = baking.requested_modules(ready) if modules is None else sorted(set(modules))
        done = baking.bake(writing, ready, chosen, progress)
        made = replace(current, baked=done, stamp=None)
        made.save(computed(store, made), granting=current.is_policy_granted(), sharing=False)
        leave_plan(replace(ready, environment=made))
        return made


def unbake(runtime: Runtime, folder: Path) -> None:
    """Let the environment start unbaked again."""
    with runtime.store.writing(), alone(runtime.store, folder):
        current = load(folder)
        made = replace(current, baked=Baked(), stamp=None)
        made.save(computed(runtime.store, made), granting=current.is_policy_granted(), sharing=False)
