"""Downloading, building, compiling and trying what an environment needs, before it exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wenv.environment.manifest import EditableFolder, Environment, PackageLayer, RuntimeRecord
from wenv.guest.imports.extensions import is_extension
from wenv.make.solve import Solution, builder_for, solve
from wenv.policy.policy import Policy
from wenv.runtimes import Runtime
from wenv.snapshot.ready import Ready, ensure_ready
from wenv_cache.store import Store, Writing
from wenv_resolver.fetch import FetchedWheel, fetch
from wenv_resolver.lock import lock_text
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import folder_of
from wenv_resolver.target import Target

#: How often what was built may show further needs.
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that could be run, and is not yet anywhere but in the store; `lock` is its lock's text."""

    ready: Ready
    lock: str
    fetched: tuple[FetchedWheel, ...]


def prepare(
    writing: Writing,
    runtime: Runtime,
    folder: Path,
    solution: Solution,
    progress: Progress,
    *,
    policy: dict[str, object] | None = None,
    created: str | None = None,
) -> Prepared:
    """Have everything in the store that an environment in `folder` needs, built and tried.

    Nothing is written to `folder`.
    """
    store, now = writing.store, datetime.now(UTC).isoformat(timespec="seconds")
    target = runtime.target(progress)
    builder = builder_for(runtime, solution.rules, progress) if any(file.is_source for file in solution.files) else None
    fetched = fetch(writing, solution.files, target, solution.requested.options, progress, builder)
    for _ in range(ROUNDS):
        if not (lacking := _lacking(fetched, solution, target)):
            break
        if solution.is_locked:
            progress.say(f"warning: {lacking[0]}, which the lock does not have")
            break
        progress.say(f"{lacking[0]}, which shows only now that it is built: resolving again")
        solution = solve(runtime, solution.requested, progress, solution.files, solution.rules)
        builder = builder_for(runtime, solution.rules, progress)
        fetched = fetch(writing, solution.files, target, solution.requested.options, progress, builder)
    packages = tuple(sorted((_package(store, item) for item in fetched), key=lambda package: package.name))
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
    ready = ensure_ready(runtime, environment, progress)
    if built := [item.built for item in fetched if item.built is not None]:
        from wenv.make.acceptance import accept  # late: imports wasmtime

        accept(ready, built, progress)
    return Prepared(ready, text, tuple(fetched))


def _lacking(fetched: Sequence[FetchedWheel], solution: Solution, target: Target) -> list[str]:
    if all(item.built is None for item in fetched) or solution.requested.options.no_deps:
        return []
    from wenv.make.unmet import unmet  # late: most environments need nothing built

    return unmet(fetched, solution.requested, target)


def _package(store: Store, item: FetchedWheel) -> PackageLayer:
    file, key = item.file, item.built.key if item.built is not None else ""
    if item.built is not None:
        native = item.built.native
    else:  # a manifest with a thousand files takes a moment to read
        native = not file.filename.endswith("-any.whl") and any(is_extension(f.path) for f in store.manifest(item.layer).files)
    rest = EditableFolder(str(folder_of(file.url).resolve()), item.roots) if file.editable else None
    return PackageLayer(file.name, file.version, item.layer, file.filename, file.sha256, native, key, rest)
