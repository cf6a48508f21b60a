"""From what a user names (packages, files, options) to a solution."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from resolver.building.rules import ANY_BUILD, BuildRules
from resolver.gather import gather
from resolver.lock import is_lock
from resolver.progress import Progress
from resolver.requested import IndexOptions, Requested
from wenv import creation
from wenv.environment import Environment
from wenv.errors import UsageError, WenvError
from wenv.report import package_reports
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


@dataclass(frozen=True, slots=True)
class Adding:
    """What is to be added to an environment; nothing, to restore what is missing from its lock."""

    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    constraints: tuple[Path, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    index: IndexOptions = field(default_factory=IndexOptions)
    rules: BuildRules = ANY_BUILD

    def solution(
        self, runtime: Runtime, current: Environment, progress: Progress, *, upgrade: bool = False, refresh: bool = False
    ) -> creation.Solution:
        """What the environment shall hold then; versions that are there stay where they can, unless `upgrade`."""
        options = (self.names, self.files, self.constraints, self.extras, self.groups, self.index)
        if any(is_lock(file) for file in self.files):
            return solution(runtime, *options, self.rules, progress, refresh=refresh)
        kept, before = creation.locked_wheels(runtime, current, progress), Requested.from_json(current.requested)
        if self == Adding(rules=self.rules) and not upgrade:
            return creation.Solution(before, tuple(kept), self.rules)
        wanted = requested_of(runtime, *options, progress)
        return creation.solve(
            runtime, before.merged(wanted), progress, () if upgrade else kept, self.rules, refresh=refresh or upgrade
        )


def without(runtime: Runtime, current: Environment, names: Sequence[str], progress: Progress) -> creation.Solution:
    """What the environment shall hold without these packages, and without what only they needed.

    Raises WenvError for a package that is not there, or is needed by another.
    """
    before = Requested.from_json(current.requested)
    asked = {line.name for line in before.requirements}
    reports = {r.name: r for r in package_reports(runtime.store, current, runtime.target(progress).markers)}
    for given in names:
        wanted = canonicalize_name(given)
        if wanted not in asked and wanted not in reports:
            raise WenvError(f"{given} is not in {current.label}", "`wenv info` lists what is")
        if wanted not in asked:
            needed = ", ".join(reports[wanted].needed_by)
            raise WenvError(f"{given} was not asked for; it is needed by {needed}", f"uninstall {needed}")
    return creation.solve(runtime, before.without(names), progress, creation.locked_wheels(runtime, current, progress))
