"""From what a user names (packages, files, options) to a solution."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wenv.environment.manifest import Environment
from wenv.errors import UsageError, WenvError
from wenv.make import solve
from wenv.make.locked import locked_wheels
from wenv.runtimes import Runtime
from wenv.runtimes.choice import with_advice
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.errors import ResolverError, UnusablePackagesError
from wenv_resolver.lock import LockedFile, is_lock, read_lock
from wenv_resolver.progress import Progress
from wenv_resolver.reading import Gathered, gather
from wenv_resolver.requirements import IndexOptions, Line, Requested, bracketed, folder_of, moment


def index_options(
    index_url: str | None,
    extra: Sequence[str] | None,
    find_links: Sequence[str] | None,
    no_index: bool,
    pre: bool,
    no_binary: Sequence[str] | None = None,
    exclude_newer: str | None = None,
    no_deps: bool = False,
) -> IndexOptions:
    """The index options; folders are kept as absolute paths, so that they mean the same later.

    Raises UsageError for an address or a date that cannot be read.
    """
    try:
        before = None if exclude_newer is None else moment(exclude_newer)
    except ValueError as error:
        raise UsageError(
            f"--exclude-newer {exclude_newer}: {error}", "for example 2026-01-31, or 2026-01-31T12:00:00Z"
        ) from error
    links = tuple(link if "://" in link else str(Path(link).absolute()) for link in find_links or ())
    options = IndexOptions(
        index_url, tuple(extra or ()), links, (), no_index, pre, tuple(no_binary or ()),
        uploaded_before=before, no_deps=no_deps,
    )  # fmt: skip
    try:
        options.as_json()
    except ValueError as error:
        raise UsageError(f"an address of a package index that cannot be read: {error}") from error
    return options


@dataclass(frozen=True)
class Wanted:
    """What a command was asked for, and where to look for it: files are read once, when they are first needed.

    `kept` is a lock whose versions are kept where the requirements allow it.
    """

    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    constraints: tuple[Path, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    index: IndexOptions = field(default_factory=IndexOptions)
    rules: BuildRules = ANY_BUILD
    kept: Path | None = None

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
        editables: Sequence[str] | None = None,
    ) -> "Wanted":
        """From options as typer gives them."""
        return cls(
            tuple(names or ()), tuple(files or ()), tuple(constraints or ()), tuple(extras or ()), tuple(groups or ()),
            tuple(editables or ()), index, rules,
        )  # fmt: skip

    @cached_property
    def lock(self) -> Path | None:
        """The lock among the files, which has decided already.  Raises UsageError if anything else is given."""
        locks = [path for path in self.files if is_lock(path)]
        if not locks:
            return None
        if len(self.files) > 1 or self.names or self.constraints or self.editables:
            raise UsageError(f"{locks[0]} says everything: nothing can be given beside a lock")
        if self.index != IndexOptions():
            raise UsageError(
                f"{locks[0]} says where each file comes from: options for the index and --no-binary have no effect",
                "lock again with them",
            )
        return locks[0]

    @cached_property
    def gathered(self) -> Gathered:
        """Everything that the options name.  Raises RequirementsError and UsageError."""
        for path in self.files:
            if is_lock(path):
                raise UsageError(
                    f"{path} is a lock, which has decided already", "`wenv create -r` and `wenv install -r` take it"
                )
        return gather(
            self.names, self.files, self.constraints,
            options=self.index, extras=self.extras, groups=self.groups, editables=self.editables,
        )  # fmt: skip

    def requested(self, runtime: Runtime, progress: Progress) -> Requested:
        """Everything that the options name, for a runtime.  Raises RequirementsError and UsageError."""
        found = self.gathered
        for words in found.warnings:
            progress.say(f"warning: {words}")
        return found.requested_for(runtime.target(progress))

    def with_project(self, state: Environment, folder: Path) -> "Wanted":
        """The same with the project in a folder, with its extras, if an environment has it; unless a lock has decided."""
        if self.lock is not None:
            return self
        lines = [line for line in state.asked_for.requirements if " @ file:" in line.text]
        own = [line for line in lines if folder_of(line.text).resolve() == folder.resolve()]
        words = {line: f"{folder_of(line.text)}{bracketed(Requirement(line.text).extras)}" for line in own}
        editables = tuple(words[line] for line in own if line.editable)
        names = tuple(words[line] for line in own if not line.editable)
        return replace(self, names=self.names + names, editables=self.editables + editables)

    def solution(self, runtime: Runtime, progress: Progress, *, refresh: bool = False) -> solve.Solution:
        """Resolve what is named, or take what a lock has decided.  See `wenv_resolver.resolve.resolve` for errors."""
        if (lock := self.lock) is not None:
            return solve.solution_of_lock(runtime, lock, progress, self.rules, self.extras, self.groups or None)
        kept = [] if self.kept is None else read_lock(self.kept.read_text("utf-8"), str(self.kept), runtime.target(progress))[0]
        return solve.solve(runtime, self.requested(runtime, progress), progress, kept, self.rules, refresh=refresh)

    def added_to(
        self,
        current: Environment,
        runtime: Runtime,
        progress: Progress,
        *,
        upgrade: bool = False,
        names: Sequence[str] = (),
        refresh: bool = False,
    ) -> solve.Solution:
        """What an environment shall hold with this added; with nothing to add, what is missing is restored from its lock.

        Versions that are there stay where they can, but for those of `names`, or all with `upgrade`.  Raises WenvError for a
        name that is not there.
        """
        if self.lock is not None:
            return self.solution(runtime, progress, refresh=refresh)
        kept, before = locked_wheels(runtime, current, progress), current.asked_for
        free = {canonicalize_name(name) for name in names}
        if missing := free - {file.name for file in kept}:
            raise WenvError(f"{', '.join(sorted(missing))} is not in {current.label}", "`wenv info` lists what is")
        kept = [file for file in kept if file.name not in free]
        if self == Wanted(rules=self.rules) and not upgrade and not free:
            # a folder's project may have another version by now, which shows when it is built
            files = tuple(replace(file, version="") if file.is_folder else file for file in kept)
            return solve.Solution(runtime, before, files, self.rules)
        adding = self.requested(runtime, progress)
        wanted = before.merged(adding)
        if self.index.no_deps:  # what is there stays, with all that it needs
            added = solve.solve(runtime, adding, progress, kept, self.rules, refresh=refresh).files
            names_added = {file.name for file in added}
            files = (*(file for file in kept if file.name not in names_added), *added)
            return solve.Solution(runtime, wanted, files, self.rules)
        try:
            once = Once(progress)
            solved = solve.solve(runtime, wanted, once, () if upgrade else kept, self.rules, refresh=refresh or upgrade)
            return solved if upgrade or not kept else self._with_newest(solved, adding, kept, once, refresh=refresh)
        except UnusablePackagesError as error:
            raise with_advice(error, runtime) from error

    def _with_newest(
        self, solved: solve.Solution, adding: Requested, kept: Sequence[LockedFile], progress: Progress, *, refresh: bool
    ) -> solve.Solution:
        """A solution in which what is added has the newest version that its requirements allow, unless the one that is there
        is allowed; whatever else is there."""
        wanted, runtime = solved.requested, solved.runtime
        there = {file.name: file.version for file in kept}
        named = [line for line in adding.requirements if " @ " not in line.text and line.name is not None]
        names = {line.name for line in named if not _is_allowed(line, there.get(line.name or ""))}
        if not names:
            return solved

        def versions(files: Iterable[LockedFile]) -> dict[str, str]:
            return {file.name: file.version for file in files if file.name in names}

        limited = replace(adding, constraints=wanted.constraints, options=wanted.options)
        try:
            alone = solve.solve(runtime, limited, progress, (), self.rules, refresh=refresh)
            if versions(alone.files) == versions(solved.files):
                return solved
            newest = versions(solve.solve(runtime, wanted, progress, (), self.rules, refresh=refresh).files)
            if newest == versions(solved.files):
                return solved
            pins = tuple(Line(f"{name}=={version}") for name, version in newest.items())
            pinned = replace(wanted, constraints=(*wanted.constraints, *pins))
            found = solve.solve(runtime, pinned, progress, kept, self.rules, refresh=refresh)
        except (ResolverError, WenvError):  # then what was found is what there is
            return solved
        return replace(found, requested=wanted)


def _is_allowed(line: Line, version: str | None) -> bool:
    """Whether a requirement allows the version that is there, if one is."""
    return bool(version) and Requirement(line.text).specifier.contains(str(version), prereleases=True)


class Once:
    """Passes on what is said, each sentence once."""

    def __init__(self, progress: Progress) -> None:
        self._said = set[str]()
        self._progress = progress
        self.begin, self.advance, self.note, self.end = progress.begin, progress.advance, progress.note, progress.end

    def say(self, sentence: str) -> None:
        """See `Progress`."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._progress.say(sentence)
