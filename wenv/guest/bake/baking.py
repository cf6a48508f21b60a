"""Baking: modules are imported while the component is built, or in a module whose memory is to be an image, and so are saved.

The files of the layers are where they will be in every run, so that whatever a module reads of its own is there.  Nothing is
compiled: code comes from the archives, and only what the imports leave behind is saved (the heap keeps its high-water mark).

What must be different in every run is renewed at its start, see `renew`.  What a module decided while it was imported out of
something that differs between runs cannot be: `trial` finds such modules, and they are left out.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

from ..imports import importer
from ..pack import archive
from ..platform import adapt
from ..request import BAKE_ORDER, EXECUTABLE

if TYPE_CHECKING:
    from random import Random

LAYERS, CODE, TEMPORARY = "/python/layers", "/wenv/code", "/tmp"

#: Modules that remember the working directory when they are imported, and under which name.
WORKING_DIRECTORY = {"rich": "_IMPORT_CWD", "multiprocessing.process": "ORIGINAL_DIR"}
#: Generators that were seeded by the system, not by a program that wants certain numbers: they get a new seed in every run.
_generators: list["Random"] = []
#: Variables that modules set while they were imported, and folders that they made for temporary files: both are there again
#: when a run starts, the variables unless they have been given a value.
_variables: dict[str, str] = {}
_folders: list[str] = []


class Order(TypedDict):
    """What to bake: in `BAKE_ORDER`, in a folder on the Python path of the build, beside ``layers`` and ``code``.

    With `pack` the component is to hold all files as well, which are in ``packed``.
    """

    modules: list[str]
    environment: dict[str, str]
    stubs: list[str]
    pack: archive.Pack | None


def bake_if_ordered() -> None:
    """Import what the host ordered, if this is the building of a baked component."""
    folder = next((folder for folder in sys.path if os.path.exists(f"{folder}/{BAKE_ORDER}")), None)
    if folder is None:
        return
    with open(f"{folder}/{BAKE_ORDER}", encoding="utf-8") as file:
        order: Order = json.load(file)
    path_of_build = sys.path[:]
    os.mkdir(LAYERS)
    for name in os.listdir(f"{folder}/layers"):
        _move(f"{folder}/layers/{name}", f"{LAYERS}/{name}")
    bake(order, f"{folder}/code")
    if (pack := order["pack"]) is not None:
        archive.hold(f"{folder}/packed", pack)
    sys.path[:] = path_of_build  # what remains to be imported of componentize-py's


def bake(order: Order, code: str) -> None:
    """Import what was ordered; `code` is the guest folder with the snapshot's code."""
    os.environ.update(order["environment"])
    adapt.add_stubs(order["stubs"])
    importer.install(code, [])
    sys.argv, sys.orig_argv, sys.executable = [""], [EXECUTABLE], EXECUTABLE
    with _recorded_generators():
        for name in order["modules"]:
            importlib.import_module(name)
    _variables.update((name, value) for name, value in os.environ.items() if order["environment"].get(name) != value)
    _folders.extend(f"{parent}/{name}" for parent, folders, _ in os.walk(TEMPORARY) for name in folders)
    importer.move(CODE)
    os.environ.clear()


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError:  # on another file system
        import shutil

        shutil.copytree(source, target)


@contextmanager
def _recorded_generators() -> Iterator[None]:
    """Remember every `random.Random` that seeds itself from the system."""
    import random  # not before: a generator that is made in every other component would have the same seed in every run

    kind: Any = random.Random
    seed = kind.seed

    def recording(generator: random.Random, a: Any = None, version: int = 2) -> None:
        seed(generator, a, version)
        _generators[:] = [known for known in _generators if known is not generator]
        if a is None:
            _generators.append(generator)

    _generators.append(random._inst)
    kind.seed = recording
    random.seed = random._inst.seed  # bound anew
    try:
        yield
    finally:
        kind.seed = seed
        random.seed = random._inst.seed


def renew() -> None:
    """Make new what is different in every run: seeds, names and times that were made while modules were imported."""
    for generator in _generators:
        generator.seed()
    for name, value in _variables.items():
        os.environ.setdefault(name, value)
    for folder in _folders:
        os.makedirs(folder, exist_ok=True)
    modules = sys.modules
    for name, attribute in WORKING_DIRECTORY.items():
        if name in modules:
            setattr(modules[name], attribute, os.getcwd())
    if "numpy.random.mtrand" in modules:
        modules["numpy.random.mtrand"]._rand.seed()
    if "tempfile" in modules:
        vars(modules["tempfile"]).update(_name_sequence=None)
    if "uuid" in modules:
        vars(modules["uuid"]).update(_node=None, _last_timestamp=None)
    if "logging" in modules:
        from time import time_ns

        vars(modules["logging"]).update(_startTime=time_ns())
    if "multiprocessing.process" in modules:
        process = modules["multiprocessing.process"]
        process.current_process()._config["authkey"] = process.AuthenticationString(os.urandom(32))
