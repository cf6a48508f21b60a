"""pip's search for files, with the target's tags; files that the target cannot use stay in sight, with what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import (
    BestCandidateResult,
    CandidateEvaluator,
    LinkEvaluator,
    LinkType,
    PackageFinder,
)
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.models.target_python import TargetPython
from pip._internal.models.wheel import Wheel
from pip._internal.utils.hashes import Hashes
from pip._vendor.packaging import specifiers
from pip._vendor.packaging.utils import canonicalize_name
from piptools.repositories.pypi import PyPIRepository

from wenv_resolver.pip_internals.pages import IncompleteError
from wenv_resolver.target import Target


@dataclass(slots=True)
class Evidence:
    """What was seen of one version that has no usable wheel."""

    platforms: set[str] = field(default_factory=set)
    source: bool = False
    refused_source: bool = False
    other_python: str | None = None

    def problem(self, python: str) -> str:
        """Why it cannot be used."""
        if self.other_python:
            return f"needs Python {self.other_python}, the runtime is {python}"
        source = "a source distribution" if self.source or self.refused_source else ""
        wheels = f"wheels for {', '.join(sorted(self.platforms))}" if self.platforms else ""
        refusal = ", and only wheels are allowed (--only-binary)" if self.refused_source else ""
        return f"only {' and '.join(filter(None, (wheels, source)))}{refusal}"


#: How a wheel's platform tag begins, and what people call the platform.
PLATFORMS = {
    "manylinux": "Linux", "musllinux": "Linux", "linux": "Linux", "macosx": "macOS", "win": "Windows", "android": "Android",
    "ios": "iOS", "pyodide": "Pyodide", "pyemscripten": "Pyodide", "emscripten": "Emscripten",
    "wasi": "another WASI", "any": "another Python",
}  # fmt: skip


def platform_name(platform: str) -> str:
    """What people call a wheel's platform (``win_amd64``)."""
    return next((name for start, name in PLATFORMS.items() if platform.startswith(start)), platform)


class TargetLinkEvaluator(LinkEvaluator):
    """Lets files that the target cannot use pass as candidates, and notes what is wrong with them."""

    evidence: dict[tuple[str, str], Evidence]
    unusable: set[str]
    refused: set[str]
    refused_wheels: set[str]

    def evaluate_link(self, link: Link) -> tuple[LinkType, str]:
        kind, detail = super().evaluate_link(link)
        if kind is LinkType.format_unsupported and link.is_wheel:
            self.refused_wheels.add(self._canonical_name)
        if is_refused := kind is LinkType.format_unsupported and not link.is_wheel and "source" not in self._formats:
            formats, self._formats = self._formats, self._formats | {"source"}  # what it would be if it were allowed
            kind, detail = super().evaluate_link(link)
            self._formats = formats
        if kind is LinkType.candidate and link.is_wheel:
            return kind, detail
        wheel: Wheel | None = None
        if kind is LinkType.platform_mismatch and link.is_wheel:
            wheel = Wheel(link.filename)
            evidence = self._evidence(wheel.version)
            evidence.platforms.update(platform_name(tag.platform) for tag in wheel.file_tags)
        elif kind is LinkType.candidate:
            evidence = self._evidence(detail)
            evidence.refused_source = evidence.refused_source or is_refused
            evidence.source = evidence.source or not is_refused
        elif kind is LinkType.requires_python_mismatch:
            evidence = self._evidence(detail.partition(" ")[0])
            evidence.other_python = link.requires_python
        else:
            return kind, detail
        self.unusable.add(link.url_without_fragment)
        if is_refused:
            self.refused.add(link.url_without_fragment)
        return LinkType.candidate, (wheel or Wheel(link.filename)).version if link.is_wheel else detail.partition(" ")[0]

    def _evidence(self, version: str) -> Evidence:
        return self.evidence.setdefault((self._canonical_name, version), Evidence())


class TargetCandidateEvaluator(CandidateEvaluator):
    """Prefers every usable wheel, of whatever version, to any file that cannot be used, and then what can be built."""

    evidence: dict[tuple[str, str], Evidence]
    unusable: set[str]

    def _sort_key(self, candidate: InstallationCandidate) -> Any:
        link = candidate.link
        if link.url_without_fragment not in self.unusable:
            return (1, *super()._sort_key(candidate))
        # among versions that have a source distribution the newest; among its files one that tells its requirements without
        # being downloaded
        evidence = self.evidence.get((canonicalize_name(candidate.name), str(candidate.version)))
        source = int(evidence is not None and evidence.source and not evidence.other_python)
        tells = 2 if link.metadata_link() is not None else 1 if link.is_wheel else 0
        return (0, int(link.is_hash_allowed(self._hashes)), -int(link.is_yanked), source, candidate.version, tells, ())


class TargetFinder(PackageFinder):
    """Finds packages for the target; remembers what it saw that cannot be used."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.unusable: set[str] = set()
        self.refused: set[str] = set()
        #: Projects of which there are wheels that must not be used.
        self.refused_wheels: set[str] = set()
        self.contained: dict[str, InstallationCandidate] = {}
        #: The newest version of a project that is left out and would satisfy a specifier; and the files of which none may be
        #: tried before that, by address.
        self.hidden: Callable[[str, SpecifierSet], Version | None] = lambda name, specifier: None
        self.last: dict[str, str] = {}

    def find_best_candidate(
        self, project_name: str, specifier: "specifiers.BaseSpecifier | None" = None, hashes: Hashes | None = None
    ) -> BestCandidateResult:
        """The best of what is shown of a project.  Raises IncompleteError if nothing of that fits, and something else would."""
        found = super().find_best_candidate(project_name, specifier, hashes)
        name = canonicalize_name(project_name)
        hidden = self.hidden(name, SpecifierSet(str(specifier or "")))
        if hidden is not None:
            shown = [each for each in found.applicable_candidates if not each.link.is_yanked]
            if not shown:
                raise IncompleteError(name)
            # once the newer ones are tried, it would be the hidden one's turn
            older = [each for each in shown if Version(str(each.version)) < hidden]
            self.last.update({each.link.url_without_fragment: name for each in (shown[0], *older)})
        return found

    def find_all_candidates(self, project_name: str) -> list[InstallationCandidate]:
        """What the indexes have, or what the runtime holds: no other version of that can be used."""
        held = self.contained.get(canonicalize_name(project_name))
        return [held] if held is not None else super().find_all_candidates(project_name)

    def make_link_evaluator(self, project_name: str) -> LinkEvaluator:
        evaluator = super().make_link_evaluator(project_name)
        evaluator.__class__ = TargetLinkEvaluator  # pip makes them itself; the subclass adds nothing but four references
        evaluator.evidence, evaluator.unusable = self.evidence, self.unusable  # type: ignore[attr-defined]
        evaluator.refused, evaluator.refused_wheels = self.refused, self.refused_wheels  # type: ignore[attr-defined]
        return evaluator

    def make_candidate_evaluator(self, *arguments: Any, **keywords: Any) -> CandidateEvaluator:
        evaluator = super().make_candidate_evaluator(*arguments, **keywords)
        evaluator.__class__ = TargetCandidateEvaluator
        evaluator.evidence, evaluator.unusable = self.evidence, self.unusable  # type: ignore[attr-defined]
        return evaluator

    def source_of(self, name: str, version: str) -> Link | None:
        """The source distribution of a version; None if there is none that the target's Python may use."""
        links = [c.link for c in self.find_all_candidates(name) if str(c.version) == version and not c.link.is_wheel]
        return links[-1] if links else None

    def best_usable(self, name: str) -> str | None:
        """The newest version of a project that has a usable wheel."""
        versions = [c.version for c in self.find_all_candidates(name) if c.link.url_without_fragment not in self.unusable]
        return str(max(versions)) if versions else None


def target_finder(repository: PyPIRepository, target: Target) -> TargetFinder:
    """A finder with the options of `repository`."""
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
    for name, version in target.contained.items():
        wheel = Path(target.metadata, f"{name.replace('-', '_')}-{version}-py3-none-any.whl")
        finder.contained[name] = InstallationCandidate(name, version, Link(wheel.as_uri()))
    return finder
