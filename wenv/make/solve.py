"""Which wheels an environment gets: resolved, or read from a lock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.errors import WenvError
from wenv.runtimes import Runtime, linker_of
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.lock import LockedFile, read_lock
from wenv_resolver.pip_settings import settings
from wenv_resolver.progress import Progress
from wenv_resolver.reading import as_configured
from wenv_resolver.requirements import Requested
from wenv_resolver.resolution_cache import remembered
from wenv_resolver.resolve import named, resolve

if TYPE_CHECKING:
    from wenv_resolver.building.builder import Builder


@dataclass(frozen=True, slots=True)
class Solution:
    """What an environment shall hold, decided but not yet fetched, and on which runtime.

    `is_locked` says that a lock decided.
    """

    runtime: Runtime
    requested: Requested
    files: tuple[LockedFile, ...]
    rules: BuildRules = ANY_BUILD
    is_locked: bool = False


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
    builder = cache(lambda: builder_for(runtime, rules, progress))
    requested = named(runtime.store, requested, builder, progress)
    limited = configured(runtime, requested, builder, progress)

    def decide() -> list[LockedFile]:
        return resolve(runtime.store, limited, target, progress, preferred, rules, builder())

    files = remembered(runtime.store, limited, target, preferred, decide, rules, refresh=refresh)
    return Solution(runtime, requested, tuple(files), rules)


def configured(runtime: Runtime, requested: Requested, builder: "Callable[[], Builder]", progress: Progress) -> Requested:
    """The same with the constraints that pip is configured with now, which no environment remembers.

    Raises RequirementsError, also where hashes are required and there are none.
    """
    return named(runtime.store, as_configured(requested, settings(runtime.store)), builder, progress)


def solution_of_lock(
    runtime: Runtime,
    path: Path,
    progress: Progress,
    rules: BuildRules = ANY_BUILD,
    extras: Sequence[str] = (),
    groups: Sequence[str] | None = None,
) -> Solution:
    """What a pylock.toml decided; nothing is resolved.  Raises WenvError for one that cannot be read, and LockError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise WenvError(f"{path}: {error}") from error
    wheels, names = read_lock(text, str(path), runtime.target(progress), extras, groups)
    from wenv_resolver.reading import lies_beside, not_shared
    from wenv_resolver.requirements import Line, folder_of

    shared = {file.name: folder_of(file.url) for file in wheels if file.editable}
    outside = {name: folder for name, folder in shared.items() if not lies_beside(path, folder)}
    for folder in outside.values():
        progress.say(f"warning: {not_shared(path, folder)}")
    editable = shared.keys() - outside.keys()
    files = [replace(file, editable=file.name in editable) for file in wheels]
    lines = tuple(replace(line, editable=line.name in editable) for line in map(Line, names))
    return Solution(runtime, Requested(lines), tuple(files), rules, is_locked=True)


def to_build(solution: Solution, progress: Progress) -> list[LockedFile]:
    """The files of a solution that would have to be built here, and have not been."""
    if not any(file.is_source for file in solution.files):
        return []
    builder = builder_for(solution.runtime, solution.rules, progress)
    return [file for file in solution.files if file.is_source and builder.known(file) is None]


def builder_for(runtime: Runtime, rules: BuildRules, progress: Progress) -> "Builder":
    """What builds packages from their source for a runtime."""
    from wenv_resolver.building.builder import Builder  # late: most environments need nothing built

    return Builder(
        runtime.store, runtime.target(progress), runtime.identity, lambda: linker_of(runtime).build_variables(progress), rules
    )
