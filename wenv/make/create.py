"""Makes and changes environments: everything is fetched and compiled first, then one manifest is written."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.environment.find import place
from wenv.environment.known import exists
from wenv.environment.manifest import MANIFEST_NAME, Baked, Environment, PackageLayer, RuntimeRecord, load
from wenv.errors import EnvironmentExistsError, WenvError
from wenv.guest.imports.extensions import is_extension
from wenv.locations import STANDARD_LIBRARY, folder_key, history_file
from wenv.policy.policy import Policy
from wenv.run.bin import BIN, remove_scripts, write_scripts
from wenv.run.run import ensure_ready, leave_plan
from wenv.runtimes import Runtime
from wenv.snapshot.code_index import image
from wenv.snapshot.contents import console_scripts, split_packages
from wenv_cache.errors import MissingEntryError
from wenv_cache.files import write_atomically
from wenv_cache.ownfolder import LinkedFolderError, OwnFolder, own_folder
from wenv_cache.store import Store
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.fetch import FetchedWheel, fetch
from wenv_resolver.lock import LOCK_NAME, LockedFile, lock_text, read_lock
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import Requested
from wenv_resolver.resolution_cache import remembered
from wenv_resolver.resolve import resolve

if TYPE_CHECKING:
    from wenv_resolver.building.builder import Builder

COMPILING = "Compiling modules"


@dataclass(frozen=True, slots=True)
class Solution:
    """What an environment shall hold, decided but not yet fetched, and on which runtime."""

    runtime: Runtime
    requested: Requested
    files: tuple[LockedFile, ...]
    rules: BuildRules = ANY_BUILD


def solve(
    runtime: Runtime,
    requested: Requested,
    progress: Progress,
    preferred: Sequence[LockedFile] = (),
    rules: BuildRules = ANY_BUILD,
    *,
    refresh: bool = False,
) -> Solution:
    """Resolve what was asked for, unless that was done not long ago; with `refresh` in any case.

    See `wenv_resolver.resolve.resolve` for errors.
    """
    target = runtime.target(progress)
    builder = builder_for(runtime, rules, progress)

    def decide() -> list[LockedFile]:
        return resolve(runtime.store, requested, target, progress, preferred, rules, lambda f: builder.known(f) is not None)

    files = remembered(runtime.store, requested, target, preferred, decide, refresh=refresh)
    return Solution(runtime, requested, tuple(files), rules)


def solution_of_lock(runtime: Runtime, path: Path, progress: Progress, rules: BuildRules = ANY_BUILD) -> Solution:
    """What a pylock.toml decided; nothing is resolved."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise WenvError(f"{path}: {error}") from error
    wheels, names = read_lock(text, str(path), runtime.target(progress))
    from wenv_resolver.requirements import Line

    return Solution(runtime, Requested(tuple(Line(name) for name in names)), tuple(wheels), rules)


def create(folder: Path, solution: Solution, policy: Policy, progress: Progress, *, clear: bool = False) -> Environment:
    """Make an environment in `folder`.  Raises EnvironmentExistsError unless `clear`.

    On an error no environment is there that was not, and one that was is unchanged.
    """
    runtime = solution.runtime
    with runtime.store.adding(), alone(runtime.store, folder):
        check_place(folder, clear=clear)
        for mount in policy.mounts:
            mount.check_writable()
        return _make(runtime, folder, solution, policy.as_json(), progress, previous=None, created=None, granting=True)


def check_place(folder: Path, *, clear: bool) -> None:
    """Raises EnvironmentExistsError, or WenvError for a folder that holds files of somebody else's."""
    if exists(folder):
        if not clear:
            raise EnvironmentExistsError(folder)
        return
    ours = {".gitignore", LOCK_NAME, BIN}  # left by a create that was cut off
    with suppress(FileNotFoundError), own_folder(folder) as own:
        if not set(own.names()) <= ours:
            raise WenvError(f"{folder} is not empty and holds no environment", "name a folder that is not there yet")
        if own.kind(".gitignore") and own.read(".gitignore") != b"*\n":
            raise WenvError(f"{folder} holds files that are not wenv's", "name a folder that is not there yet")


def change(
    runtime: Runtime, folder: Path, decide: Callable[[Environment], Solution], progress: Progress
) -> tuple[Environment, Environment]:
    """Give an environment a new snapshot; what runs in it meanwhile is not disturbed.  Returns its state before and after.

    `decide` says what it shall hold, given what it holds now; of several processes that change it one waits for the other.
    """
    with runtime.store.adding(), alone(runtime.store, folder):
        current = load(folder)
        granting = current.is_policy_granted()  # a policy that came with somebody's project stays ungranted
        solution, created = decide(current), current.created
        made = _make(runtime, folder, solution, current.policy, progress, previous=current, created=created, granting=granting)
        return current, made


def bake(runtime: Runtime, folder: Path, modules: Sequence[str] | None, progress: Progress) -> Environment:
    """Bake modules, by default those of the requested packages; the environment starts from there from now on."""
    from wenv.bake import baking

    store = runtime.store
    with store.adding(), alone(store, folder):
        current = load(folder)
        ensure_ready(runtime, current, progress)
        chosen = baking.requested_modules(runtime, current, progress) if modules is None else sorted(set(modules))
        done = baking.bake(runtime, current, chosen, progress)
        made = replace(current, baked=done, stamp=None)
        _save(store, made, granting=current.is_policy_granted())
        leave_plan(runtime, made, progress)
        return made


def unbake(runtime: Runtime, folder: Path) -> None:
    """Let the environment start unbaked again."""
    with runtime.store.adding(), alone(runtime.store, folder):
        current = load(folder)
        _save(runtime.store, replace(current, baked=Baked(), stamp=None), granting=current.is_policy_granted())


def remove(store: Store, folder: Path) -> None:
    """Delete the environment in a folder, damaged or not: its manifest first.  Files that wenv did not put there stay."""
    with store.adding(), alone(store, folder):
        try:
            with own_folder(folder) as own:
                _take_out(own)
        except FileNotFoundError:
            return
        with suppress(OSError):  # other files are in it
            folder.rmdir()


def _take_out(folder: OwnFolder) -> None:
    """Delete what wenv wrote into an environment's folder, the manifest first."""
    views = (MANIFEST_NAME, LOCK_NAME, ".gitignore")
    for name in views:
        folder.remove(name)
    for name in folder.names():
        if any(name.startswith(f".{view}.") for view in views):  # left by a write that was cut off
            folder.remove(name)
    try:
        remove_scripts(folder)
    except LinkedFolderError:
        folder.remove(BIN)  # the link, not what it leads to


def copy(runtime: Runtime, environment: Environment, folder: Path, progress: Progress) -> Environment:
    """Make the same environment once more, in `folder`; it costs a manifest.  Raises WenvError."""
    with runtime.store.adding(), alone(runtime.store, folder):
        if exists(folder):
            raise WenvError(f"{folder.name} is there already", "choose another name")
        check_place(folder, clear=False)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = replace(environment, folder=folder, created=now, changed=now, stamp=None)
        lock = lock_of(runtime.store, environment)
        ensure_ready(runtime, environment, progress)
        write(runtime, made, lock, progress, granting=environment.is_policy_granted())
        return made


def rename(runtime: Runtime, environment: Environment, name: str, progress: Progress) -> Environment:
    """Give a named environment another name; cut off, it has both.  Raises WenvError, EnvironmentExistsError."""
    if environment.name is None:
        raise WenvError(
            f"{environment.label} has no name: it belongs to the folder it lies in", "`wenv copy NAME` makes a named one of it"
        )
    made = copy(runtime, environment, place(name), progress)
    old, new = history_file(environment.folder), history_file(made.folder)
    if old.is_file():
        old.replace(new)
    remove(runtime.store, environment.folder)
    return made


def lock_of(store: Store, environment: Environment) -> str:
    """The text of an environment's lock; raises MissingEntryError."""
    try:
        return store.document(environment.lock)
    except MissingEntryError:
        # the store was deleted; the environment's own copy will do, if it is the one
        copy = environment.folder / LOCK_NAME
        text = copy.read_text("utf-8") if copy.is_file() else ""
        if hashlib.sha256(text.encode()).hexdigest() != environment.lock:
            raise
        return text


def locked_wheels(runtime: Runtime, environment: Environment, progress: Progress) -> list[LockedFile]:
    """The wheels of an environment's lock."""
    text = lock_of(runtime.store, environment)
    return read_lock(text, str(environment.folder / LOCK_NAME), runtime.target(progress))[0]


@contextmanager
def alone(store: Store, folder: Path) -> Iterator[None]:
    """Hold while the environment in a folder is made or changed."""
    with store.building(f"environment-{folder_key(folder)}"):
        yield


def _make(
    runtime: Runtime,
    folder: Path,
    solution: Solution,
    policy: dict[str, object],
    progress: Progress,
    *,
    previous: Environment | None,
    created: str | None,
    granting: bool,
) -> Environment:
    prepared = prepare(runtime, folder, solution, progress, policy=policy, created=created)
    environment = prepared.environment
    if previous is not None and created is not None and previous.snapshot == environment.snapshot:
        environment = replace(environment, baked=previous.baked)
    write(runtime, environment, prepared.lock, progress, granting=granting)
    return environment


def write(runtime: Runtime, environment: Environment, lock: str, progress: Progress, *, granting: bool) -> None:
    """Write an environment's folder, the manifest last; `lock` is the lock's text.  Raises LinkedFolderError."""
    with own_folder(environment.folder, create=True) as folder:
        folder.write(".gitignore", "*\n")
        folder.write(LOCK_NAME, lock)
        write_scripts(runtime.store, environment, folder)
        _save(runtime.store, environment, granting=granting)
    leave_plan(runtime, environment, progress)


def _save(store: Store, environment: Environment, *, granting: bool) -> None:
    """Write the manifest, with what earlier versions of wenv read there."""
    packages = environment.packages
    computed = {"scripts": console_scripts(store, packages), "split_packages": split_packages(store, packages)}
    environment.save(computed, granting=granting)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that could be run, and is not yet anywhere but in the store; `lock` is its lock's text."""

    environment: Environment
    lock: str
    fetched: tuple[FetchedWheel, ...]


def prepare(
    runtime: Runtime,
    folder: Path,
    solution: Solution,
    progress: Progress,
    *,
    policy: dict[str, object] | None = None,
    created: str | None = None,
) -> Prepared:
    """Have everything in the store that an environment in `folder` needs, built and tried; hold `Store.adding`.

    Nothing is written to `folder`.
    """
    store, now = runtime.store, datetime.now(UTC).isoformat(timespec="seconds")
    runtime.prepare(progress)
    target = runtime.target(progress)
    builder = builder_for(runtime, solution.rules, progress) if any(file.is_source for file in solution.files) else None
    fetched = fetch(store, solution.files, target, solution.requested.options, progress, builder)
    packages = tuple(sorted((_package(store, item) for item in fetched), key=lambda package: package.name))
    compile_layers(runtime, packages, progress)
    lines = [line.text for line in solution.requested.requirements]
    text = lock_text([item.file for item in fetched], lines, target, runtime.kind.value)
    environment = Environment(
        folder=folder,
        runtime=RuntimeRecord(runtime.name, runtime.identity, runtime.standard_library(progress), runtime.kind.value),
        packages=packages,
        lock=store.put_document(text),
        requested=solution.requested.as_json(),
        policy=Policy().as_json() if policy is None else policy,
        created=created or now,
        changed=now,
    )
    image(runtime, environment, progress)
    if not runtime.is_prepared(environment.natives):
        runtime.component(progress, environment.natives)
    if built := [item.built for item in fetched if item.built is not None]:
        from wenv.make.acceptance import accept  # late: imports wasmtime

        accept(runtime, environment, built, progress)
    return Prepared(environment, text, tuple(fetched))


@dataclass(frozen=True, slots=True)
class WrittenWheel:
    """A wheel that was built and copied to a folder; `size` in bytes."""

    path: Path
    sha256: str
    size: int
    native: bool

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "path": str(self.path)}


def build(runtime: Runtime, solution: Solution, output: Path, progress: Progress) -> list[WrittenWheel]:
    """Build what a solution has no wheels for, try it, and copy the wheels to a folder; hold `Store.adding`."""
    prepared = prepare(runtime, output, solution, progress)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for wheel in (item.built for item in prepared.fetched):
        if wheel is not None:
            path = output / wheel.path.name
            write_atomically(path, wheel.path.read_bytes())
            written.append(WrittenWheel(path, wheel.sha256, path.stat().st_size, wheel.native))
    return written


def requested_of_runtime(runtime: Runtime, environment: Environment, progress: Progress) -> list[str]:
    """The packages that were asked for and are the runtime's, by canonical name."""
    return [name for name in runtime.contained(progress) if name in environment.requested_names]


def to_build(solution: Solution, progress: Progress) -> list[LockedFile]:
    """The files of a solution that would have to be built here, and have not been."""
    if not any(file.is_source for file in solution.files):
        return []
    builder = builder_for(solution.runtime, solution.rules, progress)
    return [file for file in solution.files if file.is_source and builder.known(file) is None]


def builder_for(runtime: Runtime, rules: BuildRules, progress: Progress) -> "Builder":
    """What builds packages from their source for a runtime."""
    from wenv_resolver.building.builder import Builder  # late: most environments need nothing built

    return Builder(runtime.store, runtime.target(progress), runtime.identity, lambda: runtime.build_variables(progress), rules)


def _package(store: Store, item: FetchedWheel) -> PackageLayer:
    file, key = item.file, item.built.key if item.built is not None else ""
    if item.built is not None:
        native = item.built.native
    else:  # a manifest with a thousand files takes a moment to read
        native = not file.filename.endswith("-any.whl") and any(is_extension(f.path) for f in store.manifest(item.layer).files)
    return PackageLayer(file.name, file.version, item.layer, file.filename, file.sha256, native, key)


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
