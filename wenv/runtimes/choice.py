"""Which runtime an environment gets, and which it has.

Left to itself it is the default runtime, unless the requirements name what only the scientific one has, or what the default
one would need minutes to build (scientific.toml lists both).
"""

from collections.abc import Iterable, Iterator, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv.environment.kinds import Kind
from wenv.environment.manifest import Environment
from wenv.runtimes import Runtime, runtime_of
from wenv_cache.store import Store
from wenv_resolver.errors import Unusable, UnusablePackagesError


def runtime_for(store: Store, environment: Environment) -> Runtime:
    """The runtime of an environment."""
    return runtime_of(store, Kind(environment.runtime.kind))


def scientific_reasons(requirements: Iterable[str]) -> list[str]:
    """The packages for which requirements (PEP 508) are for the scientific runtime: they are in it, at a version that is
    asked for, and the default one has no wheels of them."""
    return [name for name, fits in _held(requirements) if fits and scientific_name(name)]


def scientific_lacks(requirements: Iterable[str]) -> list[str]:
    """The packages that requirements want at a version that the scientific runtime does not have, and can have no other."""
    return [name for name, fits in _held(requirements) if not fits]


def _held(requirements: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The requirements for what the scientific runtime holds, and whether they allow its version."""
    from wenv.runtimes.scientific import table

    versions, markers = table()["packages"], dict(table()["markers"])
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        name = canonicalize_name(requirement.name)
        if name not in versions or (requirement.marker and not requirement.marker.evaluate(markers)):
            continue
        yield name, not requirement.url and requirement.specifier.contains(versions[name], prereleases=True)


def scientific_name(name: str) -> bool:
    """Whether the scientific runtime is what a package is for, whatever version is asked for."""
    from wenv.runtimes.scientific import table

    return canonicalize_name(name) in table()["choice"]["reasons"]


def scientific_has(unusable: Sequence[Unusable]) -> list[str]:
    """Those of some packages that the scientific runtime holds."""
    from wenv.runtimes.scientific import table

    return [package.name for package in unusable if canonicalize_name(package.name) in table()["packages"]]


def with_advice(error: UnusablePackagesError) -> UnusablePackagesError:
    """The error, with the advice to take the scientific runtime where that would help."""
    from wenv.runtimes.scientific import table

    versions = table()["packages"]
    if there := [f"{name} {versions[canonicalize_name(name)]}" for name in scientific_has(error.packages)]:
        error.hint = f"the scientific runtime has {', '.join(there)}: `wenv create --runtime scientific`"
    return error


def announcement(names: Sequence[str]) -> str:
    """One line that says which runtime was chosen, and why."""
    return f"Runtime: scientific, which has {', '.join(dict.fromkeys(names))} (--runtime default takes the other one)"
