"""Resolution by pip-tools' resolver, for the target."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import DistributionNotFound, HashErrors, InstallationError, PipError
from pip._internal.metadata import BaseDistribution, get_metadata_distribution
from pip._internal.req.constructors import install_req_from_line
from pip._internal.req.req_install import InstallRequirement
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version
from piptools.exceptions import PipToolsError
from piptools.repositories.pypi import PyPIRepository
from piptools.resolver import BacktrackingResolver

from wenv_resolver.errors import ConflictError, RequirementsError, ResolverError
from wenv_resolver.lock import LockedFile
from wenv_resolver.pip_internals.finder import Evidence, TargetFinder, target_finder
from wenv_resolver.pip_internals.metadata import described, source_of
from wenv_resolver.pip_internals.pages import IncompleteError, Page
from wenv_resolver.pip_internals.prefetch import Prefetcher
from wenv_resolver.pip_internals.process import forget_warnings, index_trouble, markers_of, pip_warnings, repository, words_of
from wenv_resolver.requirements import Line, Requested
from wenv_resolver.target import Target

if TYPE_CHECKING:
    from wenv_resolver.building.describing import Describer

#: Projects whose whole pages are read one after the other, before all are.
MOST_WHOLE = 4
ANOTHER_VERSION = "leave the version open, or have it built for the default runtime: --runtime default"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One package of a resolution: the file that was chosen, and why it cannot be used, if it cannot.

    `hashes` are those the index gives, `allowed` the sha256 values that the user allows (none: any).  `contained` says that the
    runtime holds it already; `source` is the source of a version that has no usable wheel.  `newest` is a version of a later
    series (its first number is higher) that the user's own requirement allows and that has no usable wheel but a source.
    """

    name: str
    version: str
    url: str
    filename: str
    hashes: dict[str, str]
    allowed: tuple[str, ...]
    requirers: tuple[str, ...]
    requires_python: str | None
    contained: bool
    problem: str | None
    remedy: str | None
    source: LockedFile | None
    newest: str | None = None


def resolve(
    requested: Requested, target: Target, sources: "Describer", *, downloads: Path, preferred: Sequence[tuple[str, str]] = ()
) -> list[Chosen]:
    """Choose a version and a file for everything that `requested` needs, sorted by name.

    `preferred` are (name, version) pairs that are kept where the requirements allow it; `downloads` is the folder for answers
    of indexes; `sources` finds out what sources need.  Raises ConflictError when no set of versions exists, RequirementsError
    and FetchError.
    """
    forget_warnings(of_pages=True)
    options, pages = requested.options, dict[str, Future[Page | None]]()
    whole = {str(line.name) for line in (*requested.requirements, *requested.constraints) if line.hashes}
    whole |= {name if name == ":all:" else canonicalize_name(name) for name in options.no_binary}
    while True:
        try:
            return _resolved(requested, target, sources, downloads, preferred, pages, whole)
        except IncompleteError as error:
            whole = {*whole, error.name} if len(whole) < MOST_WHOLE else {":all:"}
        except ConflictError:
            if ":all:" in whole:
                raise
            whole = {":all:"}  # what it says of versions is about all of them


def _resolved(
    requested: Requested,
    target: Target,
    sources: "Describer",
    downloads: Path,
    preferred: Sequence[tuple[str, str]],
    pages: "dict[str, Future[Page | None]]",
    whole: set[str],
) -> list[Chosen]:
    """The same with pages of which some may have been fetched, and those of the projects in `whole` unchanged.

    Raises IncompleteError if another page must be.
    """
    forget_warnings(of_pages=False)
    own = repository(requested.options, downloads)
    own.options.ignore_dependencies = requested.options.no_deps
    finder = target_finder(own, target)
    ahead = Prefetcher(finder._link_collector, requested, target, downloads, preferred, pages, whole)
    finder.hidden = ahead.slim.hidden
    with markers_of(target), _explaining(finder, requested.constraints), ahead:
        _resolve_for(own, target, finder, sources, ahead)
        lines = [(line, False) for line in requested.requirements] + [(line, True) for line in requested.constraints]
        if hashed := sorted(str(line.name) for line, _ in lines if line.hashes and line.name in target.contained):
            raise RequirementsError(
                f"{', '.join(hashed)}: the runtime's own, known by a hash of its own; what is given cannot be checked",
                "leave these hashes out, or take the index's files: --runtime default",
            )
        requirements = [_install_requirement(line, constraint) for line, constraint in lines]
        wanted = [r for r in requirements if r.match_markers()]
        existing = {name: install_req_from_line(f"{name}=={version}") for name, version in preferred}
        # pip-tools leaves setuptools and pip out of a lock unless told otherwise; here nothing else provides them
        resolver = BacktrackingResolver(wanted, existing_constraints=existing, repository=own, allow_unsafe=True)
        pins = resolver.resolve()
        asked = {canonicalize_name(str(r.name)): r.specifier for r in wanted}
        chosen = [_chosen(pin, finder, target, sources) for pin in pins]
        chosen = [replace(c, newest=_newest(c, asked.get(canonicalize_name(c.name)), finder)) for c in chosen]
        return sorted(chosen, key=lambda each: each.name)


def _chosen(pin: InstallRequirement, finder: TargetFinder, target: Target, sources: "Describer") -> Chosen:
    link, name = pin.link, str(pin.name)
    assert link is not None
    looked_at = sources.files.get(source_of(link, name).url) if not link.is_wheel else None
    version = str(next(iter(pin.specifier)).version)
    problem = remedy = source = None
    if link.url_without_fragment in finder.unusable or not link.is_wheel:
        evidence = finder.evidence.get((canonicalize_name(name), version)) or Evidence(source=True)  # or given by its address
        problem = evidence.problem(target.markers["python_full_version"])
        best = finder.best_usable(name)
        remedy = f"version {best} has a usable wheel, but the requirements do not allow it" if best else None
        found = finder.source_of(name, version) if link.is_wheel else link
        if found is not None and not evidence.other_python and not evidence.refused_source:
            source = looked_at or source_of(found, name)
    return Chosen(
        name=name,
        version=version,
        url=link.url_without_fragment,
        filename=link.filename,
        hashes=dict(link._hashes),
        allowed=tuple(pin.hash_options.get("sha256", ())),
        requirers=tuple(sorted(pin._required_by)),  # type: ignore[attr-defined]
        requires_python=link.requires_python,
        contained=canonicalize_name(name) in target.contained,
        problem=problem,
        remedy=remedy,
        source=source,
    )


def _newest(chosen: Chosen, asked: SpecifierSet | None, finder: TargetFinder) -> str | None:
    """See `Chosen`."""
    if asked is None or chosen.problem is not None or chosen.contained:
        return None
    candidates = [each for each in finder.find_all_candidates(chosen.name) if not each.link.is_yanked]
    allowed = list(asked.filter(str(each.version) for each in candidates))
    newest = max(allowed, key=Version, default=chosen.version)
    if Version(newest).release[0] <= Version(chosen.version).release[0] or finder.source_of(chosen.name, newest) is None:
        return None
    return newest


def _install_requirement(line: Line, constraint: bool) -> InstallRequirement:
    requirement = install_req_from_line(
        line.text,
        comes_from=line.origin or None,
        constraint=constraint,
        hash_options={"sha256": list(line.hashes)} if line.hashes else {},
    )
    requirement.user_supplied = not constraint
    return requirement


def _resolve_for(
    repository: PyPIRepository, target: Target, finder: TargetFinder, sources: "Describer", ahead: Prefetcher
) -> None:
    """Make pip-tools' repository resolve for the target: what its command line cannot be told."""
    repository._finder = finder
    command = repository.command
    make_resolver: Any = command.make_resolver
    make_preparer: Any = command.make_requirement_preparer

    def resolver_for_target(*arguments: Any, **keywords: Any) -> Any:
        return make_resolver(*arguments, **{**keywords, "py_version_info": target.python_version})

    def preparer_without_builds(*arguments: Any, **keywords: Any) -> Any:
        preparer: Any = make_preparer(*arguments, **keywords)
        prepare: Any = preparer.prepare_linked_requirement

        def prepare_linked(requirement: InstallRequirement, parallel_builds: bool = False) -> BaseDistribution:
            link = requirement.link
            assert link is not None
            if (name := finder.last.get(link.url_without_fragment)) is not None:
                raise IncompleteError(name)
            if link.is_wheel and link.url_without_fragment not in finder.unusable:
                if (text := ahead.metadata(link)) is not None:
                    return get_metadata_distribution(text, link.filename, str(requirement.name))
                distribution: BaseDistribution = prepare(requirement, parallel_builds)
                return distribution
            may_ask = link.url_without_fragment not in finder.refused
            return described(requirement, link, repository.session, sources, may_ask=may_ask)

        preparer.prepare_linked_requirement = prepare_linked
        return preparer

    command.make_resolver = resolver_for_target  # type: ignore[method-assign]
    command.make_requirement_preparer = preparer_without_builds  # type: ignore[method-assign]


@contextmanager
def _explaining(finder: TargetFinder, constraints: Sequence[Line]) -> Iterator[None]:
    try:
        yield
    except DistributionNotFound as error:
        hint = ANOTHER_VERSION if finder.contained.keys() & _names_in(error) else None
        raise ConflictError(_conflict(error, finder, constraints), hint) from error
    except HashErrors as error:
        raise ResolverError(str(error)) from error
    except (PipError, InstallationError, PipToolsError) as error:
        raise ConflictError(words_of(error)) from error


def _names_in(error: DistributionNotFound) -> set[str]:
    """The projects about which a conflict is."""
    causes = getattr(error.__cause__, "causes", ())
    return {canonicalize_name(cause.requirement.project_name) for cause in causes}


def _conflict(error: DistributionNotFound, finder: TargetFinder, constraints: Sequence[Line]) -> str:
    """What stood in the way, from the resolver's own record of it."""
    causes = getattr(error.__cause__, "causes", ())
    if not causes:
        return str(error)
    lines = []
    for cause in causes:
        by = f"{cause.parent.name} {cause.parent.version}" if cause.parent is not None else "you"
        lines.append(f"  - {cause.requirement.format_for_error()}, asked for by {by}")
    lines = [*dict.fromkeys(lines), *(f"  - {words}" for words in pip_warnings() if "invalid metadata" in words)]
    names = {cause.requirement.project_name for cause in causes}
    of_these = [line for line in constraints if line.name in set(map(canonicalize_name, names))]
    limits = [f"  - {line.text}, a constraint{f' ({line.origin})' if line.origin else ''}" for line in of_these]
    all_lines = "\n".join([*lines, *limits])
    held = [finder.contained[name] for name in sorted(_names_in(error)) if name in finder.contained]
    if held:
        there = ", ".join(f"{candidate.name} {candidate.version}" for candidate in held)
        return f"this runtime holds {there}, and no other version can be added:\n{all_lines}"
    if len(lines) == 1 and len(names) == 1:
        name = str(names.pop())
        versions = sorted({c.version for c in finder.find_all_candidates(name)})
        if not versions and canonicalize_name(name) in finder.refused_wheels:
            return f"there are wheels only, and a build from the source is what is wanted (--no-binary):\n{lines[0]}"
        if not versions and (trouble := index_trouble()):
            return f"the package index cannot be reached{trouble}:\n{lines[0]}"
        if not versions and finder.search_scope.no_index:
            places = ", ".join(finder.find_links) or "no --find-links"
            return f"no package of that name is in the places given, and no index is asked ({places}):\n{lines[0]}"
        if not versions:
            return f"no package of that name is on the index:\n{lines[0]}"
        both = " and its constraint" if limits else ""
        return f"no version satisfies the requirement{both}; there are {_shortened([str(v) for v in versions])}:\n{all_lines}"
    return f"no set of versions satisfies all requirements:\n{all_lines}"


def _shortened(versions: list[str]) -> str:
    return ", ".join(versions if len(versions) <= 6 else [versions[0], "…", *versions[-4:]])
