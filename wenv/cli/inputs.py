"""From the requirement options of a command to a solution."""

from collections.abc import Sequence
from pathlib import Path

from resolver.building.rules import BuildRules
from resolver.gather import gather
from resolver.lock import is_lock
from resolver.progress import Progress
from resolver.requested import IndexOptions, Requested
from wenv import creation
from wenv.errors import UsageError
from wenv.runtimes import Runtime


def index_options(
    index_url: str | None,
    extra: Sequence[str] | None,
    find_links: Sequence[str] | None,
    no_index: bool,
    pre: bool,
    no_binary: Sequence[str] | None = None,
) -> IndexOptions:
    """The index options; folders are kept as absolute paths, so that they mean the same later."""
    links = tuple(link if "://" in link else str(Path(link).absolute()) for link in find_links or ())
    return IndexOptions(index_url, tuple(extra or ()), links, (), no_index, pre, tuple(no_binary or ()))


def requested_of(
    runtime: Runtime,
    names: Sequence[str] | None,
    files: Sequence[Path] | None,
    constraints: Sequence[Path] | None,
    extras: Sequence[str] | None,
    groups: Sequence[str] | None,
    index: IndexOptions,
    progress: Progress,
) -> Requested:
    """Everything that the options name."""
    for path in files or ():
        if is_lock(path):
            raise UsageError(f"{path} is a lock, which has decided already", "`wenv create -r` and `wenv install -r` take it")
    return gather(
        names or (), files or (), constraints or (),
        target=runtime.target(progress), options=index, extras=extras or (), groups=groups or (),
    )  # fmt: skip


def solution(
    runtime: Runtime,
    names: Sequence[str] | None,
    files: Sequence[Path] | None,
    constraints: Sequence[Path] | None,
    extras: Sequence[str] | None,
    groups: Sequence[str] | None,
    index: IndexOptions,
    rules: BuildRules,
    progress: Progress,
    *,
    refresh: bool = False,
) -> creation.Solution:
    """Resolve what the options name, or take what a lock among them has decided."""
    locks = [path for path in files or () if is_lock(path)]
    if locks:
        if len(files or ()) > 1 or names or constraints or extras or groups:
            raise UsageError(f"{locks[0]} says everything: nothing can be given beside a lock")
        if index != IndexOptions():
            raise UsageError(
                f"{locks[0]} says where each file comes from: options for the index and --no-binary have no effect",
                "lock again with them",
            )
        return creation.solution_of_lock(runtime, locks[0], progress, rules)
    wanted = requested_of(runtime, names, files, constraints, extras, groups, index, progress)
    return creation.solve(runtime, wanted, progress, rules=rules, refresh=refresh)
