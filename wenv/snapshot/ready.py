"""An environment on its runtime, ready to run; what is missing for that is made here."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wenv.environment.manifest import Environment, PackageLayer
from wenv.errors import StaleEnvironmentError
from wenv.locations import STANDARD_LIBRARY
from wenv.policy.mounts import Mount
from wenv.runtimes import Runtime
from wenv.snapshot.code_index import has_image, image, layer_mounts
from wenv_resolver.progress import Progress

COMPILING = "Compiling modules"


@dataclass(frozen=True, slots=True)
class Ready:
    """An environment on its runtime, with everything made that a run needs; made by `ensure_ready`.

    `image` is the folder of its image (wenv/snapshot/code_index.py), `mounts` are the read-only folders of its snapshot.
    """

    environment: Environment
    runtime: Runtime
    image: Path
    mounts: tuple[Mount, ...]


def compile_layers(runtime: Runtime, packages: Sequence[PackageLayer], progress: Progress) -> None:
    """Have the compiled code of every layer in the store; on all cores, each layer in a sandbox of its own."""
    runtime.code_archive(runtime.standard_library(progress), str(STANDARD_LIBRARY), progress)
    missing = [p for p in packages if not runtime.has_code_archive(p.digest, str(p.guest_base))]
    if not missing:
        return
    sizes = {package: runtime.store.manifest(package.digest).size for package in missing}
    missing.sort(key=sizes.__getitem__, reverse=True)  # the longest first, or it would be waited for at the end
    progress.begin(COMPILING, sum(sizes.values()))

    def work(package: PackageLayer) -> None:
        runtime.code_archive(package.digest, str(package.guest_base), progress)
        progress.advance(COMPILING, sizes[package])

    try:
        runtime.component(progress)  # loaded once, before threads want it
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            try:
                for result in [pool.submit(work, package) for package in missing]:
                    result.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        progress.end(COMPILING)


def ensure_ready(runtime: Runtime, environment: Environment, progress: Progress) -> Ready:
    """Make what is missing to run the environment; usually nothing is.  Raises StaleEnvironmentError."""
    _check_runtime(runtime, environment, progress)
    if not runtime.is_prepared(environment.natives) or not has_image(runtime, environment):
        with runtime.store.writing():
            runtime.prepare(progress)
            compile_layers(runtime, environment.packages, progress)
            image(runtime, environment, progress)
            if not runtime.is_prepared(environment.natives):
                runtime.component(progress, environment.natives)
    made = image(runtime, environment, progress)
    return Ready(environment, runtime, made, layer_mounts(runtime.store, environment, made))


def _check_runtime(runtime: Runtime, environment: Environment, progress: Progress) -> None:
    if environment.runtime.standard_library != runtime.standard_library(progress):
        raise StaleEnvironmentError(environment.runtime.identity, runtime.identity)
