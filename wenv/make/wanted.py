"""From what a user names (packages, files, options) to a solution."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from wenv.environment.kinds import Choice, Kind
from wenv.environment.manifest import Environment
from wenv.errors import UsageError, WenvError
from wenv.make import create
from wenv.report.environments import package_reports
from wenv.runtimes import Runtime, default_runtime, runtime_of
from wenv.runtimes.choice import (
    announcement,
    reading_target,
    scientific_has,
    scientific_lacks,
    scientific_name,
    scientific_reasons,
    with_advice,
)
from wenv_cache.store import Store
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.errors import RequirementsError, UnusablePackagesError
from wenv_resolver.lock import is_lock, lock_facts
from wenv_resolver.progress import Progress
from wenv_resolver.reading import gather
from wenv_resolver.requirements import IndexOptions, Requested
from wenv_resolver.target import Target


def index_options(
    index_url: str | None,
    extra: Sequence[str] | None,
    find_links: Sequence[str] | None,
    no_index: bool,
    pre: bool,
    no_binary: Sequence[str] | None = None,
) -> IndexOptions:
    """The index options; folders are kept as absolute paths, so that they mean the same later.

    Raises UsageError for an address that cannot be read.
    """
    links = tuple(link if "://" in link else str(Path(link).absolute()) for link in find_links or ())
    options = IndexOptions(index_url, tuple(extra or ()), links, (), no_index, pre, tuple(no_binary or ()))
    try:
        options.as_json()
    except ValueError as error:
        raise UsageError(f"an address of a package index that cannot be read: {error}") from error
    return options


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a command was asked for, and where to look for it."""

    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    constraints: tuple[Path, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    index: IndexOptions = field(default_factory=IndexOptions)
    rules: BuildRules = ANY_BUILD

    @classmethod
    def of(
        cls,
        names: Sequence[str] | None,
        files: Sequence[Path] | None,
        constraints: Sequence[Path] | None,
        extras: Sequence[str] | None,
        groups: Sequence[str] | None,
        index: IndexOptions,
        rules: BuildRules = ANY_BUILD,
    ) -> "Inputs":
        """From options as typer gives them."""
        return cls(
            tuple(names or ()), tuple(files or ()), tuple(constraints or ()), tuple(extras or ()), tuple(groups or ()),
            index, rules,
        )  # fmt: skip

    @property
    def lock(self) -> Path | None:
        """The lock among the files, which has decided already.  Raises UsageError if anything else is given."""
        locks = [path for path in self.files if is_lock(path)]
        if not locks:
            return None
        if len(self.files) > 1 or self.names or self.constraints or self.extras or self.groups:
            raise UsageError(f"{locks[0]} says everything: nothing can be given beside a lock")
        if self.index != IndexOptions():
            raise UsageError(
                f"{locks[0]} says where each file comes from: options for the index and --no-binary have no effect",
                "lock again with them",
            )
        return locks[0]

    def requested(self, target: Target) -> Requested:
        """Everything that the options name, read for a target."""
        for path in self.files:
            if is_lock(path):
                raise UsageError(
                    f"{path} is a lock, which has decided already", "`wenv create -r` and `wenv install -r` take it"
                )
        return gather(
            self.names, self.files, self.constraints,
            target=target, options=self.index, extras=self.extras, groups=self.groups,
        )  # fmt: skip

    def solution(self, runtime: Runtime, progress: Progress, *, refresh: bool = False) -> create.Solution:
        """Resolve what is named, or take what a lock has decided.  See `wenv_resolver.resolve.resolve` for errors."""
        if (lock := self.lock) is not None:
            return create.solution_of_lock(runtime, lock, progress, self.rules)
        return create.solve(runtime, self.requested(runtime.target(progress)), progress, rules=self.rules, refresh=refresh)

    def added_to(
        self, current: Environment, runtime: Runtime, progress: Progress, *, upgrade: bool = False, refresh: bool = False
    ) -> create.Solution:
        """What an environment shall hold with this added; with nothing to add, what is missing is restored from its lock.

        Versions that are there stay where they can, unless `upgrade`.
        """
        if self.lock is not None:
            return self.solution(runtime, progress, refresh=refresh)
        kept, before = create.locked_wheels(runtime, current, progress), current.asked_for
        if self == Inputs(rules=self.rules) and not upgrade:
            return create.Solution(runtime, before, tuple(kept), self.rules)
        wanted = before.merged(self.requested(runtime.target(progress)))
        try:
            return create.solve(runtime, wanted, progress, () if upgrade else kept, self.rules, refresh=refresh or upgrade)
        except UnusablePackagesError as error:
            raise (with_advice(error) if runtime.kind is Kind.DEFAULT else error) from error


def chosen_runtime(store: Store, choice: Choice, inputs: Inputs, progress: Progress) -> Runtime:
    """The runtime for what is named, as far as names tell; if it is another than the default one, `progress` hears why."""
    kind = choice.kind
    if kind is not None:
        return runtime_of(store, kind)
    if (lock := inputs.lock) is not None:
        facts = lock_facts(lock.read_text("utf-8", "replace") if lock.is_file() else "")
        if facts.runtime in tuple(Kind):
            return runtime_of(store, Kind(facts.runtime))
        reasons = scientific_reasons(facts.requirements)
    else:
        reasons = _reasons(inputs)
    if not reasons:
        return default_runtime(store)
    progress.say(announcement(reasons))
    return runtime_of(store, Kind.SCIENTIFIC)


def _lacking(inputs: Inputs, runtime: Runtime, progress: Progress) -> list[str]:
    """What is asked for at a version that the scientific runtime does not have."""
    if inputs.lock is not None:
        return []
    return scientific_lacks(line.text for line in inputs.requested(runtime.target(progress)).requirements)


def _reasons(inputs: Inputs) -> list[str]:
    """The requirements that are for the scientific runtime, unless somebody brings wheels of them or wants them built."""
    try:
        lines = inputs.requested(reading_target()).requirements
    except RequirementsError:
        return []  # it may be right for the other Python
    if ":all:" in inputs.index.no_binary:
        return []
    given = _projects_in(inputs.index.find_links) | {canonicalize_name(name) for name in inputs.index.no_binary}
    texts = [line.text for line in lines]
    return [] if scientific_lacks(texts) else [name for name in scientific_reasons(texts) if name not in given]


def _projects_in(links: Sequence[str]) -> set[str]:
    """The projects of which local folders hold wheels."""
    names = (path.name.partition("-")[0] for link in links if "://" not in link for path in Path(link).glob("*.whl"))
    return {canonicalize_name(name) for name in names}


def first_solution(
    store: Store, choice: Choice, inputs: Inputs, progress: Progress, *, refresh: bool = False
) -> create.Solution:
    """What a new environment shall hold, and on which runtime: on the scientific one also if it holds what the default one
    turns out not to have."""
    runtime = chosen_runtime(store, choice, inputs, progress)
    if runtime.kind is not Kind.DEFAULT:
        return inputs.solution(runtime, progress, refresh=refresh)
    try:
        solved = inputs.solution(runtime, progress, refresh=refresh)
        to_build = create.to_build(solved, progress) if choice is Choice.AUTO and inputs.lock is None else []
        there = [file.name for file in to_build if scientific_name(file.name)]
    except UnusablePackagesError as error:
        there = scientific_has(error.packages)
        if choice is not Choice.AUTO or not there or _lacking(inputs, runtime, progress):
            raise with_advice(error) from error
    if not there or _lacking(inputs, runtime, progress):
        return solved
    progress.say(announcement(there))
    return inputs.solution(runtime_of(store, Kind.SCIENTIFIC), progress, refresh=refresh)


def without(runtime: Runtime, current: Environment, names: Sequence[str], progress: Progress) -> create.Solution:
    """What the environment shall hold without these packages, and without what only they needed.

    Raises WenvError for a package that is not there, or is needed by another.
    """
    before = current.asked_for
    asked = {line.name for line in before.requirements}
    reports = {r.name: r for r in package_reports(runtime, current, progress)}
    for given in names:
        wanted = canonicalize_name(given)
        if wanted not in asked and wanted not in reports:
            raise WenvError(f"{given} is not in {current.label}", "`wenv info` lists what is")
        if wanted not in asked:
            needed = ", ".join(reports[wanted].needed_by)
            raise WenvError(f"{given} was not asked for; it is needed by {needed}", f"uninstall {needed}")
    return create.solve(runtime, before.without(names), progress, create.locked_wheels(runtime, current, progress))
