"""Images: what the guest reads of a snapshot before it reads any layer, made once for each snapshot and kept in the store.

A derived entry with three folders: ``code``, the index and the code archives of all layers (hard links to the layers' own;
their format is in wenv/guest/imports/code_archive.py); ``layers``, an empty folder for each package, so that the layers' own
folder can be listed; and ``data``, hard links to the data files of all layers, which programs look for below ``sys.prefix``.
"""

import hashlib
import json
from pathlib import Path, PurePosixPath

from wenv.derived_entries import IMAGES
from wenv.environment.manifest import Environment
from wenv.guest.imports.code_archive import CODE as ARCHIVE
from wenv.guest.imports.code_archive import INDEX, LAYER_INDEX, IndexJob, Layer
from wenv.locations import CODE, LAYERS, STANDARD_LIBRARY
from wenv.policy.mounts import Mount
from wenv.runtimes import Runtime
from wenv.snapshot.contents import data_files, importable_names, path_files, split_packages
from wenv_cache.files import link_or_copy
from wenv_cache.store import Store
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.progress import Progress

#: Goes up when something else is made of the same layers.
VERSION = 3
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
            job["layers"].append(layer_of(tree, base))
        # the archives are links to what all environments share: no guest ever may write to them
        runtime.call("index", job, [Mount(code, CODE), Mount(output, OUTPUT, writable=True)], progress)
        (output / INDEX).rename(code / INDEX)
        output.rmdir()
        for number in range(len(job["layers"])):
            (code / f"{number}.idx").unlink()
        for package in environment.packages:
            (folder / LAYERS.name / package.guest_base.name).mkdir(parents=True)
        _link_data(store, environment, folder / "data")

    return store.derive(IMAGES, image_key(runtime, environment), build)


def layer_of(tree: Path, base: str) -> Layer:
    """What an index says of a layer with its files in `tree`, mounted at the guest folder `base`."""
    if base == str(STANDARD_LIBRARY):
        return {"base": base, "path": base, "names": sorted(entry.name for entry in tree.iterdir()), "more": {}}
    path = f"{base}/{SITE_PACKAGES}"
    more = {f"{path}/{folder}": importable_names(tree, folder) for folder in path_files(tree).folders}
    return {"base": base, "path": path, "names": importable_names(tree), "more": more}


def _link_data(store: Store, environment: Environment, folder: Path) -> None:
    """Link the data files of all packages; of one that several have, the first package's counts."""
    library = store.tree(environment.runtime.standard_library)
    for package in environment.packages:
        tree = store.tree(package.digest)
        for path in data_files(store, package):
            target = folder / path
            if not target.exists() and not (library / path.partition("/")[0]).exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(tree / path, target)


def layer_mounts(store: Store, environment: Environment, image: Path) -> tuple[Mount, ...]:
    """The read-only folders of a snapshot: each layer's files, and its image in the folder `image`."""
    mounts = [Mount(store.tree(layer), PurePosixPath(base)) for layer, base in layer_bases(environment)]
    if environment.packages:
        mounts.append(Mount(image / LAYERS.name, LAYERS))
    data = sorted((image / "data").iterdir()) if (image / "data").is_dir() else []
    return (*mounts, Mount(image / "code", CODE), *(Mount(each, STANDARD_LIBRARY / each.name) for each in data))
