"""The default runtime: CPython 3.14 out of componentize-py, as one component for WASI preview 2.

componentize-py carries CPython with its standard library and links an application into it.  The application is
``wenv/guest``; while it is built it can see the standard library's files, which is how they get into a layer.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cache.layers import LayerWriter, publish
from cache.store import Store
from resolver.progress import Progress
from resolver.target import Target
from wenv.errors import LinkError, RuntimeBuildError, TrapError
from wenv.guest.extensions import is_extension, linked_name
from wenv.guest.packing import ARCHIVE, ARCHIVE_INDEX
from wenv.guest.request import BAKE_ORDER
from wenv.locations import STANDARD_LIBRARY
from wenv.policy import Mount
from wenv.runtimes import Baking, NativeLayer, Packing

if TYPE_CHECKING:
    from wenv.host.engine import Compiled

GUEST = Path(__file__).parent.parent / "guest"
#: The name of wenv/guest inside the component, out of the way of everybody's modules.
GUEST_PACKAGE = "_wenv"
#: Where, in a build, the guest leaves the standard library: the second folder on componentize-py's Python path.
COPY_MARKER = "wenv-standard-library"
COMPONENTS, DESCRIPTIONS, CODE = "components", "descriptions", "code"
#: The file in which the guest names the source it is compiling, and how many sources of a layer may be beyond it.
CURRENT, MOST_SKIPPED = "current", 50
#: Where the guest writes what it was asked to make.
OUTPUT = PurePosixPath("/output")
COMPONENT = "component.wasm"
BAKING = "Baking ({count} modules)"
PACKING = "Packing"
LINKING = "Linking {names} into the interpreter"
COMPILING = "Compiling the interpreter for this machine"
FIRST_USE = "Preparing {name} (once, about 20 seconds; every environment shares it)"


class ComponentizeRuntime:
    """See `wenv.runtimes.Runtime`."""

    name = "CPython 3.14"

    def __init__(self, store: Store) -> None:
        self.store = store
        self._components: dict[tuple[str, bool], Compiled] = {}
        self.identity = f"componentize-py {version('componentize-py')}"

    # -- keys

    @cached_property
    def key(self) -> str:
        """Digest of everything that the component is made from."""
        digest = hashlib.sha256(self.identity.encode())
        for path in guest_sources():
            digest.update(path.relative_to(GUEST).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def component_key(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> str:
        lines = [f"{layer.digest} {layer.guest_base}" for layer in sorted(natives)]
        lines += [] if baking is None else [f"baked {baking.key}"]
        return hashlib.sha256("\n".join((self.key, *lines)).encode()).hexdigest() if lines else self.key

    def derived_entries(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> frozenset[str]:
        from wenv.host.compiled import COMPILED, compiled_key

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
        from wenv.host.compiled import is_compiled

        folder = self.store.derived_folder(COMPONENTS, self.key)
        if not folder.is_dir() or not all(
            is_compiled(self.store, key) for key in (self.key, self.component_key(natives, baking))
        ):
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
        return (component_folder / "standard-library").read_text().strip()

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
            from wenv.host.engine import compiled  # late: imports wasmtime

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
                self._componentize(staging, output, [*self._linked(staging, natives), folder])
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
            publish(self.store, [layer])
            return layer.manifest.digest

    def _componentize(self, staging: Path, output: Path, folders: list[Path]) -> None:
        """Run componentize-py on the guest, with further folders on its Python path."""
        application, nothing = staging / "application", staging / "nothing"
        for path in guest_sources():
            target = application / GUEST_PACKAGE / path.relative_to(GUEST)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        # componentize-py looks for site-packages of the host here, or else takes what the host has along
        (nothing / "lib" / "site-packages").mkdir(parents=True)
        search = [argument for folder in (application, *folders) for argument in ("-p", str(folder))]
        command = ["-d", str(GUEST / "wit"), "-w", "wenv:env/env", "componentize", f"{GUEST_PACKAGE}.app", *search]
        run_componentize([*command, "-o", str(output)], virtual_environment=nothing, temporary=staging)

    def build_variables(self, progress: Progress) -> Mapping[str, object]:
        found = list(self.store.tree(self.standard_library(progress)).glob("_sysconfig_vars_*.json"))
        variables: dict[str, object] = json.loads(found[0].read_bytes())
        return variables

    def target(self, progress: Progress) -> Target:
        return Target.from_description(self._description(progress))

    def _description(self, progress: Progress) -> dict[str, Any]:
        def build(folder: Path) -> None:
            (folder / "description.json").write_text(json.dumps(self.call("describe", None, [], progress), indent=1))

        folder = self.store.derive(DESCRIPTIONS, self.key, build)
        description: dict[str, Any] = json.loads((folder / "description.json").read_bytes())
        return description

    # -- compiled code

    def code_archive(self, layer: str, guest_base: str, progress: Progress) -> Path:
        key = self._code_key(layer, guest_base)

        def build(folder: Path) -> None:
            mounts = [Mount(folder, OUTPUT, writable=True)]
            if guest_base != str(STANDARD_LIBRARY):
                mounts.append(Mount(self.store.tree(layer), PurePosixPath(guest_base)))
            skip: list[str] = []
            while True:
                try:
                    self.call("compile", {"tree": guest_base, "output": str(OUTPUT), "skip": skip}, mounts, progress)
                    break
                except TrapError:
                    # a source file can be too deep for the compiler: it is left out, and fails alone, where it is imported
                    stuck = (folder / CURRENT).read_text("utf-8").strip()
                    if stuck in skip or len(skip) == MOST_SKIPPED:
                        raise
                    skip.append(stuck)
            (folder / CURRENT).unlink()

        return self.store.derive(CODE, key, build)

    def has_code_archive(self, layer: str, guest_base: str) -> bool:
        return self.store.derived_folder(CODE, self._code_key(layer, guest_base)).is_dir()

    def code_entry(self, layer: str, guest_base: str) -> str:
        return f"{CODE}/{self._code_key(layer, guest_base)}"

    def _code_key(self, layer: str, guest_base: str) -> str:
        # all that the code depends on: the interpreter is the one whose component built the standard library's layer
        return hashlib.sha256("\n".join((layer, guest_base, self.identity, self._archive_writer)).encode()).hexdigest()

    @cached_property
    def _archive_writer(self) -> str:
        """What writes the archives: read once, as a run asks for the key of every layer."""
        return (GUEST / "codearchive.py").read_text("utf-8")

    def call(self, service: str, argument: object, mounts: Sequence[Mount], progress: Progress) -> Any:
        from wenv.host.session import Session  # late: imports wasmtime

        library = Mount(self.store.tree(self.standard_library(progress)), STANDARD_LIBRARY)
        return Session(self.component(progress), [mount.preopen for mount in (library, *mounts)]).call(service, argument)


def _names(natives: tuple[NativeLayer, ...]) -> list[str]:
    return [PurePosixPath(layer.guest_base).name for layer in sorted(natives)]


def guest_sources() -> list[Path]:
    """The files that the component is built from, in a fixed order."""
    chosen = (path for pattern in ("*.py", "*.so", "*.wit") for path in GUEST.rglob(pattern))
    return sorted(path for path in chosen if "native" not in path.parts)


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
    """Run componentize-py in a process of its own, with a folder for temporary files; raises RuntimeBuildError with its last
    words."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.update(VIRTUAL_ENV=str(virtual_environment), RUST_BACKTRACE="0")
    # on the same file system as what it is given: the guest moves folders from there to here
    environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
    command = [sys.executable, "-P", "-c", "import sys, componentize_py; sys.exit(componentize_py.script())", *arguments]
    # neither -P nor the folder lets a file of the user's be imported in place of componentize-py or the standard library
    result = subprocess.run(
        command, cwd=virtual_environment, check=False, env=environment, capture_output=True, text=True, errors="replace"
    )
    if result.returncode:
        words = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise RuntimeBuildError(f"componentize-py failed with status {result.returncode}:\n{words}")
