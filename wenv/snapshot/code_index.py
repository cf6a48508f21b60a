"""Images: what the guest reads of a snapshot before it reads any layer, made once for each snapshot and kept in the store.

A derived entry with two folders: ``code``, the index and the code archives of all layers (hard links to the layers' own; their
format is in wenv/guest/imports/code_archive.py), and ``layers``, an empty folder for each package, so that the layers' own
folder can be listed.
"""

import hashlib
import json
from pathlib import Path, PurePosixPath

from wenv.derived import IMAGES
from wenv.environment.manifest import Environment
from wenv.guest.imports.code_archive import CODE as ARCHIVE
from wenv.guest.imports.code_archive import INDEX, LAYER_INDEX, IndexJob
from wenv.locations import CODE, LAYERS, STANDARD_LIBRARY
from wenv.policy.mounts import Mount
from wenv.runtimes import Runtime
from wenv.snapshot.contents import importable_names, split_packages
from wenv_cache.files import link_or_copy
from wenv_cache.store import Store
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.progress import Progress

#: Goes up when something else is made of the same layers.
VERSION = 2
OUTPUT = PurePosixPath("/output")


def image_key(runtime: Runtime, environment: Environment) -> str:
    """The key of an environment's image."""
    parts = [runtime.code_entry(layer, base) for layer, base in layer_bases(environment)]
    return hashlib.sha256(json.dumps([*parts, VERSION]).encode()).hexdigest()


def layer_bases(environment: Environment) -> list[tuple[str, str]]:
    """The layers of an environment with the guest folders they are mounted at, in the order of ``sys.path``."""
    library = (environment.runtime.standard_library, str(STANDARD_LIBRARY))
    return [library, *((package.digest, str(package.guest_base)) for package in environment.packages)]


def has_image(runtime: Runtime, environment: Environment) -> bool:
    """Whether `image` would have nothing to do."""
    return runtime.store.derived_folder(IMAGES, image_key(runtime, environment)).is_dir()


def image(runtime: Runtime, environment: Environment, progress: Progress) -> Path:
    """The folder of an environment's image."""
    store = runtime.store

    def build(folder: Path) -> None:
        code, output = folder / "code", folder / "output"
        code.mkdir()
        output.mkdir()
        split = split_packages(store, environment.packages)
        job: IndexJob = {"folder": str(CODE), "output": str(OUTPUT), "layers": [], "split_packages": split}
        for number, (layer, base) in enumerate(layer_bases(environment)):
            tree, archive = store.tree(layer), runtime.code_archive(layer, base, progress)
            link_or_copy(archive / ARCHIVE, code / f"{number}.bin")
            link_or_copy(archive / LAYER_INDEX, code / f"{number}.idx")
            library = base == str(STANDARD_LIBRARY)
            names = sorted(entry.name for entry in tree.iterdir()) if library else importable_names(tree)
            job["layers"].append({"base": base, "path": base if library else f"{base}/{SITE_PACKAGES}", "names": names})
        # the archives are links to what all environments share: no guest ever may write to them
        runtime.call("index", job, [Mount(code, CODE), Mount(output, OUTPUT, writable=True)], progress)
        (output / INDEX).rename(code / INDEX)
        output.rmdir()
        for number in range(len(job["layers"])):
            (code / f"{number}.idx").unlink()
        for package in environment.packages:
            (folder / LAYERS.name / package.guest_base.name).mkdir(parents=True)

    return store.derive(IMAGES, image_key(runtime, environment), build)


def layer_mounts(store: Store, environment: Environment, image: Path) -> tuple[Mount, ...]:
    """The read-only folders of a snapshot: each layer's files, and its image in the folder `image`."""
    mounts = [Mount(store.tree(layer), PurePosixPath(base)) for layer, base in layer_bases(environment)]
    if environment.packages:
        mounts.append(Mount(image / LAYERS.name, LAYERS))
    return (*mounts, Mount(image / "code", CODE))
