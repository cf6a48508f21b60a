"""Brings the files of a lock into the store as layers: wheels in parallel, checked, and all or none; sources by building."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, local
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from wenv_cache.layers import publish
from wenv_cache.store import Store, Writing
from wenv_resolver.bounds import bounded
from wenv_resolver.errors import BuildError, FetchError, HashMismatchError, ResolverError
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.lock import LockedFile
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import IndexOptions, folder_of
from wenv_resolver.target import Target

if TYPE_CHECKING:
    from wenv_resolver.building.builder import Builder, BuiltWheel
    from wenv_resolver.pip_internals.downloads import Downloader

#: Downloads at a time: more gain nothing against one index, and unpacking is bounded by the cores.
PARALLEL = 8
DOWNLOADING = "Fetching packages"


@dataclass(frozen=True, slots=True)
class FetchedWheel:
    """A file of a lock and the layer that it became; `built` is the wheel that was built in between, for a source.

    `roots` are the folders of an editable project that hold its modules, relative to it.
    """

    file: LockedFile
    layer: str
    built: "BuiltWheel | None" = None
    roots: tuple[str, ...] = ()


def fetch(
    writing: Writing,
    files: Sequence[LockedFile],
    target: Target,
    options: IndexOptions,
    progress: Progress,
    builder: "Builder | None" = None,
) -> list[FetchedWheel]:
    """Have the wheel of every file in the store; returns them in the given order, with sha256 and size filled in.

    A file whose layer is there already costs no network.  Raises FetchError, HashMismatchError,
    HostileWheelError and BuildError.  No wheel is added to the store unless all wheels could be fetched; those that are built
    stay, each as it is finished.
    """
    store = writing.store
    for file in files:
        _check_allowed(file, file.sha256)
        _check_python(file, target)
    found = {file.name: known for file in files if (known := _known(store, file, builder)) is not None}
    if wheels := [file for file in files if file.name not in found and not file.is_source]:
        found.update(_fetch_missing(writing, wheels, options, progress))
    if sources := [file for file in files if file.name not in found]:
        _build_missing(writing, sources, options, progress, builder, found)
    return [found[file.name] for file in files]


def _known(store: Store, file: LockedFile, builder: "Builder | None") -> FetchedWheel | None:
    built = builder.known(file) if builder is not None and file.is_source else None
    if file.is_source and built is None:
        return None
    sha256 = built.sha256 if built is not None else file.sha256
    record = store.record(_record_key(file, sha256)) if sha256 else None
    if record is None or not store.has_layer(str(record["layer"])):
        return None
    known = built.file if built is not None else replace(file, size=int(str(record["size"])))
    roots = record.get("roots")
    return FetchedWheel(known, str(record["layer"]), built, tuple(map(str, roots)) if isinstance(roots, list) else ())


def _record_key(file: LockedFile, sha256: str) -> str:
    """What the layer of a wheel is known by: the wheel's digest, and where the rest of it lies if it is editable."""
    return hashlib.sha256(f"editable {sha256} {file.url}".encode()).hexdigest() if file.editable else sha256


def _build_missing(
    writing: Writing,
    files: Sequence[LockedFile],
    options: IndexOptions,
    progress: Progress,
    builder: "Builder | None",
    found: dict[str, FetchedWheel],
) -> None:
    """Build the wheels of source distributions, and add each to `found` once it is a layer."""
    from wenv_resolver.editable import editable_of
    from wenv_resolver.wheels import stage_wheel

    store = writing.store
    if builder is None:
        raise BuildError(f"{files[0].name} has to be built from its source, and there is nothing to build it with")

    def packages(name: str) -> Path | None:
        return store.tree(found[name].layer) / SITE_PACKAGES if name in found else None

    def finished(file: LockedFile, built: "BuiltWheel") -> None:
        rest = editable_of(built.path, file.name, folder_of(file.url)) if file.editable else None
        if rest is not None and rest.built:
            progress.say(f"warning: {file.name}: {', '.join(rest.built)} is made by the build, and stays as it is built now")
        with store.staging() as staging:
            staged = stage_wheel(store, staging, built.path, file.name, built.file.version, rest)
            publish(writing, [staged.layer])
        layer, roots = staged.layer.manifest.digest, rest.roots if rest is not None else ()
        size = built.path.stat().st_size
        record = {"layer": layer, "filename": built.path.name, "size": size, **({"roots": list(roots)} if roots else {})}
        store.put_record(_record_key(file, built.sha256), record)
        found[file.name] = FetchedWheel(built.file, layer, built, roots)

    builder.build_all(writing, files, options, packages, progress, finished)


def _fetch_missing(
    writing: Writing, wheels: Sequence[LockedFile], options: IndexOptions, progress: Progress
) -> dict[str, FetchedWheel]:
    from wenv_resolver.pip_internals.downloads import Downloader  # late: a lock whose wheels are all here needs no pip
    from wenv_resolver.wheels import StagedWheel, stage_wheel

    store, per_thread, cancelled = writing.store, local(), Event()

    def work(wheel: LockedFile, staging: Path) -> tuple[LockedFile, StagedWheel]:
        if not hasattr(per_thread, "downloader"):
            per_thread.downloader = Downloader(options)
        path = staging / wheel.filename
        sha256, size = _download(per_thread.downloader, wheel.url, path, DOWNLOADING, progress, cancelled, wheel.size)
        if wheel.sha256 and sha256 != wheel.sha256:
            raise HashMismatchError(wheel.filename, wheel.sha256, sha256)
        _check_allowed(wheel, sha256)
        staged = stage_wheel(store, staging, path, wheel.name, wheel.version)
        path.unlink()
        return replace(wheel, sha256=sha256, size=size), staged

    total = sum(wheel.size or 0 for wheel in wheels)
    progress.begin(DOWNLOADING, total if all(wheel.size for wheel in wheels) else None)
    try:
        with store.staging() as staging, ThreadPoolExecutor(min(PARALLEL, len(wheels))) as pool:
            futures = [pool.submit(work, wheel, staging) for wheel in wheels]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                cancelled.set()
                pool.shutdown(cancel_futures=True)
                raise
            results = [future.result() for future in futures]
            publish(writing, [staged.layer for _, staged in results])
    finally:
        progress.end(DOWNLOADING)
    fetched = {}
    for wheel, staged in results:
        layer = staged.layer.manifest.digest
        store.put_record(wheel.sha256, {"layer": layer, "filename": wheel.filename, "size": wheel.size})
        fetched[wheel.name] = FetchedWheel(wheel, layer)
    return fetched


def _download(
    downloader: "Downloader", url: str, path: Path, task: str, progress: Progress, cancelled: Event, most: int | None
) -> tuple[str, int]:
    """Returns sha256 and size of what was written to `path`; see `bounded` for `most`."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in bounded(downloader.stream(url), path.name, most):
            if cancelled.is_set():
                raise FetchError("another download failed")
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            progress.advance(task, len(chunk))
    return digest.hexdigest(), size


def fetch_file(project: str, filename: str, sha256: str, size: int, path: Path, task: str, progress: Progress) -> None:
    """Download a file of a project from pip's configured indexes to `path`; `size` in bytes.

    Raises FetchError, HashMismatchError.
    """
    from wenv_resolver.pip_internals.downloads import Downloader, find_file

    progress.begin(task, size)
    try:
        found, _ = _download(Downloader(IndexOptions()), find_file(project, filename), path, task, progress, Event(), size)
    finally:
        progress.end(task)
    if found != sha256:
        raise HashMismatchError(filename, sha256, found)


def _check_allowed(wheel: LockedFile, sha256: str) -> None:
    if sha256 and wheel.allowed and sha256 not in wheel.allowed:
        raise HashMismatchError(wheel.filename, " or ".join(wheel.allowed), sha256)


def _check_python(wheel: LockedFile, target: Target) -> None:
    with suppress(InvalidSpecifier):
        version = target.markers["python_full_version"]
        if wheel.requires_python and not SpecifierSet(wheel.requires_python).contains(version, prereleases=True):
            raise ResolverError(f"{wheel.filename} requires Python {wheel.requires_python}; the runtime is {version}")
