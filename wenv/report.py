"""What can be said about environments: one view for tables and one as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.parser import Parser
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cache.errors import UserError
from cache.store import Store
from resolver.layout import SITE_PACKAGES
from wenv.environment import Environment, PackageLayer, all_folders, load
from wenv.snapshot import extension_modules


@dataclass(frozen=True, slots=True)
class Summary:
    """One environment in a list; `size` is the bytes of its layers, `state` is ``fine``, ``incomplete`` or ``damaged``."""

    label: str
    name: str | None
    folder: str
    runtime: str
    packages: int
    size: int
    changed: str
    state: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PackageReport:
    """One package of an environment; `size` in bytes, `needed_by` other packages of the environment.

    `kind` is ``pure``, ``wasm wheel``, ``built here`` or ``pure, built here``; `linked` are the extension modules that are
    linked into the component.
    """

    name: str
    version: str
    kind: str
    size: int
    requested: bool
    needed_by: tuple[str, ...]
    summary: str
    licence: str
    layer: str
    linked: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def summaries(store: Store) -> list[Summary]:
    """All environments of this user."""
    found = []
    for folder in all_folders():
        try:
            environment = load(folder)
        except UserError as error:
            found.append(Summary(str(folder), None, str(folder), "?", 0, 0, "", f"damaged: {error}"))
            continue
        state = "fine" if all(store.has_layer(layer) for layer in environment.layers) else "incomplete"
        size = sum(store.manifest(layer).size for layer in environment.layers) if state == "fine" else 0
        found.append(
            Summary(
                environment.label,
                environment.name,
                str(folder),
                environment.runtime.name,
                len(environment.packages),
                size,
                environment.changed,
                state,
            )
        )
    return found


def package_reports(store: Store, environment: Environment, markers: Mapping[str, str]) -> list[PackageReport]:
    """The packages of an environment, sorted by name; `markers` are the target's, for dependencies that depend on them."""
    metadata = {package.name: _metadata(store, package.digest) for package in environment.packages}
    needed_by: dict[str, set[str]] = {}
    for name, message in metadata.items():
        extras = ["", *message.get("extras", ())]
        for needed in _requirements(message.get("requires", ()), markers, extras) & metadata.keys():
            needed_by.setdefault(needed, set()).add(name)
    requested = {name for name in map(_requested_name, environment.requested["requirements"]) if name}
    reports = []
    for package in environment.packages:
        message = metadata[package.name]
        reports.append(
            PackageReport(
                package.name,
                package.version,
                _kind(package),
                store.manifest(package.digest).size,
                package.name in requested,
                tuple(sorted(needed_by.get(package.name, ()))),
                message.get("summary", ""),
                message.get("licence", ""),
                package.digest,
                tuple(extension_modules(store, package)) if package.native else (),
            )
        )
    return reports


def _kind(package: PackageLayer) -> str:
    if package.built:
        return "built here" if package.native else "pure, built here"
    return "wasm wheel" if package.native else "pure"


def _metadata(store: Store, layer: str) -> dict[str, Any]:
    for path in (store.tree(layer) / SITE_PACKAGES).glob("*.dist-info/METADATA"):
        message = Parser().parsestr(path.read_text("utf-8", "replace"), headersonly=True)
        licence = message["License-Expression"] or message["License"] or ""
        return {
            "requires": message.get_all("Requires-Dist") or (),
            "extras": message.get_all("Provides-Extra") or (),
            "summary": message["Summary"] or "",
            "licence": licence.splitlines()[0] if licence else "",
        }
    return {}


def _requirements(lines: Iterable[str], markers: Mapping[str, str], extras: Sequence[str]) -> set[str]:
    """Names of what is needed with any of the extras; which of them were chosen shows in what is there."""
    names: set[str] = set()
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or any(requirement.marker.evaluate({**markers, "extra": extra}) for extra in extras):
            names.add(canonicalize_name(requirement.name))
    return names


def _requested_name(line: Mapping[str, Any]) -> str | None:
    try:
        return canonicalize_name(Requirement(str(line["text"])).name)
    except InvalidRequirement:
        return None
