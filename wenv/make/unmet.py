"""Whether what was built needs what was resolved: its metadata may have said less before."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from email.parser import BytesParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv_resolver.building.describing import metadata_of
from wenv_resolver.fetch import FetchedWheel
from wenv_resolver.requirements import Requested
from wenv_resolver.target import Target


def unmet(fetched: Sequence[FetchedWheel], requested: Requested, target: Target) -> list[str]:
    """What the wheels that were built here need and nothing of a resolution satisfies, in whole sentences."""
    needs = [(item.file.name, need) for item in fetched if item.built is not None for need in _needs(metadata_of(item.built))]
    extras: dict[str, set[str]] = defaultdict(lambda: {""})
    for requirement in (*_requirements([line.text for line in requested.requirements]), *(need for _, need in needs)):
        extras[canonicalize_name(requirement.name)] |= requirement.extras
    versions = dict(target.contained) | {str(canonicalize_name(item.file.name)): item.file.version for item in fetched}
    return [f"{name} needs {need}" for name, need in needs if _is_missing(need, extras[name], versions, target)]


def _is_missing(need: Requirement, extras: set[str], versions: dict[str, str], target: Target) -> bool:
    marker, version = need.marker, versions.get(canonicalize_name(need.name))
    if marker is not None and not any(marker.evaluate({**target.markers, "extra": extra}) for extra in extras):
        return False
    return version is None or not (need.url or need.specifier.contains(version, prereleases=True))


def _needs(metadata: bytes) -> list[Requirement]:
    lines = BytesParser().parsebytes(metadata, headersonly=True).get_all("Requires-Dist", [])
    return list(_requirements([" ".join(str(line).split()) for line in lines]))


def _requirements(texts: Sequence[str]) -> Iterator[Requirement]:
    for text in texts:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue  # an address without a name; and pip has said what it thinks of others
