"""Builds wheels for the target: source distribution in, wheel in the store out, everything printed kept in a log."""

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from wenv_cache.files import digest_of_file
from wenv_cache.kinds import Kind
from wenv_cache.store import Store, Writing, read_derived
from wenv_resolver.building import rust, sboms
from wenv_resolver.building.libraries import Libraries, add_licences, for_libraries, library, programs_of
from wenv_resolver.building.logs import failed_step, last_words
from wenv_resolver.building.recipes import NO_RECIPE, Recipe, header_providers, headers_of, impossible, recipes_of
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.building.sources import SourceFacts, look_into, obtain, patched, unpack
from wenv_resolver.building.toolchain import PROGRAMS, Toolchain, compiler_version, find_toolchain
from wenv_resolver.building.wheel_files import check_modules, retagged
from wenv_resolver.building.worker_process import run_worker
from wenv_resolver.errors import BuildError, FailedBuildError
from wenv_resolver.lock import LockedFile
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import IndexOptions
from wenv_resolver.target import Target

HERE = Path(__file__).parent
WHEELS = "wheels"
ANNOUNCEMENT = "Building {label} from its source: its build code runs on this machine, outside the sandbox"
CRATES = "{label} is written in Rust: cargo fetches the crates that it needs while it is built"
#: The files of this package that a wheel's content depends on.
SHAPING = (
    *PROGRAMS, "rust.py", "sboms.py", "headers.py", "header_signatures.py", "toolchain.py", "worker.py", "libraries.py",
    "wheel_files.py",
)  # fmt: skip
#: What the wheel says of itself, beside it in the store.
FACTS = "build.json"


@dataclass(frozen=True, slots=True)
class BuiltWheel:
    """A wheel that was built here.

    `file` is the source distribution, `key` names the wheel's entry among the store's derived ones; `native` is whether it
    holds extension modules, `languages` what the source has besides Python.
    """

    file: LockedFile
    path: Path
    sha256: str
    key: str
    native: bool
    languages: tuple[str, ...]


@dataclass(slots=True)
class Builder:
    """Builds for one target.

    `runtime` names the runtime with its version; `variables` returns the configuration that it says of itself.
    """

    store: Store
    target: Target
    runtime: str
    variables: Callable[[], Mapping[str, object]]
    rules: BuildRules = ANY_BUILD

    def known(self, file: LockedFile) -> BuiltWheel | None:
        """The wheel that was built from a source distribution before, if it is still there."""
        if not file.sha256:
            return None
        for recipe in recipes_of(file.name, file.version):
            key = self.key(file, recipe)
            if compiler_version() is None:  # whatever built it then
                record = self.store.record(self._origin(file, recipe))
                key = str(record["entry"]).rpartition("/")[2] if record else key
            if (found := self._read(file, key)) is not None:
                return found
        return None

    def build_all(
        self,
        writing: Writing,
        files: Sequence[LockedFile],
        options: IndexOptions,
        headers: Callable[[str], Path | None],
        progress: Progress,
        finished: Callable[[LockedFile, BuiltWheel], None],
    ) -> None:
        """Build wheels from source distributions: in parallel, but what others are compiled against first.

        `headers` returns the site-packages folder of a package of the target's, None if there is none; `finished` hears of each
        wheel, in this thread.  Raises BuildError; what was built by then stays in the store.
        """
        for file in files:
            if not self.rules.permits(file.name):
                raise BuildError(
                    f"{file.label} has to be built from its source, which is not allowed",
                    "leave out --no-build, or name it with --build-only",
                )
        sources = [self._opened(file, options) for file in files]
        if any(source.compiles for source in sources):  # what is missing shows before anything is started
            toolchain = self._toolchain(writing, [source.file.name for source in sources if source.compiles], progress)
        else:
            toolchain = None
        waiting = [source.file for source in sources if self.known(source.file) is None]
        for number, source in enumerate(sources):
            if source.file in waiting and toolchain is not None:
                sources[number] = self._linked(writing, source, toolchain, options, progress)
        for source in sources:
            if source.file in waiting:
                progress.say(ANNOUNCEMENT.format(label=source.file.label))
                if "Rust" in source.facts.languages and not options.no_index:
                    progress.say(CRATES.format(label=source.file.label))
        first = [source for source in sources if canonicalize_name(source.file.name) in header_providers()]
        for group in (first, [source for source in sources if source not in first]):
            workers = min(os.cpu_count() or 1, len(group))
            if not workers:
                continue
            jobs, cancelled = max(1, (os.cpu_count() or 1) // workers), threading.Event()
            run = _Run(toolchain, options, headers, jobs, progress, cancelled)
            with ThreadPoolExecutor(workers) as pool:
                futures = {pool.submit(self._build, source, run): source.file for source in group}
                try:
                    for future in as_completed(futures):
                        finished(futures[future], future.result())
                except BaseException:
                    cancelled.set()
                    pool.shutdown(cancel_futures=True)
                    raise

    def _linked(
        self, writing: Writing, source: "_Source", toolchain: Toolchain, options: IndexOptions, progress: Progress
    ) -> "_Source":
        """The source with the recipe by which it can be built, and the libraries of that."""
        for recipe in recipes_of(source.file.name, source.file.version):
            if not recipe.libraries:
                return replace(source, recipe=recipe)
            try:
                builder = Libraries(toolchain, options, os.cpu_count() or 1)
                return replace(source, recipe=recipe, libraries=builder.build(writing, recipe.libraries, progress))
            except BuildError as error:
                names = ", ".join(recipe.libraries)
                if not recipe.without:
                    raise BuildError(f"{source.file.label} is linked with {names}: {error}", error.hint) from error
                progress.say(f"{source.file.label} is built without {names}, and {recipe.without}: {error}")
        raise AssertionError("the last recipe wants no libraries")

    def _toolchain(self, writing: Writing, names: Sequence[str], progress: Progress) -> Toolchain:
        try:
            return find_toolchain(writing, self.target, self.variables(), progress)
        except BuildError as error:
            raise BuildError(f"{', '.join(names)} must be built from source: {error}", error.hint) from error

    def failure(self, file: LockedFile) -> bool:
        """Whether the latest build of a source distribution failed, with all that a wheel depends on as it is now."""
        return bool(file.sha256) and self.store.record(_failed(self.key(file))) is not None

    def log_of(self, name: str, version: str) -> Path:
        """Where the latest build of a version leaves what it prints."""
        return self.store.folder(Kind.LOGS) / canonicalize_name(name) / f"{version or 'unversioned'}.log"

    # -- one wheel

    def _origin(self, file: LockedFile, recipe: Recipe | None = None) -> str:
        """Digest of what is built for whom, whatever builds it."""
        parts = (
            file.sha256 + file.subdirectory,
            self.runtime,
            str(sorted(self.target.markers.items())),
            self.target.platform,
            self.target.abi,
        )
        identity = (recipe or recipes_of(file.name, file.version)[0]).identity
        settings = str(self.rules.settings_of(file.name) or "")
        return hashlib.sha256("\n".join((*parts, identity, settings)).encode()).hexdigest()

    def key(self, file: LockedFile, recipe: Recipe | None = None) -> str:
        """Digest of all that the wheel of a source depends on, built by a recipe; by the best one that there is for None."""
        origin = self._origin(file, recipe)
        compilers = f"{compiler_version()}\n{rust.version()}" if self.store.record(_in_rust(origin)) else compiler_version()
        parts = f"{origin}\n{compilers}\n{sys.version_info[:2]}".encode()
        return hashlib.sha256(parts + _shaping()).hexdigest()

    def _read(self, file: LockedFile, key: str) -> BuiltWheel | None:
        folder = self.store.derived_folder(WHEELS, key)
        if not folder.is_dir():
            return None
        facts = json.loads(read_derived(folder, FACTS))
        path, source = folder / str(facts["wheel"]), facts["source"]
        file = replace(file, sha256=str(source["sha256"]), size=int(source["size"]))
        if not file.version:  # it shows only now
            file = replace(file, version=str(parse_wheel_filename(path.name)[1]))
        return BuiltWheel(file, path, str(facts["sha256"]), key, bool(facts["native"]), tuple(facts["languages"]))

    def _opened(self, file: LockedFile, options: IndexOptions) -> "_Source":
        from wenv_resolver.pip_internals.downloads import Downloader

        if self.known(file) is None and (reason := impossible(file.name)):
            raise BuildError(f"{file.label} cannot be built: it {reason}")
        file, path = obtain(self.store, file, Downloader(options))
        facts = look_into(path, file.subdirectory)
        if facts.problem:
            raise BuildError(f"{file.label} {facts.problem}")
        if "Rust" in facts.languages:
            self.store.put_record(_in_rust(self._origin(file)), {"rust": True})
        return _Source(file, path, facts)

    def _build(self, source: "_Source", run: "_Run") -> BuiltWheel:
        if (built := self.known(source.file)) is not None:
            return built
        file, key = source.file, self.key(source.file, source.recipe)

        def build(folder: Path) -> None:
            task = f"Building {source.file.label}"
            run.progress.begin(task)
            try:
                self._make(folder, source, run, lambda line: run.progress.note(task, line))
            finally:
                run.progress.end(task)

        self.store.derive(WHEELS, key, build)
        self.store.put_record(self._origin(file, source.recipe), {"entry": f"{WHEELS}/{key}"})
        built = self._read(file, key)
        assert built is not None
        if built.languages and not built.native:
            run.progress.say(f"{file.label} was built without its extension modules: it fell back to pure Python")
        return built

    def _make(self, folder: Path, source: "_Source", run: "_Run", note: Callable[[str], None]) -> None:
        file, facts, toolchain, recipe = source.file, source.facts, run.toolchain, source.recipe
        with self.store.staging() as staging:
            project = unpack(source.path, staging / "source", file.subdirectory)
            if recipe.patches and file.sha256 not in recipe.tried:
                run.progress.say(f"{file.filename}: its patches were made for other releases; they are applied if they fit")
            patched(project, recipe.patches)
            job = {
                "source": str(project),
                "output": str(staging / "output"),
                "result": str(staging / "result"),
                "settings": recipe.settings_with(
                    toolchain.settings(facts.backend, run.jobs) if toolchain else {}, self.rules.settings_of(file.name)
                ),
                "environment": _environment(toolchain, source, staging, run.jobs),
                "programs": programs_of(source.libraries.values()),
                "headers": [
                    [place, str(packages / place)]
                    for name in facts.requires
                    if (packages := run.headers(name)) is not None
                    for place in headers_of(name)
                ],
            }
            (staging / "job.json").write_text(json.dumps(job), "utf-8")
            log = self.log_of(file.name, file.version)
            log.parent.mkdir(parents=True, exist_ok=True)
            status = run_worker(staging, log, run.options, note, run.cancelled)
            if run.cancelled.is_set():
                raise BuildError(f"the build of {file.label} was stopped, as another failed")
            if status:
                self.store.put_record(_failed(self.key(file)), {"failed": file.filename})
                raise FailedBuildError(file.name, file.version, failed_step(log), last_words(log), str(log))
            wheel = staging / "output" / (staging / "result").read_text("utf-8")
            native = check_modules(wheel, file, log)
            sboms.settle(wheel, staging)
            add_licences(wheel, source.libraries.values())
            wheel = retagged(wheel, native, self.target)
            wheel = wheel.replace(folder / wheel.name)
            said = {
                "wheel": wheel.name,
                "sha256": digest_of_file(wheel),
                "native": native,
                "languages": facts.languages,
                "source": {"filename": file.filename, "sha256": file.sha256, "size": file.size},
                "recipe": recipe.identity,
                "libraries": [library(name).label for name in source.libraries],
                "compiler": _compilers(facts) if toolchain else None,
            }
            (folder / FACTS).write_text(json.dumps(said, indent=1), "utf-8")


@dataclass(frozen=True, slots=True)
class _Source:
    """A source distribution at hand; the folders of the libraries that it is linked with, by their names."""

    file: LockedFile
    path: Path
    facts: SourceFacts
    recipe: Recipe = NO_RECIPE
    libraries: Mapping[str, Path] = field(default_factory=dict)

    @property
    def compiles(self) -> bool:
        """Whether a compiler is needed, as far as that can be seen."""
        return bool(self.facts.languages or recipes_of(self.file.name, self.file.version)[0].identity)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the builds of one run share; `toolchain` is None where none of them has anything to compile."""

    toolchain: Toolchain | None
    options: IndexOptions
    headers: Callable[[str], Path | None]
    jobs: int
    progress: Progress
    cancelled: threading.Event


def _compilers(facts: SourceFacts) -> str:
    """What compiled a source, with versions."""
    found = f"ziglang {compiler_version()}"
    return f"{found}, {rust.version().partition(chr(10))[0]}" if "Rust" in facts.languages else found


def _in_rust(origin: str) -> str:
    """The key of the record that a source is written in Rust."""
    return hashlib.sha256(f"rust {origin}".encode()).hexdigest()


@cache
def _shaping() -> bytes:
    """The files that a wheel's content depends on: read once, as every package asks."""
    return b"".join((HERE / name).read_bytes() for name in SHAPING)


def _failed(key: str) -> str:
    """The key of the record that a build failed."""
    return hashlib.sha256(f"failed {key}".encode()).hexdigest()


def _environment(toolchain: Toolchain | None, source: _Source, staging: Path, jobs: int) -> dict[str, str]:
    environment, recipe = toolchain.environment(jobs, staging) if toolchain else {}, source.recipe
    environment.update(for_libraries(source.libraries.values()))
    if recipe.flags:
        environment["WENV_EXTRA_FLAGS"] = recipe.flags
    return {**environment, "ZIG_LOCAL_CACHE_DIR": str(staging / "compiler"), **recipe.environment}
