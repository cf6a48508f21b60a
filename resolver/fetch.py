"""Brings the wheels of a lock into the store as layers: in parallel, checked, and all of them or none."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, local
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from cache.layers import publish
from cache.store import Store
from resolver.errors import FetchError, HashMismatchError, ResolverError
from resolver.lock import LockedWheel
from resolver.progress import Progress
from resolver.requested import IndexOptions
from resolver.target import Target

if TYPE_CHECKING:
    from resolver.pip_internals.downloads import Downloader

#: Downloads at a time: more gain nothing against one index, and unpacking is bounded by the cores.
PARALLEL = 8
DOWNLOADING = "Fetching packages"


@dataclass(frozen=True, slots=True)
class FetchedWheel:
    """A wheel and the layer that it became."""

    wheel: LockedWheel
    layer: str


def fetch(
    store: Store, wheels: Sequence[LockedWheel], target: Target, options: IndexOptions, progress: Progress
) -> list[FetchedWheel]:
    """Have every wheel in the store; returns them in the given order, with sha256 and size filled in.  Hold `Store.adding`.

    A wheel whose layer is there already costs no network.  Raises FetchError, HashMismatchError and HostileWheelError; the
    store is unchanged then.
    """
    for wheel in wheels:
        _check_allowed(wheel, wheel.sha256)
        _check_python(wheel, target)
    known = [_known(store, wheel) for wheel in wheels]
    missing = [wheel for wheel, found in zip(wheels, known, strict=True) if found is None]
    fetched = _fetch_missing(store, missing, options, progress) if missing else {}
    return [found or fetched[wheel.name] for wheel, found in zip(wheels, known, strict=True)]


def _known(store: Store, wheel: LockedWheel) -> FetchedWheel | None:
    record = store.record(wheel.sha256) if wheel.sha256 else None
    if record is None or not store.has_layer(str(record["layer"])):
        return None
    return FetchedWheel(replace(wheel, size=int(str(record["size"]))), str(record["layer"]))


def _fetch_missing(
    store: Store, wheels: Sequence[LockedWheel], options: IndexOptions, progress: Progress
) -> dict[str, FetchedWheel]:
    from resolver.pip_internals.downloads import Downloader  # late: a lock whose wheels are all here needs no pip
    from resolver.wheels import StagedWheel, stage_wheel

    per_thread, cancelled = local(), Event()

    def work(wheel: LockedWheel, staging: Path) -> tuple[LockedWheel, StagedWheel]:
        if not hasattr(per_thread, "downloader"):
            per_thread.downloader = Downloader(options)
        path = staging / wheel.filename
        sha256, size = _download(per_thread.downloader, wheel, path, progress, cancelled)
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
            publish(store, [staged.layer for _, staged in results])
    finally:
        progress.end(DOWNLOADING)
    fetched = {}
    for wheel, staged in results:
        layer = staged.layer.manifest.digest
        store.put_record(wheel.sha256, {"layer": layer, "filename": wheel.filename, "size": wheel.size})
        fetched[wheel.name] = FetchedWheel(wheel, layer)
    return fetched


def _download(
    downloader: "Downloader", wheel: LockedWheel, path: Path, progress: Progress, cancelled: Event
) -> tuple[str, int]:
    """Returns sha256 and size of what was written to `path`."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in downloader.stream(wheel.url):
            if cancelled.is_set():
                raise FetchError("another download failed")
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            progress.advance(DOWNLOADING, len(chunk))
    return digest.hexdigest(), size


def _check_allowed(wheel: LockedWheel, sha256: str) -> None:
    if sha256 and wheel.allowed and sha256 not in wheel.allowed:
        raise HashMismatchError(wheel.filename, " or ".join(wheel.allowed), sha256)


def _check_python(wheel: LockedWheel, target: Target) -> None:
    with suppress(InvalidSpecifier):
        version = target.markers["python_full_version"]
        if wheel.requires_python and not SpecifierSet(wheel.requires_python).contains(version, prereleases=True):
            raise ResolverError(f"{wheel.filename} requires Python {wheel.requires_python}; the runtime is {version}")
