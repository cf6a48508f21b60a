"""Baking: which modules can be saved imported in an environment's component, and the component with them.

A module is fit if, watched in a sandbox that is thrown away, its import depends on nothing that differs between runs; the
environment variables that it looked at are remembered, and a run in which one of them is another starts unbaked.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from wenv.bake.trials import fit_modules
from wenv.derived_entries import IMAGES
from wenv.environment.granting import policy_of
from wenv.environment.manifest import Baked, Environment
from wenv.errors import WenvError
from wenv.launcher.request import terminal_variables
from wenv.runtimes import Baking, Runtime
from wenv.runtimes.needs import needs_for
from wenv.snapshot.code_index import image_key
from wenv.snapshot.contents import top_level_modules
from wenv.snapshot.ready import Ready
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress


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


def requested_modules(ready: Ready) -> list[str]:
    """The top-level modules of the packages that were asked for."""
    runtime, environment = ready.runtime, ready.environment
    names = environment.requested_names
    chosen = [package for package in environment.packages if package.name in names and package.editable is None]
    modules = {module for package in chosen for module in top_level_modules(runtime.store, package)}
    held = runtime.contents.packages
    return sorted(modules.union(*(held[name].modules for name in names & held.keys())))


def bake(writing: Writing, ready: Ready, modules: Sequence[str], progress: Progress) -> Baked:
    """Have a component in the store that holds these modules imported, as far as they are fit.

    Raises WenvError if none is.
    """
    runtime, environment = ready.runtime, ready.environment
    needs = needs_for(runtime, environment, writable=policy_of(environment).write)
    given = {**terminal_variables(os.environ), **needs.environment}
    fit = fit_modules(ready, modules, needs.stubs, given, progress, looked_for=True)
    if not fit.modules:
        reasons = "".join(f"\n  - {module}: {reason}" for module, reason in fit.left_out.items())
        raise WenvError(f"nothing can be baked{reasons or ': no package was asked for'}", "name modules with --import")
    variables = tuple((name, given.get(name)) for name in fit.variables)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    chosen = Baked(fit.modules, variables, tuple(sorted(fit.left_out.items())), now, fit.absent)
    runtime.component(progress, environment.natives, baking_of(runtime, environment, chosen))
    return chosen
