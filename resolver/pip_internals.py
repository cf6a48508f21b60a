"""The one module that touches pip's internals, which pip does not promise to keep: pip is pinned for its sake.

pip decides here what it decides in `pip install`: configuration (indexes, proxies, certificates, keyring), files and their
syntax, which versions exist.  Three things are ours: wheels are judged by the target's tags, not the host's; a package that
has no usable wheel still takes part, so that one resolution finds all of them; and nothing is ever built to learn its
metadata.
"""

import logging
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pip._vendor.packaging.markers as pip_markers
from pip._internal.commands import create_command
from pip._internal.exceptions import DistributionNotFound, HashErrors, InstallationError, PipError
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import CandidateEvaluator, LinkEvaluator, LinkType, PackageFinder
from pip._internal.metadata import BaseDistribution, get_metadata_distribution
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.models.target_python import TargetPython
from pip._internal.models.wheel import Wheel
from pip._internal.network.utils import HEADERS, raise_for_status, response_chunks
from pip._internal.req.constructors import install_req_from_line, install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements
from pip._internal.req.req_install import InstallRequirement
from pip._internal.utils.misc import remove_auth_from_url
from pip._internal.utils.urls import path_to_url
from pip._vendor.requests.exceptions import RequestException
from piptools.exceptions import PipToolsError
from piptools.logging import log as pip_tools_log
from piptools.repositories.pypi import PyPIRepository
from piptools.resolver import BacktrackingResolver

from resolver.errors import ConflictError, FetchError, RequirementsError, ResolverError
from resolver.requested import IndexOptions, Line, Requested
from resolver.target import Target

#: Read at most so much of an archive's metadata file, in bytes.
LARGEST_METADATA = 4 << 20


# -- requirements


def read_requirement(text: str, origin: str) -> Line:
    """A requirement as pip's command line takes it: a name with specifiers and markers, a wheel's path or URL."""
    with _root_logger_kept(), _readable(origin):
        return _line(install_req_from_line(text, comes_from=origin), origin)


def read_requirements_file(path: Path, options: IndexOptions, *, constraint: bool = False) -> Requested:
    """A requirements file with all that it names: nested files, constraints, hashes, index options."""
    if not path.is_file():
        raise RequirementsError(f"{path} is not a file")
    requirements: list[Line] = []
    constraints: list[Line] = []
    with _readable(str(path)):
        repository = _repository(options, None)
        finder = repository.finder
        for parsed in parse_requirements(
            str(path), session=repository.session, finder=finder, options=repository.options, constraint=constraint
        ):
            if parsed.is_editable:
                raise RequirementsError(
                    f"{parsed.comes_from}: editable requirements cannot be installed", "mount the folder with --mount instead"
                )
            line = _line(install_req_from_parsed_requirement(parsed), parsed.comes_from or str(path))
            (constraints if parsed.constraint else requirements).append(line)
        given = _repository(IndexOptions(), None)
        found = IndexOptions(
            index_url=finder.index_urls[0] if finder.index_urls[:1] != given.finder.index_urls[:1] else None,
            extra_index_urls=tuple(url for url in finder.index_urls[1:] if url not in given.finder.index_urls),
            find_links=tuple(link for link in finder.find_links if link not in given.finder.find_links),
            trusted_hosts=tuple(repository.options.trusted_hosts),
            no_index=finder.search_scope.no_index,
            pre=finder.release_control is not None and ":all:" in finder.release_control.all_releases,
        )
    return Requested(tuple(requirements), tuple(constraints), found)


def _line(requirement: InstallRequirement, origin: str) -> Line:
    marker = f" ; {requirement.markers}" if requirement.markers else ""
    if requirement.link is not None:
        name = requirement.name or (Wheel(requirement.link.filename).name if requirement.link.is_wheel else None)
        if name is None:
            raise RequirementsError(f"{origin}: {requirement.link}: only wheels can be given by path or URL")
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        text = f"{name}{extras} @ {requirement.link.url}{marker}"
    else:
        text = f"{requirement.req}{marker}"
    return Line(text, tuple(requirement.hash_options.get("sha256", ())), origin)


@contextmanager
def _readable(origin: str) -> Iterator[None]:
    try:
        yield
    except (PipError, ValueError, OSError) as error:
        raise RequirementsError(f"{origin}: {error}") from error


# -- resolution


@dataclass(frozen=True, slots=True)
class Chosen:
    """One package of a resolution: the file that was chosen, and why it cannot be used, if it cannot.

    `hashes` are those the index gives, `allowed` the sha256 values that the user allows (none: any).
    """

    name: str
    version: str
    url: str
    filename: str
    hashes: dict[str, str]
    allowed: tuple[str, ...]
    requirers: tuple[str, ...]
    requires_python: str | None
    problem: str | None
    remedy: str | None


@dataclass(slots=True)
class Evidence:
    """What was seen of one version that has no usable wheel."""

    platforms: set[str] = field(default_factory=set)
    source: bool = False
    other_python: str | None = None

    def problem(self, python: str) -> str:
        """Why it cannot be used."""
        if self.other_python:
            return f"needs Python {self.other_python}, the runtime is {python}"
        source = "a source distribution" if self.source else ""
        wheels = f"wheels for {', '.join(sorted(self.platforms))}" if self.platforms else ""
        return f"only {' and '.join(filter(None, (wheels, source)))}"


#: How a wheel's platform tag begins, and what people call the platform.
PLATFORMS = {
    "manylinux": "Linux", "musllinux": "Linux", "linux": "Linux", "macosx": "macOS", "win": "Windows", "android": "Android",
    "ios": "iOS", "pyodide": "Pyodide", "emscripten": "Emscripten", "wasi": "another WASI", "any": "another Python",
}  # fmt: skip


def platform_name(tag: str) -> str:
    """What people call the platform of a wheel tag (``cp314-cp314-win_amd64``)."""
    platform = tag.rpartition("-")[2]
    return next((name for start, name in PLATFORMS.items() if platform.startswith(start)), platform)


class TargetLinkEvaluator(LinkEvaluator):
    """Lets files that the target cannot use pass as candidates, and notes what is wrong with them."""

    evidence: dict[tuple[str, str], Evidence]
    unusable: set[str]

    def evaluate_link(self, link: Link) -> tuple[LinkType, str]:
        kind, detail = super().evaluate_link(link)
        if kind is LinkType.candidate and link.is_wheel:
            return kind, detail
        if kind is LinkType.platform_mismatch and link.is_wheel:
            wheel = Wheel(link.filename)
            evidence = self._evidence(wheel.version)
            evidence.platforms.update(platform_name(tag) for tag in wheel.get_formatted_file_tags())
        elif kind is LinkType.candidate:
            wheel, evidence = None, self._evidence(detail)
            evidence.source = True
        elif kind is LinkType.requires_python_mismatch:
            evidence = self._evidence(detail.partition(" ")[0])
            evidence.other_python = link.requires_python
        else:
            return kind, detail
        self.unusable.add(link.url_without_fragment)
        return LinkType.candidate, Wheel(link.filename).version if link.is_wheel else detail.partition(" ")[0]

    def _evidence(self, version: str) -> Evidence:
        return self.evidence.setdefault((self._canonical_name, version), Evidence())


class TargetCandidateEvaluator(CandidateEvaluator):
    """Prefers every usable wheel, of whatever version, to any file that cannot be used."""

    unusable: set[str]

    def _sort_key(self, candidate: InstallationCandidate) -> Any:
        link = candidate.link
        if link.url_without_fragment not in self.unusable:
            return (1, *super()._sort_key(candidate))
        # among versions the newest; among its files one that tells its requirements without being downloaded
        tells = 2 if link.metadata_link() is not None else 1 if link.is_wheel else 0
        return (0, int(link.is_hash_allowed(self._hashes)), -int(link.is_yanked), 0, candidate.version, tells, ())


class TargetFinder(PackageFinder):
    """Finds packages for the target; remembers what it saw that cannot be used."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.unusable: set[str] = set()

    def make_link_evaluator(self, project_name: str) -> LinkEvaluator:
        evaluator = super().make_link_evaluator(project_name)
        evaluator.__class__ = TargetLinkEvaluator  # pip makes them itself; the subclass adds nothing but two references
        evaluator.evidence, evaluator.unusable = self.evidence, self.unusable  # type: ignore[attr-defined]
        return evaluator

    def make_candidate_evaluator(self, *arguments: Any, **keywords: Any) -> CandidateEvaluator:
        evaluator = super().make_candidate_evaluator(*arguments, **keywords)
        evaluator.__class__ = TargetCandidateEvaluator
        evaluator.unusable = self.unusable  # type: ignore[attr-defined]
        return evaluator

    def best_usable(self, name: str) -> str | None:
        """The newest version of a project that has a usable wheel."""
        versions = [c.version for c in self.find_all_candidates(name) if c.link.url_without_fragment not in self.unusable]
        return str(max(versions)) if versions else None


def resolve(
    requested: Requested, target: Target, *, downloads: Path, preferred: Sequence[tuple[str, str]] = ()
) -> list[Chosen]:
    """Choose a version and a file for everything that `requested` needs, sorted by name.

    `preferred` are (name, version) pairs that are kept where the requirements allow it; `downloads` is the folder for answers
    of indexes.  Raises ConflictError when no set of versions exists, RequirementsError and FetchError.
    """
    repository = _repository(requested.options, downloads)
    finder = _target_finder(repository, target)
    with _markers(target), _explaining(finder):
        _resolve_for(repository, target, finder)
        lines = [(line, False) for line in requested.requirements] + [(line, True) for line in requested.constraints]
        requirements = [_install_requirement(line, constraint) for line, constraint in lines]
        wanted = [r for r in requirements if r.match_markers()]
        existing = {name: install_req_from_line(f"{name}=={version}") for name, version in preferred}
        # pip-tools leaves setuptools and pip out of a lock unless told otherwise; here nothing else provides them
        resolver = BacktrackingResolver(wanted, existing_constraints=existing, repository=repository, allow_unsafe=True)
        pins = resolver.resolve()
        return sorted((_chosen(pin, finder, target) for pin in pins), key=lambda chosen: chosen.name)


def _chosen(pin: InstallRequirement, finder: TargetFinder, target: Target) -> Chosen:
    link, name = pin.link, str(pin.name)
    assert link is not None
    version = str(next(iter(pin.specifier)).version)
    problem = remedy = None
    if link.url_without_fragment in finder.unusable:
        evidence = finder.evidence[name, version]
        problem = evidence.problem(target.markers["python_full_version"])
        best = finder.best_usable(name)
        remedy = f"version {best} has a usable wheel, but the requirements do not allow it" if best else None
    return Chosen(
        name=name,
        version=version,
        url=link.url_without_fragment,
        filename=link.filename,
        hashes=dict(link._hashes),
        allowed=tuple(pin.hash_options.get("sha256", ())),
        requirers=tuple(sorted(pin._required_by)),  # type: ignore[attr-defined]
        requires_python=link.requires_python,
        problem=problem,
        remedy=remedy,
    )


def _install_requirement(line: Line, constraint: bool) -> InstallRequirement:
    requirement = install_req_from_line(
        line.text,
        comes_from=line.origin or None,
        constraint=constraint,
        hash_options={"sha256": list(line.hashes)} if line.hashes else {},
    )
    requirement.user_supplied = not constraint
    return requirement


def _repository(options: IndexOptions, downloads: Path | None) -> PyPIRepository:
    cache = ["--cache-dir", str(downloads)] if downloads else ["--no-cache-dir"]
    with _root_logger_kept():
        return PyPIRepository([*options.pip_arguments(), *cache], cache_dir=str(downloads or ""))


def _target_finder(repository: PyPIRepository, target: Target) -> TargetFinder:
    options = repository.options
    finder = TargetFinder.create(
        link_collector=LinkCollector.create(repository.session, options=options),
        selection_prefs=SelectionPreferences(
            allow_yanked=True,
            format_control=options.format_control,
            release_control=options.release_control,
            prefer_binary=options.prefer_binary,
        ),
        target_python=TargetPython(
            platforms=list(target.platforms),
            py_version_info=target.python_version,
            abis=[target.abi],
            implementation=target.abi[:2],
        ),
        uploaded_prior_to=options.uploaded_prior_to,
    )
    assert isinstance(finder, TargetFinder)
    return finder


def _resolve_for(repository: PyPIRepository, target: Target, finder: TargetFinder) -> None:
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
            if link.is_wheel and link.url_without_fragment not in finder.unusable:
                distribution: BaseDistribution = prepare(requirement, parallel_builds)
                return distribution
            return _described(requirement, link, repository)

        preparer.prepare_linked_requirement = prepare_linked
        return preparer

    command.make_resolver = resolver_for_target  # type: ignore[method-assign]
    command.make_requirement_preparer = preparer_without_builds  # type: ignore[method-assign]


# -- metadata of what cannot be used


def _described(requirement: InstallRequirement, link: Link, repository: PyPIRepository) -> BaseDistribution:
    """The metadata of a file that the target cannot use: read from the index or out of the file, never built."""
    if link.is_vcs or link.is_existing_dir():
        raise RequirementsError(f"{requirement}: only wheels can be given by path or URL")
    metadata_link = link.metadata_link()
    if metadata_link is not None:
        text = b"".join(stream_link(repository.session, metadata_link.url))
    else:
        with repository_staging(repository) as folder:
            path = folder / link.filename
            with path.open("wb") as file:
                for chunk in stream_link(repository.session, link.url_without_fragment):
                    file.write(chunk)
            text = _metadata_inside(path)
    message = BytesParser().parsebytes(text)
    del message["Requires-Python"]  # this file is here to be reported: its Python must not end the resolution first
    assert requirement.name
    name = message["Name"] or requirement.name
    return get_metadata_distribution(message.as_bytes(), link.filename, str(name))


@contextmanager
def repository_staging(repository: PyPIRepository) -> Iterator[Path]:
    """A temporary folder for a file that is only looked into."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="wenv-metadata-") as folder:
        yield Path(folder)


def _metadata_inside(path: Path) -> bytes:
    """METADATA of a wheel, or PKG-INFO of a source distribution."""
    try:
        if path.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(path) as archive:
                ending = ".dist-info/METADATA" if path.suffix == ".whl" else "/PKG-INFO"
                names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith(ending)]
                with archive.open(names[0]) as file:
                    return file.read(LARGEST_METADATA)
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                    extracted = tar.extractfile(member)
                    assert extracted is not None
                    return extracted.read(LARGEST_METADATA)
    except (OSError, IndexError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ResolverError(f"{path.name} holds no readable metadata: {error}") from error
    raise ResolverError(f"{path.name} holds no metadata", "it would have to be built to learn what it needs")


# -- downloads


class Downloader:
    """Downloads files the way pip would: its proxies, certificates, credentials and retries."""

    def __init__(self, options: IndexOptions) -> None:
        command = create_command("install")
        parsed, _ = command.parse_args([*options.pip_arguments(), "--no-cache-dir"])
        with _root_logger_kept():
            self._session = command._build_session(parsed)  # type: ignore[attr-defined]

    def stream(self, url: str) -> Iterator[bytes]:
        """The content behind a URL, in pieces.  Raises FetchError."""
        yield from stream_link(self._session, url)


def stream_link(session: Any, url: str) -> Iterator[bytes]:
    """The content behind a URL (also ``file:``), in pieces.  Raises FetchError."""
    try:
        response = session.get(url, headers=HEADERS, stream=True)
        raise_for_status(response)
        yield from response_chunks(response)
    except (PipError, RequestException, OSError) as error:
        raise FetchError(f"cannot download {remove_auth_from_url(url)}: {error}") from error
    except Exception as error:  # the HTTP library below requests has errors of its own for broken bodies
        if type(error).__module__.startswith("pip._vendor.urllib3"):
            raise FetchError(f"download of {remove_auth_from_url(url)} broke off: {error}") from error
        raise


def without_credentials(url: str) -> str:
    """A URL without user name and password."""
    return remove_auth_from_url(url) if "://" in url else url


def file_url(path: Path) -> str:
    """The ``file:`` URL of a path."""
    return path_to_url(str(path))


# -- pip's process-wide state


@contextmanager
def _markers(target: Target) -> Iterator[None]:
    """Evaluate environment markers for the target; pip has no parameter for it."""
    original = pip_markers.default_environment
    pip_markers.default_environment = lambda: dict(target.markers)  # type: ignore[assignment,return-value]
    try:
        yield
    finally:
        pip_markers.default_environment = original


class _Collector(logging.Handler):
    """Keeps pip's warnings and errors, which say why a resolution failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


_collector = _Collector()


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """pip sets up logging for the whole process when a command is made; keep what the process had."""
    root, pip_logger = logging.getLogger(), logging.getLogger("pip")
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        pip_logger.handlers[:], pip_logger.propagate = [_collector], False
        pip_logger.setLevel(logging.WARNING)
        pip_tools_log.verbosity = -3  # prints nothing


@contextmanager
def _explaining(finder: TargetFinder) -> Iterator[None]:
    try:
        yield
    except DistributionNotFound as error:
        raise ConflictError(_conflict(error, finder)) from error
    except HashErrors as error:
        raise ResolverError(str(error)) from error
    except (PipError, InstallationError, PipToolsError) as error:
        raise ConflictError(str(error)) from error


def _conflict(error: DistributionNotFound, finder: TargetFinder) -> str:
    """What stood in the way, from the resolver's own record of it."""
    causes = getattr(error.__cause__, "causes", ())
    if not causes:
        return str(error)
    lines = []
    for cause in causes:
        by = f"{cause.parent.name} {cause.parent.version}" if cause.parent is not None else "you"
        lines.append(f"  - {cause.requirement.format_for_error()}, asked for by {by}")
    lines = list(dict.fromkeys(lines))
    names = {cause.requirement.project_name for cause in causes}
    if len(lines) == 1 and len(names) == 1:
        versions = sorted({c.version for c in finder.find_all_candidates(str(names.pop()))})
        if not versions:
            return f"no package of that name is on the index:\n{lines[0]}"
        return f"no version satisfies the requirement; there are {_shortened([str(v) for v in versions])}:\n{lines[0]}"
    return "no set of versions satisfies all requirements:\n" + "\n".join(lines)


def _shortened(versions: list[str]) -> str:
    return ", ".join(versions if len(versions) <= 6 else [versions[0], "…", *versions[-4:]])
