"""The default runtime: CPython 3.14 out of componentize-py, as one component for WASI preview 2.

componentize-py carries CPython with its standard library and links an application into it.  The application is
``wenv/guest``; while it is built it can see the standard library's files, which is how they get into a layer.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from wenv.derived_entries import COMPONENTS, DESCRIPTIONS
from wenv.engine.compiled import Executable
from wenv.environment.kinds import Kind
from wenv.environment.manifest import NativeLayer
from wenv.errors import LinkError, RuntimeBuildError
from wenv.guest.imports.extensions import is_extension, linked_name
from wenv.guest.pack.archive import ARCHIVE, ARCHIVE_INDEX
from wenv.guest.request import BAKE_ORDER
from wenv.locations import STANDARD_LIBRARY
from wenv.runtimes import Baking, Linker, Packer, Packing
from wenv.runtimes.contents import Contents
from wenv.runtimes.services import GUEST, GuestServices, guest_sources
from wenv.runtimes.wasm_exceptions import lowered, restored
from wenv.runtimes.watched import run_watched
from wenv_cache.errors import FullDiskError
from wenv_cache.layers import LayerWriter, publish
from wenv_cache.store import Store, read_derived
from wenv_resolver.progress import Progress

if TYPE_CHECKING:
    from wenv.engine.engine import Compiled

#: The name of wenv/guest inside the component, out of the way of everybody's modules.
GUEST_PACKAGE = "_wenv"
#: Bytes that are free where a component can be built.
ROOM = 200 << 20
#: Where, in a build, the guest leaves the standard library: the second folder on componentize-py's Python path.
COPY_MARKER = "wenv-standard-library"
COMPONENT = "component.wasm"
BAKING = "Baking ({count} modules)"
PACKING = "Packing"
LINKING = "Linking {names} into the interpreter"
COMPILING = "Compiling the interpreter for this machine"
FIRST_USE = "Preparing {name} (once, about 20 seconds; every environment shares it)"


class ComponentizeRuntime(GuestServices):
    """See `wenv.runtimes.Runtime`."""

    kind = Kind.DEFAULT
    name = "CPython 3.14"
    contents = Contents()
    forks_memory = False

    def __init__(self, store: Store) -> None:
        super().__init__(store, f"componentize-py {version('componentize-py')}")
        self._components: dict[tuple[str, bool], Compiled] = {}
        self.linker: Linker | None = self
        self.packer: Packer | None = self

    # -- keys

    @cached_property
    def key(self) -> str:
        """Digest of everything that the component is made from."""
        digest = hashlib.sha256(self.identity.encode())
        for path in guest_sources():
            digest.update(path.relative_to(GUEST).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def component_key(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> str:
        """What a component is kept under."""
        lines = [f"{layer.digest} {layer.guest_base}" for layer in sorted(natives)]
        lines += [] if baking is None else [f"baked {baking.key}"]
        return hashlib.sha256("\n".join((self.key, *lines)).encode()).hexdigest() if lines else self.key

    def executable(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> Executable:
        from wenv.engine.compiled import compiled_file

        return Executable(compiled_file(self.store, self.component_key(natives, baking)))

    def derived_entries(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> frozenset[str]:
        from wenv.derived_entries import COMPILED
        from wenv.engine.compiled import compiled_key

        keys = {self.key, self.component_key(natives), self.component_key(natives, baking)}
        entries = {f"{DESCRIPTIONS}/{self.key}"}
        entries.update(f"{COMPONENTS}/{key}" for key in keys)
        entries.update(f"{COMPILED}/{compiled_key(key, stoppable=stoppable)}" for key in keys for stoppable in (False, True))
        entries.update(self.code_entry(layer, str(STANDARD_LIBRARY)) for layer in self.layers())
        return frozenset(entries)

    def layers(self) -> frozenset[str]:
        folder = self.store.derived_folder(COMPONENTS, self.key)
        return frozenset({self._built_library(folder)}) if folder.is_dir() else frozenset()

    # -- what is made once

    def is_prepared(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> bool:
        folder = self.store.derived_folder(COMPONENTS, self.key)
        if not (folder.is_dir() and self.executable().is_there and self.executable(natives, baking).is_there):
            return False
        layer = self._built_library(folder)
        return self.store.has_layer(layer) and self.has_code_archive(layer, str(STANDARD_LIBRARY))

    def prepare(self, progress: Progress) -> None:
        self.target(progress)
        self.code_archive(self.standard_library(progress), str(STANDARD_LIBRARY), progress)

    def standard_library(self, progress: Progress) -> str:
        layer = self._built_library(self._component_folder(progress))
        if not self.store.has_layer(layer):
            # the layer was deleted and the component was not: only building shows the files again
            self.store.discard(self.store.derived_folder(COMPONENTS, self.key))
            layer = self._built_library(self._component_folder(progress))
        return layer

    def _built_library(self, component_folder: Path) -> str:
        return read_derived(component_folder, "standard-library").decode().strip()

    def component(
        self,
        progress: Progress,
        natives: tuple[NativeLayer, ...] = (),
        baking: Baking | None = None,
        *,
        stoppable: bool = False,
    ) -> "Compiled":
        key = self.component_key(natives, baking)
        if (key, stoppable) not in self._components:
            from wenv.engine.engine import compiled  # late: imports wasmtime

            self._components[key, stoppable] = compiled(
                self.store,
                key,
                lambda: self._folder(progress, natives, baking) / COMPONENT,
                lambda: progress.begin(COMPILING),
                stoppable=stoppable,
            )
            progress.end(COMPILING)
        return self._components[key, stoppable]

    def component_file(self, progress: Progress) -> Path:
        return self._component_folder(progress) / COMPONENT

    def _folder(self, progress: Progress, natives: tuple[NativeLayer, ...], baking: Baking | None) -> Path:
        """The folder of a component, with what is to be linked and baked."""
        if not natives and baking is None:
            return self._component_folder(progress)

        def build(folder: Path) -> None:
            task = (
                LINKING.format(names=", ".join(_names(natives))) if baking is None else BAKING.format(count=len(baking.modules))
            )
            progress.begin(task)
            try:
                with self.store.staging() as staging:
                    folders = self._linked(staging, natives)
                    if baking is not None:
                        folders.append(_ordered(baking, staging / "baking"))
                    self._componentize(staging, folder / COMPONENT, folders)
            except RuntimeBuildError as error:
                if baking is not None:
                    raise
                raise LinkError(_names(natives), str(error)) from error
            finally:
                progress.end(task)

        return self.store.derive(COMPONENTS, self.component_key(natives, baking), build)

    def _linked(self, staging: Path, natives: tuple[NativeLayer, ...]) -> list[Path]:
        """The folder with the extension modules that are to be linked, if there are any."""
        modules = staging / "modules"
        for layer in natives:
            tree = self.store.tree(layer.digest)
            for file in self.store.manifest(layer.digest).files:
                if is_extension(file.path):
                    target = modules / linked_name(f"{PurePosixPath(layer.guest_base).name}/{file.path}")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(tree / file.path, target)
        return [modules] if natives else []

    def pack(
        self, output: Path, natives: tuple[NativeLayer, ...], baking: Baking, packing: Packing, progress: Progress
    ) -> None:
        progress.begin(PACKING)
        try:
            with self.store.staging() as staging:
                folder = _ordered(baking, staging / "baking", packing)
                self._componentize(staging, output, [*self._linked(staging, natives), folder], "packed")
        finally:
            progress.end(PACKING)

    def _component_folder(self, progress: Progress) -> Path:
        def build(folder: Path) -> None:
            progress.say(FIRST_USE.format(name=self.name))
            progress.begin("Building the interpreter")
            layer = self._build_component(folder / COMPONENT)
            (folder / "standard-library").write_text(layer + "\n")
            progress.end("Building the interpreter")

        return self.store.derive(COMPONENTS, self.key, build)

    def _build_component(self, output: Path) -> str:
        """Run componentize-py; returns the digest of the standard library's layer, which is in the store then."""
        with self.store.staging() as staging:
            library = staging / "library"
            (library / COPY_MARKER).mkdir(parents=True)
            self._componentize(staging, output, [library])
            writer = LayerWriter(self.store, staging)
            for path in sorted((library / COPY_MARKER).rglob("*")):
                if path.is_file():
                    with path.open("rb") as file:
                        writer.add(path.relative_to(library / COPY_MARKER).as_posix(), file)
            layer = writer.finish()
            with self.store.writing() as writing:
                publish(writing, [layer])
            return layer.manifest.digest

    def _componentize(self, staging: Path, output: Path, folders: list[Path], world: str = "env") -> None:
        """Run componentize-py on the guest, for a world of guest/wit, with further folders on its Python path."""
        application, nothing = staging / "application", staging / "nothing"
        for path in guest_sources():
            target = application / GUEST_PACKAGE / path.relative_to(GUEST)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        # componentize-py looks for site-packages of the host here, or else takes what the host has along
        (nothing / "lib" / "site-packages").mkdir(parents=True)
        search = [argument for folder in (application, *folders) for argument in ("-p", str(folder))]
        command = [
            "-d",
            str(GUEST / "wit"),
            "-w",
            f"wenv:env/{world}",
            "componentize",
            f"{GUEST_PACKAGE}.entry.component",
            *search,
        ]
        throwing = _lowered(folders)
        run_componentize([*command, "-o", str(output)], virtual_environment=nothing, temporary=staging)
        if throwing:
            try:
                output.write_bytes(restored(output.read_bytes(), throwing))
            except ValueError as error:
                raise RuntimeBuildError(f"exceptions could not be put back: {error}") from error

    def build_variables(self, progress: Progress) -> Mapping[str, object]:
        found = list(self.store.tree(self.standard_library(progress)).glob("_sysconfig_vars_*.json"))
        variables: dict[str, object] = json.loads(found[0].read_bytes())
        return variables


def _lowered(folders: list[Path]) -> list[bytes]:
    """Take exceptions out of the modules in folders, in place; returns those that had some, as they were."""
    throwing = []
    for path in (path for folder in folders for path in sorted(folder.rglob("*.so"))):
        original = path.read_bytes()
        try:
            low = lowered(original)
        except ValueError as error:
            raise RuntimeBuildError(f"{path.name}: {error}") from error
        if low is not None:
            throwing.append(original)
            path.write_bytes(low)
    return throwing


def _names(natives: tuple[NativeLayer, ...]) -> list[str]:
    return [PurePosixPath(layer.guest_base).name for layer in sorted(natives)]


def _ordered(baking: Baking, folder: Path, packing: Packing | None = None) -> Path:
    """The folder that tells the guest, while it is built, what to bake and to pack.

    With copies, because code of packages may write there.
    """
    folder.mkdir()
    (folder / "layers").mkdir()
    for name, tree in baking.trees.items():
        shutil.copytree(tree, folder / "layers" / name, copy_function=shutil.copyfile)
    shutil.copytree(baking.image / "code", folder / "code", copy_function=shutil.copyfile)
    variables = {name: value for name, value in baking.variables if value is not None}
    order: dict[str, object] = {
        "modules": list(baking.modules),
        "environment": variables,
        "stubs": list(baking.stubs),
        "pack": None,
    }
    if packing is not None:
        order["pack"] = packing.order
        (folder / "packed").mkdir()
        for name, archive in packing.archives.items():
            shutil.copyfile(archive / ARCHIVE, folder / "packed" / f"{name}.bin")
            shutil.copyfile(archive / ARCHIVE_INDEX, folder / "packed" / f"{name}.idx")
    (folder / BAKE_ORDER).write_text(json.dumps(order), "utf-8")
    return folder


def run_componentize(arguments: list[str], virtual_environment: Path, temporary: Path) -> None:
    """Run componentize-py in a process of its own, with a folder for temporary files.

    Raises RuntimeBuildError with its last words, and FullDiskError.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.update(VIRTUAL_ENV=str(virtual_environment), RUST_BACKTRACE="0")
    # on the same file system as what it is given: the guest moves folders from there to here
    environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
    command = [sys.executable, "-P", "-c", "import sys, componentize_py; sys.exit(componentize_py.script())", *arguments]
    # neither -P nor the folder lets a file of the user's be imported in place of componentize-py or the standard library
    status, printed = run_watched(command, folder=virtual_environment, environment=environment, scratch=temporary)
    if status:
        # WASI has no number for a full disk, and what was written is gone when this process can look
        is_out_of_room = "[Errno 29] I/O error" in printed and shutil.disk_usage(temporary).free < ROOM
        if is_out_of_room or "StorageFull" in printed or "No space left" in printed:
            raise FullDiskError(temporary)
        words = "\n".join(printed.strip().splitlines()[-15:])
        raise RuntimeBuildError(f"componentize-py failed with status {status}:\n{words}")
