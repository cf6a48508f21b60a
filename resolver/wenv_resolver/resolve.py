"""From what was asked for to files: the step before a lock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wenv_cache.kinds import Kind
from wenv_cache.store import Store
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.errors import HashMismatchError, RequirementsError, Unusable, UnusablePackagesError
from wenv_resolver.lock import LockedFile
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import Requested
from wenv_resolver.target import Target

if TYPE_CHECKING:
    from wenv_resolver.building.builder import Builder
    from wenv_resolver.building.describing import Describer
    from wenv_resolver.pip_internals import resolution

RESOLVING = "Resolving"
DEFAULT_BUILDS = "an environment of the default runtime can have it built: `wenv create --runtime default`"
LOOKING = "Looking into source distributions"


@dataclass(frozen=True, slots=True)
class Decided:
    """One package of a resolution, and how it can be had.

    `file` is a wheel, or a source distribution to build; None if there is neither, and then `problem` says why.  `languages`
    are those of the source distribution besides Python; `evidence` is what the index showed of the version, if no wheel of it
    can be used.  `contained` is whether the runtime holds it already: there is no file, and no problem.
    """

    name: str
    version: str
    requirers: tuple[str, ...]
    file: LockedFile | None
    languages: tuple[str, ...] = ()
    evidence: str = ""
    problem: str | None = None
    remedy: str | None = None
    contained: bool = False


def resolve(
    store: Store,
    requested: Requested,
    target: Target,
    progress: Progress,
    preferred: Sequence[LockedFile] = (),
    rules: BuildRules = ANY_BUILD,
    builder: "Builder | None" = None,
) -> list[LockedFile]:
    """Choose a file for everything that is needed, sorted by name; `preferred` are kept where the requirements allow it.

    `builder` knows which sources have been built already, which needs no permission, and asks others what they need.

    Raises UnusablePackagesError, which lists every package that has no usable wheel and cannot be built; ConflictError;
    RequirementsError; HashMismatchError for a file that the user's hashes do not allow.
    """
    decided = decide(store, requested, target, progress, preferred, rules, builder)
    unusable = [
        Unusable(d.name, d.version, d.requirers, d.problem or "", d.remedy)
        for d in decided
        if d.file is None and not d.contained
    ]
    if unusable:
        raise UnusablePackagesError(unusable, target.platform if target.extensions else None)
    for d in decided:
        if d.file is not None and d.file.allowed and d.file.sha256 and d.file.sha256 not in d.file.allowed:
            raise HashMismatchError(d.file.filename, " or ".join(d.file.allowed), d.file.sha256)
    editable = {line.name for line in requested.requirements if line.editable}
    files = [replace(d.file, editable=d.name in editable and d.file.is_folder) for d in decided if d.file is not None]
    _check_hashes_complete(requested, files)
    return files


def named(store: Store, requested: Requested, builder: "Callable[[], Builder]", progress: Progress) -> Requested:
    """The same with a name for every requirement: of a source that is given by its address alone, it is looked up there.

    Raises FetchError, and BuildError for one whose build does not say it.
    """
    lines = (*requested.requirements, *requested.constraints)
    if all(line.name for line in lines):
        return requested
    from wenv_resolver.building.describing import Describer
    from wenv_resolver.pip_internals.naming import name_of  # late: imports pip

    sources = Describer(store, requested.options, builder(), progress)
    given = {line: line if line.name else replace(line, text=name_of(line.text, sources)) for line in lines}
    return replace(
        requested,
        requirements=tuple(given[line] for line in requested.requirements),
        constraints=tuple(given[line] for line in requested.constraints),
    )


def decide(
    store: Store,
    requested: Requested,
    target: Target,
    progress: Progress,
    preferred: Sequence[LockedFile] = (),
    rules: BuildRules = ANY_BUILD,
    builder: "Builder | None" = None,
) -> list[Decided]:
    """Choose a version of everything that is needed, and say how it can be had; sorted by name.

    Raises ConflictError and RequirementsError.
    """
    if not requested.requirements:
        return []
    from wenv_resolver.building.describing import Describer
    from wenv_resolver.pip_internals import resolution  # late: takes 0.3 s, and nothing else needs it
    from wenv_resolver.pip_internals.process import pip_warnings

    # what has an address has the version that is there
    addressed = {line.name for line in (*requested.requirements, *requested.constraints) if " @ " in line.text}
    addressed |= {file.name for file in preferred if file.is_folder or file.is_repository}
    progress.begin(RESOLVING)
    try:
        chosen = resolution.resolve(
            requested,
            target,
            sources := Describer(store, requested.options, builder, progress),
            downloads=store.folder(Kind.DOWNLOADS),
            preferred=[(file.name, file.version) for file in preferred if file.name not in addressed],
        )
    finally:
        progress.end(RESOLVING)
    for words in pip_warnings():
        progress.say(f"warning: {words}")
    for each in chosen:
        if each.newest is not None and _is_built(each, target, rules):
            words = f"{each.name} {each.version} is the newest with a wheel that runs here; {each.newest} can be built"
            progress.say(f"{words}: ask for '{each.name}>={each.newest}'")
    if any(c.problem for c in chosen):
        progress.begin(LOOKING)
    try:
        return [_decided(c, target, rules, sources) for c in chosen]
    finally:
        progress.end(LOOKING)


def _is_built(chosen: "resolution.Chosen", target: Target, rules: BuildRules) -> bool:
    """Whether the newest version of a package would be built if it was asked for."""
    from wenv_resolver.building.recipes import impossible

    return bool(target.extensions) and rules.permits(chosen.name) and impossible(chosen.name) is None


def _decided(chosen: "resolution.Chosen", target: Target, rules: BuildRules, sources: "Describer") -> Decided:
    c = chosen
    if c.contained:
        return Decided(c.name, c.version, c.requirers, None, contained=True)
    if c.problem is None:
        sha256 = c.hashes.get("sha256", "")
        file = LockedFile(c.name, c.version, c.filename, c.url, sha256, None, c.requires_python, c.allowed)
        return Decided(c.name, c.version, c.requirers, file)
    unknown = sources.unknown.get(c.url)
    evidence = f"{c.problem}; {unknown}" if unknown else c.problem
    if c.source is None:
        return Decided(c.name, c.version, c.requirers, None, (), evidence, evidence, c.remedy)
    from wenv_resolver.building.recipes import impossible, recipe_of
    from wenv_resolver.building.sources import look_into

    recipe = recipe_of(c.name, c.version).identity
    file = replace(
        c.source, name=c.name, version=c.version, requires_python=c.requires_python, allowed=c.allowed, recipe=recipe
    )  # fmt: skip
    is_built = sources.builder is not None and sources.builder.known(file) is not None
    if not rules.permits(c.name) and not is_built:
        remedy = "leave out --no-build, or name it with --build-only, to have it built"
        return Decided(c.name, c.version, c.requirers, None, (), evidence, f"{evidence}, and building is not allowed", remedy)
    if not is_built and (reason := impossible(c.name)):
        return Decided(c.name, c.version, c.requirers, None, (), evidence, f"{c.problem}, which {reason}", c.remedy)
    file, path = sources.obtain(file)
    facts = look_into(path, file.subdirectory)
    problem = f"{c.problem}, which {facts.problem}" if facts.problem else None
    if facts.languages and not target.extensions:
        problem = f"{c.problem}, with {', '.join(facts.languages)} in it, and this runtime takes no extension modules"
        return Decided(c.name, c.version, c.requirers, None, facts.languages, evidence, problem, c.remedy or DEFAULT_BUILDS)
    return Decided(c.name, c.version, c.requirers, None if problem else file, facts.languages, evidence, problem, c.remedy)


def _check_hashes_complete(requested: Requested, files: Sequence[LockedFile]) -> None:
    """Like pip: once one requirement has hashes, everything that is installed must have them."""
    if any(line.hashes for line in requested.requirements):
        without = [file.name for file in files if not file.allowed]
        if without:
            raise RequirementsError(
                f"some requirements have hashes, and these have none: {', '.join(without)}",
                "give hashes for all of them, or for none",
            )
