"""What the environments of this user need of the store: the roots for pruning."""

from wenv.bake.baking import baking_of
from wenv.derived_entries import CHECKS, IMAGES
from wenv.environment.known import all_folders
from wenv.environment.manifest import load
from wenv.runtimes import Runtime
from wenv.runtimes.workspace import Workspace
from wenv.snapshot.code_index import image_key
from wenv_cache.kinds import Kind
from wenv_cache.prune import Roots
from wenv_resolver.building.builder import WHEELS
from wenv_resolver.building.headers import DERIVED as HEADERS
from wenv_resolver.building.toolchain import DERIVED as TOOLCHAINS


def roots(workspace: Workspace, *, with_runtime: bool = True) -> Roots:
    """Everything that an environment reaches, and with `with_runtime` what the installed runtime is made of.

    A manifest that cannot be read raises DamagedEnvironmentError: its layers are unknown, so nothing may be deleted.
    """
    store, runtimes = workspace.store, set[Runtime]()
    layers, documents, derived = set[str](), set[str](), set[str]()
    for folder in all_folders():
        environment = load(folder)
        runtime = workspace.runtime_for(environment)
        runtimes.add(runtime)
        layers.update(environment.layers)
        documents.add(environment.lock)
        for package in environment.packages:
            derived.add(runtime.code_entry(package.digest, str(package.guest_base)))
            if package.built:
                derived |= {f"{WHEELS}/{package.built}", f"{CHECKS}/{package.built}"}
        baking = baking_of(runtime, environment)
        derived |= runtime.derived_entries(environment.natives, baking)
        derived.add(f"{IMAGES}/{image_key(runtime, environment)}")
    if with_runtime:
        runtimes.add(workspace.runtime())
    for runtime in runtimes:
        derived |= runtime.derived_entries()
        layers |= runtime.layers()
    if any(runtime.linker for runtime in runtimes):
        tools = (path for name in (HEADERS, TOOLCHAINS) for path in (store.folder(Kind.DERIVED) / name).glob("*"))
        derived |= {f"{path.parent.name}/{path.name}" for path in tools}
    return Roots(frozenset(layers), frozenset(documents), frozenset(derived))
