"""The packages that a runtime holds itself, and which requirements are for it because of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class Contained:
    """A package that a runtime holds: its version, and what can be imported of it at the top level."""

    version: str
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a runtime holds, known before it is made: `packages` by canonical name.

    `preferred` are those of them for which it is chosen, because other runtimes cannot have them or would need minutes to build
    them; `markers` are the values by which its requirements' markers are decided (PEP 508).
    """

    packages: Mapping[str, Contained] = field(default_factory=dict)
    preferred: frozenset[str] = frozenset()
    markers: Mapping[str, str] = field(default_factory=dict)

    def reasons(self, requirements: Iterable[str]) -> list[str]:
        """The packages for which requirements (PEP 508) are for this runtime, in their order."""
        return [name for name, fits in self._held(requirements) if fits and name in self.preferred]

    def lacking(self, requirements: Iterable[str]) -> list[str]:
        """The packages that requirements want at a version that is not the one held, beside which there can be no other."""
        return [name for name, fits in self._held(requirements) if not fits]

    def holding(self, names: Iterable[str]) -> list[str]:
        """Those of some packages that are held."""
        return [name for name in names if canonicalize_name(name) in self.packages]

    def _held(self, requirements: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """The requirements for what is held, and whether they allow its version."""
        for text in requirements:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            name = canonicalize_name(requirement.name)
            if name not in self.packages or (requirement.marker and not requirement.marker.evaluate(dict(self.markers))):
                continue
            yield name, not requirement.url and requirement.specifier.contains(self.packages[name].version, prereleases=True)
